/** What the benchmark says where PyTorch is missing or fails. With PyTorch: tests/real. */
import { afterEach, describe, expect, it } from 'vitest';
import { findPyTorch, openPyTorch } from '../../bench/pytorch-peer.ts';
import { LEAST_MODEL } from './least-bench-model.ts';

const named = process.env.SWP_BENCH_PYTHON;

describe('without PyTorch', () => {
  afterEach(() => {
    if (named === undefined) delete process.env.SWP_BENCH_PYTHON;
    else process.env.SWP_BENCH_PYTHON = named;
  });

  it('a Python that was named but cannot import torch is an error that says so', async () => {
    process.env.SWP_BENCH_PYTHON = process.execPath;
    await expect(findPyTorch()).rejects.toThrow(`SWP_BENCH_PYTHON is ${process.execPath}, which cannot import torch.`);
  });

  it('a process that ends instead of answering is an error with what it wrote', async () => {
    await expect(openPyTorch(process.execPath, LEAST_MODEL, { variant: 'eager' })).rejects.toThrow(
      /^PyTorch's process ended: [\s\S]*peer\.py/,
    );
  });
});
