/** The benchmark's PyTorch peer: a real child process. */
import { expect, it } from 'vitest';
import type { BenchModel } from '../../bench/models.ts';
import { openPyTorch } from '../../bench/pytorch-peer.ts';
import { pythonWithTorch } from './requirements.ts';

const MODEL: BenchModel = {
  name: 'least',
  config: {
    family: 'gpt2',
    corpus: 'marker-retrieval',
    layers: 1,
    width: 8,
    heads: 2,
    feedForward: 16,
    vocabulary: 7,
    positions: 4,
    normEpsilon: 1e-5,
  },
  shape: { batch: 2, sequence: 4 },
};

it('says which PyTorch it is, times training steps and ends when it is closed', async () => {
  const peer = await openPyTorch(await pythonWithTorch(), MODEL, 'eager');
  expect(peer.description).toMatch(/^PyTorch \d.*, eager, 1 thread, /);
  expect(await peer.milliseconds(2)).toBeGreaterThan(0);
  expect(peer.peakBytes).toBeGreaterThan(1e6);
  await peer.close();
  await expect(peer.milliseconds(1)).rejects.toThrow("PyTorch's process ended: without an error");
});
