/** Jobs share what is free of a disk by what they are expected to write, and one that cannot fit is refused. */
import { expect, it } from 'vitest';
import { DiskRoom } from '../../src/engine/executors/local/disk-room.ts';
import { GpuSlots } from '../../src/engine/executors/local/gpu-slots.ts';
import { LocalExecutor } from '../../src/engine/executors/local/local-executor.ts';

const GB = 1e9;
const never = new AbortController().signal;
const on = (bytes: number) => ({ bytes, folder: '/cache' });

it('refuses what does not fit by itself, with what it would write, what is free, and what to do', async () => {
  const room = new DiskRoom(() => 2 * GB);
  await expect(room.take(on(3 * GB), 'A/s0/r1/train', never)).rejects.toMatchObject({
    failure: {
      kind: 'unavailable',
      what: 'A/s0/r1/train',
      message: 'it would write about 3 GB, and 2 GB are free where the cache is, /cache',
      remedy: expect.stringContaining('--keep last') as string,
    },
  });
  (await room.take(on(0), 'A/s0/r1/eval', never))();
});

it('lets one wait for those that are writing, and looks again at what is free then', async () => {
  let free = 5 * GB;
  const room = new DiskRoom(() => free);
  const entered: string[] = [];
  const enter = (name: string, bytes: number) =>
    room.take(on(bytes), name, never).then((leave) => {
      entered.push(name);
      return leave;
    });
  const first = await enter('first', 3 * GB);
  const second = enter('second', 3 * GB);
  (await enter('small', 1 * GB))();
  expect(entered).toEqual(['first', 'small']);
  free = 4 * GB;
  first();
  (await second)();
  const [third, fourth] = [await enter('third', 3 * GB), enter('fourth', 3 * GB)];
  free = 1 * GB; // the third filled it
  third();
  await expect(fourth).rejects.toMatchObject({ failure: { kind: 'unavailable', what: 'fourth' } });
  // A wait that is given up holds up nobody.
  free = 5 * GB;
  const last = await enter('last', 3 * GB);
  const stop = new AbortController();
  const stopped = room.take(on(3 * GB), 'stopped', stop.signal);
  stop.abort();
  (await stopped)();
  last();
});

it('comes before a slot', async () => {
  const local = new LocalExecutor({
    ...{ jobs: 2, gpus: new GpuSlots({ choice: 'none' }), worker: 'none.js' },
    freeBytes: () => 1 * GB,
  });
  const request = (bytes: number) => ({ place: 'A/s0', resources: { cpus: 1, gpus: 0, expectedDisk: on(bytes) } });
  await expect(local.reserve(request(2 * GB))).rejects.toMatchObject({ failure: { kind: 'unavailable' } });
  for (let times = 0; times < 3; times++) (await local.reserve(request(1 * GB)))!.release();
  await local.close();
});
