/** Jobs share the machine's memory by what they are expected to take, and one that cannot fit is refused. */
import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { MemoryRoom } from '../../src/engine/executors/local/memory-room.ts';
import { GpuSlots } from '../../src/engine/executors/local/gpu-slots.ts';
import { LocalExecutor } from '../../src/engine/executors/local/local-executor.ts';
import type { MemoryNeed } from '../../src/engine/memory-need.ts';
import type { Slot } from '../../src/engine/executor.ts';

const GB = 1e9;
const never = new AbortController().signal;
const needOf = (bytes: number): MemoryNeed => ({
  bytes,
  fitting: async (room) => (room >= GB ? '"train": { "microBatchSize": 2 }' : undefined),
});

it('lets in what fits beside the others, and the next one when there is room', async () => {
  const room = new MemoryRoom(10 * GB);
  const entered: string[] = [];
  const enter = (name: string, bytes: number) =>
    room.take(needOf(bytes), name, never).then((leave) => {
      entered.push(name);
      return leave;
    });
  const [first, small] = [await enter('first', 6 * GB), await enter('small', 3 * GB)];
  const [large, other] = [enter('large', 7 * GB), enter('other', 1 * GB)];
  (await other)();
  expect(entered).toEqual(['first', 'small', 'other']);
  first();
  (await large)();
  expect(entered).toEqual(['first', 'small', 'other', 'large']);
  small();
});

it('leaves nothing behind of a job that looked many times before it fitted', async () => {
  const room = new MemoryRoom(10 * GB);
  const { signal } = new AbortController();
  const large = await room.take(needOf(8 * GB), 'large', signal);
  const waiting = room.take(needOf(9 * GB), 'waiting', signal);
  for (let count = 0; count < 20; count++) (await room.take(needOf(1 * GB), 'small', signal))();
  expect(getEventListeners(signal, 'abort').length).toBeLessThanOrEqual(1);
  large();
  (await waiting)();
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

const executor = () =>
  new LocalExecutor({ jobs: 4, gpus: new GpuSlots({ choice: 'none' }), memory: 10 * GB, worker: 'none.js' });
const request = (place: string, bytes: number, signal?: AbortSignal) => ({
  place,
  resources: { cpus: 1, gpus: 0, expectedMemory: needOf(bytes) },
  ...(signal && { signal }),
});

it('gives no more slots at a time than fit, whatever the number of jobs', async () => {
  const local = executor();
  const given: Slot[] = [];
  const wait = new AbortController();
  for (let asked = 0; asked < 3; asked++)
    void local.reserve(request(`A/s${asked}`, 4 * GB, wait.signal)).then((slot) => slot && given.push(slot));
  await local.reserve(request('B/s0', 1 * GB)).then((slot) => slot!.release()); // it fits beside two of them
  expect(given).toHaveLength(2);
  given[0]!.release();
  await expect.poll(() => given.length).toBe(3);
  const stopped = local.reserve(request('C/s0', 9 * GB, wait.signal));
  wait.abort();
  expect(await stopped).toBeUndefined();
  await local.close();
});

it('refuses what does not fit by itself, with what it would take and what to do', async () => {
  const local = executor();
  await expect(local.reserve(request('A/s0/r1/train', 11 * GB))).rejects.toMatchObject({
    failure: {
      kind: 'unavailable',
      what: 'A/s0/r1/train',
      message: 'it would take about 11 GB of memory, and this machine has 10 GB',
      remedy: 'Declare "train": { "microBatchSize": 2 }, or use a larger machine.',
    },
  });
  (await local.reserve(request('A/s0/r1/eval', 1 * GB)))!.release();
  await local.close();
});
