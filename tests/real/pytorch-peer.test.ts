/** The benchmark's PyTorch peer: a real child process. */
import { expect, it } from 'vitest';
import { openPyTorch } from '../../bench/pytorch-peer.ts';
import { pythonWithTorch } from './requirements.ts';
import { LEAST_MODEL } from '../compute/least-bench-model.ts';

it('says which PyTorch it is, times training steps and ends when it is closed', async () => {
  const peer = await openPyTorch(await pythonWithTorch(), LEAST_MODEL, { variant: 'eager' });
  expect(peer.description).toMatch(/^PyTorch \d.*, eager, 1 thread, /);
  const { milliseconds, cpuMilliseconds } = await peer.times(2);
  expect(Math.min(milliseconds, cpuMilliseconds)).toBeGreaterThan(0);
  expect(peer.peakBytes).toBeGreaterThan(1e6);
  await peer.close();
  await expect(peer.times(1)).rejects.toThrow("PyTorch's process ended: without an error");
});
