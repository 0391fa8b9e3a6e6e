/** GPU slots, on a fake nvidia-smi that says what a file holds. */
import { chmod, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SwpEvent } from '../../src/engine/event.ts';
import { GpuSlots, isFree, visibleGpus, type GpuGrant } from '../../src/engine/executors/local/gpu-slots.ts';
import { queryGpus, type Gpu } from '../../src/base/nvidia-smi.ts';
import { isOutOfDeviceMemory } from '../../src/compute/runtimes/out-of-memory.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { localExecutor, Rig } from './rig.ts';

let rig: Rig;
let env: NodeJS.ProcessEnv;
beforeEach(async () => {
  rig = await Rig.create();
  // The shell, since it starts at once on the busiest machine; there is no other program in the PATH.
  await writeFile(
    rig.path('nvidia-smi'),
    `#!/bin/sh
cd '${rig.directory}'
if [ -e broken ]; then echo 'Failed to initialize NVML: Driver/library version mismatch' >&2; exit 18; fi
case "$*" in *compute-apps*) /bin/cat apps ;; *) /bin/cat gpus ;; esac`,
  );
  await chmod(rig.path('nvidia-smi'), 0o755);
  env = { PATH: rig.directory };
});
afterEach(() => rig.remove());

async function machine(gpus: string[] | 'broken', apps: string[] = []): Promise<void> {
  if (gpus === 'broken') return writeFile(rig.path('broken'), '');
  for (const [file, lines] of Object.entries({ gpus, apps })) await writeFile(rig.path(file), `${lines.join('\n')}\n`);
}
const IDLE = [
  '0, GPU-aaaa, 3, 81559, 550.54.15, NVIDIA H100 80GB HBM3',
  '1, GPU-bbbb, 10, 81559, 550.54.15, NVIDIA A100-SXM4, 80GB',
];
const slots = (choice: ConstructorParameters<typeof GpuSlots>[0]['choice'] = 'auto', more = {}) =>
  new GpuSlots({ choice, env: { ...env, ...more }, folder: rig.path('gpu-leases'), clock: new ManualClock() });
const never = new AbortController().signal;

describe('nvidia-smi', () => {
  it('is read as it writes: names with commas, values that are not there, processes', async () => {
    await machine(
      [...IDLE, '2, GPU-cccc, [N/A], [Not Supported], 550.54.15, Tesla'],
      ['GPU-bbbb, 4711', 'GPU-bbbb, 4712'],
    );
    const driver = '550.54.15';
    const memory = { usedMemory: 3, totalMemory: 81559 };
    expect(await queryGpus(env)).toEqual({
      kind: 'gpus',
      gpus: [
        { index: 0, uuid: 'GPU-aaaa', name: 'NVIDIA H100 80GB HBM3', driver, ...memory, processes: 0 },
        { index: 1, uuid: 'GPU-bbbb', name: 'NVIDIA A100-SXM4, 80GB', driver, ...memory, usedMemory: 10, processes: 2 },
        { index: 2, uuid: 'GPU-cccc', name: 'Tesla', driver, usedMemory: null, totalMemory: null, processes: 0 },
      ],
    });
    await machine(['No devices were found']);
    expect(await queryGpus(env)).toEqual({ kind: 'gpus', gpus: [] });
  });

  it('that fails is told; one that is missing means no GPU', async () => {
    await machine('broken');
    const message = 'nvidia-smi fails: Failed to initialize NVML: Driver/library version mismatch';
    expect(await queryGpus(env)).toEqual({ kind: 'failed', message });
    await expect(slots().acquire('A', () => {}, never)).rejects.toMatchObject({
      failure: { kind: 'unavailable', message },
    });
    expect(await queryGpus({ PATH: rig.path('stages') })).toEqual({ kind: 'absent' });
    await expect(slots('auto', { PATH: rig.path('stages') }).acquire('A', () => {}, never)).rejects.toMatchObject({
      failure: { kind: 'unavailable', message: 'nvidia-smi finds no GPU' },
    });
  });
});

describe('a slot', () => {
  it('is one node of all processes; the next one takes another GPU, and a third waits', async () => {
    await machine(IDLE);
    const [first, second] = [slots(), slots()];
    const one = await first.acquire('A', () => {}, never);
    const two = await second.acquire('B', () => {}, never);
    expect([one!.env, two!.env]).toEqual([
      { CUDA_VISIBLE_DEVICES: 'GPU-aaaa', CUDA_DEVICE_ORDER: 'PCI_BUS_ID' },
      { CUDA_VISIBLE_DEVICES: 'GPU-bbbb', CUDA_DEVICE_ORDER: 'PCI_BUS_ID' },
    ]);
    const clock = new ManualClock();
    const third = new GpuSlots({ choice: 'auto', env, folder: rig.path('gpu-leases'), clock });
    const waits = new Promise<Gpu[]>(
      (resolve) => void third.acquire('C', resolve, never).then((grant) => void (granted = grant!.gpu.uuid)),
    );
    let granted = '';
    expect((await waits).map(({ index }) => index)).toEqual([0, 1]);
    two!.release();
    while (granted === '') {
      clock.advance(3000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(granted).toBe('GPU-bbbb');
    await Promise.all([first, second, third].map((each) => each.close()));
  });

  it('is not taken where others compute, or where memory says that they do behind a container', async () => {
    await machine(
      [
        '0, GPU-aaaa, 900, 81559, 550.54.15, X',
        '1, GPU-bbbb, 10, 81559, 550.54.15, X',
        '2, GPU-cccc, 10, 81559, 550.54.15, X',
      ],
      ['GPU-bbbb, 1'],
    );
    const mine = slots();
    expect((await mine.acquire('A', () => {}, never))!.gpu.index).toBe(2);
    await mine.close();
    expect(
      isFree({ index: 0, uuid: '', name: '', driver: '', usedMemory: null, totalMemory: null, processes: 0 }),
    ).toBe(true);
  });

  it('is among those that --gpus and CUDA_VISIBLE_DEVICES leave', async () => {
    await machine(IDLE);
    const mine = slots(['1']);
    expect((await mine.acquire('A', () => {}, never))!.gpu.index).toBe(1);
    await mine.close();
    await expect(slots(['7']).acquire('A', () => {}, never)).rejects.toMatchObject({
      failure: {
        message: '--gpus names 7, which is not there',
        remedy: 'There are 0 (NVIDIA H100 80GB HBM3), 1 (NVIDIA A100-SXM4, 80GB).',
      },
    });
    await expect(slots('none').acquire('A', () => {}, never)).rejects.toMatchObject({
      failure: { message: '--gpus none was given' },
    });
    await expect(slots('auto', { CUDA_VISIBLE_DEVICES: '' }).acquire('A', () => {}, never)).rejects.toMatchObject({
      failure: { kind: 'unavailable' },
    });
    const aborted = new AbortController();
    aborted.abort();
    expect(await slots().acquire('A', () => {}, aborted.signal)).toBeUndefined();
  });

  it('sees what CUDA would see', () => {
    const gpus = [0, 1, 2].map((index) => ({ index, uuid: `GPU-${index}a` }) as Gpu);
    const seen = (variable?: string) => visibleGpus(gpus, variable).map(({ index }) => index);
    expect([seen(), seen(''), seen('2,0'), seen('GPU-1'), seen('0,9,1'), seen('-1'), seen('1,1')]).toEqual([
      [0, 1, 2],
      [],
      [2, 0],
      [1],
      [0],
      [],
      [1],
    ]);
    fc.assert(fc.property(fc.string(), (variable) => seen(variable).every((index) => index >= 0 && index <= 2)));
  });
});

it('a job that waits for a worker holds no GPU meanwhile: another process can have it', async () => {
  await machine(IDLE.slice(0, 1));
  const executor = await localExecutor({ jobs: 1, gpus: slots() });
  const worker = await executor.reserve({ place: 'A', resources: { cpus: 1, gpus: 0 } });
  let isServed = false;
  const request = executor.reserve({ place: 'B', resources: { cpus: 1, gpus: 1 } }).then((slot) => {
    isServed = true;
    return slot!;
  });
  const other = slots();
  let taken: GpuGrant | undefined;
  while (taken === undefined) taken = await other.tryAcquire('C');
  taken.release();
  expect(isServed).toBe(false);
  worker!.release();
  (await request).release();
  await other.close();
  await executor.close();
});

it('a run gives each node a GPU of its own, whose worker sees no other; processor nodes do not wait', async () => {
  await machine(IDLE);
  const gpu = { params: { do: 'say which GPU', gpus: 1 } };
  const events: SwpEvent[] = [];
  const run = await rig.run(
    { A: gpu, B: gpu, C: { params: { do: 'say which GPU' } } },
    { jobs: 3, gpus: slots(), onEvent: (event) => void events.push(event) },
  );
  expect(run.result).toMatchObject({ ran: 3, failed: 0 });
  const lines = events.flatMap((event) => (event.event === 'node-log' ? [event.line] : [])).sort();
  expect(lines).toEqual(['GPU GPU-aaaa', 'GPU GPU-bbbb', 'GPU undefined']);
  expect((await rig.run({ D: gpu }, { gpus: slots('none') })).result.failures).toMatchObject([
    { failure: { kind: 'unavailable' } },
  ]);
});

it("a node that runs out of the device's memory, or takes more than it may, is told so", async () => {
  const device = await rig.run({ A: { params: { do: 'run out of device memory' } } });
  expect(device.result.failures).toMatchObject([
    { failure: { kind: 'out-of-memory', message: 'CUDA failure 2: out of memory ; GPU=0' } },
  ]);
  const limited = await rig.run({ B: { params: { do: 'take memory' } } }, { memoryPerNode: 300e6 });
  expect(limited.result.failures).toMatchObject([{ failure: { kind: 'memory-limit', limit: 300e6 } }]);
});

it.each([
  'CUDA failure 2: out of memory ; GPU=0 ; hostname=box ; file=cuda_call.cc',
  'Non-zero status code returned while running MatMul node. Failed to allocate memory for requested buffer of size 4294967296',
  'CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED',
  'OOM when allocating tensor with shape[64,1024] on /job:localhost/replica:0/task:0/device:GPU:0',
  'Available memory of 1024 is smaller than requested bytes of 4096',
])('%s: is a device out of memory', (message) => {
  expect(isOutOfDeviceMemory(message)).toBe(true);
  expect(isOutOfDeviceMemory('The loss became NaN at step 3')).toBe(false);
});
