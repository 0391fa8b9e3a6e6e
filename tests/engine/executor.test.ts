/** Every executor that computes keeps to one contract. */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Executor, JobOutcome, Slot } from '../../src/engine/executor.ts';
import { GpuSlots } from '../../src/engine/executors/local/gpu-slots.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { DEEDS_STAGE, NVIDIA_SMI } from './deeds-stage.ts';
import { executorContract, slotContract } from './executor-contract.ts';
import { FakeExecutor, type FakeJob } from './fake-executor.ts';
import { localExecutor } from './rig.ts';

/** Two slots for processes of this machine, which load the stage above, and a GPU. */
async function onThisMachine(folder: string, make: (options: MachineOptions) => Promise<Executor<Slot>>) {
  await mkdir(join(folder, 'stages'));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await writeFile(join(folder, 'stages/deeds.js'), DEEDS_STAGE);
  await writeFile(join(folder, 'nvidia-smi'), NVIDIA_SMI);
  await chmod(join(folder, 'nvidia-smi'), 0o755);
  const clock = new ManualClock();
  const env = { PATH: folder };
  const gpus = new GpuSlots({ choice: 'auto', env, folder: join(folder, 'gpu-leases'), clock });
  return {
    executor: await make({ jobs: 2, gpus }),
    module: join(folder, 'stages/deeds.js'),
    lookAgain: () => clock.advance(10_000),
  };
}

interface MachineOptions {
  jobs: number;
  gpus: GpuSlots;
}

const workers = (folder: string) => onThisMachine(folder, localExecutor);
executorContract('workers of this machine', workers);
slotContract('workers of this machine', workers);

/** The contract's stage, for an executor without processes. */
const DEEDS: Record<string, (fake: FakeJob) => Promise<JobOutcome> | JobOutcome> = {
  async write({ job, hear }) {
    hear({ kind: 'output', text: 'a line\nanother line\n' });
    for (const done of [1, 2]) hear({ kind: 'progress', progress: { done, total: 2 } });
    const say = String(job.params.say);
    await writeFile(job.outputs.text!, (await readFile(job.inputs.from!, 'utf8')) + say);
    return { kind: 'done', metrics: { length: say.length } };
  },
  fail: () => ({
    kind: 'error',
    message: 'no space left',
    stack: '',
    cause: { kind: 'file', path: '/full', operation: 'write', code: 'ENOSPC', remedy: '' },
  }),
  die: () => ({ kind: 'died', signal: 'SIGKILL' }),
  'fill GPU': () => ({ kind: 'out-of-device-memory', message: 'out of memory', stack: '' }),
  'take memory': ({ resources }) => ({ kind: 'too-large', limit: resources.memoryBytes!, reached: 400e6 }),
  async checkpoint({ job, hear }) {
    const { folder } = job.checkpoints!;
    for (const at of [1, 2]) {
      const files = { text: join(folder, `${at}.txt`) };
      await writeFile(files.text, `state at ${at}`);
      await new Promise<void>((taken) => {
        hear({ kind: 'checkpoint', at, folder, files, taken });
        if (at === 1) hear({ kind: 'output', text: 'not yet\n' });
      });
    }
    await writeFile(job.outputs.text!, 'two checkpoints');
    return { kind: 'done', metrics: {} };
  },
  async resume({ job }) {
    const { at, state } = job.resume!;
    await writeFile(job.outputs.text!, `${at}: ${await readFile(state.text!, 'utf8')}`);
    return { kind: 'done', metrics: {} };
  },
  wait({ hear }) {
    hear({ kind: 'output', text: 'waiting\n' });
    return new Promise(() => {});
  },
};

const fake = async () => ({
  executor: new FakeExecutor({
    slots: 2,
    gpus: 1,
    run: async (fake) => DEEDS[String(fake.job.params.do)]!(fake),
  }),
  module: '',
  lookAgain: () => {},
});
executorContract('a fake one', fake);
slotContract('a fake one', fake);
