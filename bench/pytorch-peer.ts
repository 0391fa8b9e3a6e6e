/**
 * PyTorch as a peer of the benchmark: a Python process (bench/pytorch/train_step.py) that trains the same model, and is
 * told when to take training steps. It inherits this process's CPU affinity.
 */
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { execa } from 'execa';
import { packageRoot } from '../src/base/package-root.ts';
import type { BenchModel } from './models.ts';

const SCRIPT = join(packageRoot, 'bench/pytorch/train_step.py');

export interface PyTorchPeer {
  /** Versions and settings. */
  readonly description: string;
  /** Takes so many further training steps. @returns their mean milliseconds */
  milliseconds(steps: number): Promise<number>;
  /** Largest resident size of the process so far, in bytes. */
  readonly peakBytes: number;
  close(): Promise<void>;
}

/**
 * The path of a Python that can import torch: the one that SWP_BENCH_PYTHON names, else `python3`.
 * @returns undefined if `python3` has no torch
 * @throws Error if SWP_BENCH_PYTHON is set and has none
 */
export async function findPyTorch(): Promise<string | undefined> {
  const named = process.env.SWP_BENCH_PYTHON;
  const { failed, stdout, stderr } = await execa(
    named ?? 'python3',
    ['-c', 'import sys, torch; print(sys.executable)'],
    { reject: false },
  );
  if (!failed) return stdout.trim();
  if (named !== undefined) throw new Error(`SWP_BENCH_PYTHON is ${named}, which cannot import torch.\n${stderr}`);
  return undefined;
}

/**
 * Starts a peer and waits until the model is built, compiled if asked for, and its settings have been chosen.
 * @throws Error with what Python wrote if it fails, then or later
 */
export async function openPyTorch(
  python: string,
  { config, shape }: BenchModel,
  variant: 'eager' | 'compile',
): Promise<PyTorchPeer> {
  const child = execa(python, [SCRIPT], { reject: false, buffer: { stdout: false } });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async <Reply>(request: object): Promise<Reply> => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const line = await lines.next();
    if (!line.done) return JSON.parse(line.value) as Reply;
    const { stderr, shortMessage } = await child;
    throw new Error(`PyTorch's process ended: ${shortMessage ?? 'without an error'}\n${stderr}`);
  };
  const { description } = await ask<{ description: string }>({ config, ...shape, variant });
  let peakBytes = 0;
  return {
    description,
    async milliseconds(steps) {
      const reply = await ask<{ milliseconds: number; peakBytes: number }>({ steps });
      peakBytes = reply.peakBytes;
      return reply.milliseconds;
    },
    get peakBytes() {
      return peakBytes;
    },
    async close() {
      child.stdin.end();
      await child;
    },
  };
}
