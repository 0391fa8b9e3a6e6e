/** The executor that follows jobs of Slurm keeps to the contract of executors, on a real Slurm. */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { JsonObject } from '../../src/base/json.ts';
import { Cache } from '../../src/cache/cache.ts';
import { TIME_SIGNAL } from '../../src/engine/executors/slurm/allocation.ts';
import { batchScript, logName } from '../../src/engine/executors/slurm/batch-script.ts';
import { SlurmClient } from '../../src/engine/executors/slurm/client.ts';
import { jobFailure } from '../../src/engine/executors/slurm/job-failure.ts';
import { isOver, stateOfJob, type JobWords } from '../../src/engine/executors/slurm/job-state.ts';
import { JournalReader, type JobEnding, type JournalLine } from '../../src/engine/executors/slurm/journal.ts';
import type { SlurmSettings } from '../../src/engine/executors/slurm/settings.ts';
import { SlurmExecutor, type JobLook, type SubmittedBundle } from '../../src/engine/executors/slurm/slurm-executor.ts';
import type { SlurmJob } from '../../src/engine/executors/slurm/slurm-output.ts';
import { DEEDS_STAGE, NVIDIA_SMI } from '../engine/deeds-stage.ts';
import { executorContract, type ExecutorUnderTest } from '../engine/executor-contract.ts';
import { builtWorker, bundle } from '../engine/rig.ts';
import { deedDag } from './deed-study.ts';
import { SlurmCluster } from './slurm-cluster.ts';
import type { DeedWork } from './slurm-driver.ts';

let cluster: SlurmCluster;
beforeAll(async () => {
  cluster = await SlurmCluster.start({ cpus: 2, gpus: 1 });
});
afterAll(() => cluster?.stop());

const SETTINGS: SlurmSettings = { cpus: 1, memory: 1_000, time: '0:10:00', setup: [], signal: 60, options: [] };
/** Slurm starts a job before one that waits for a GPU only if it ends, by its time limit, before that one's turn. */
const WITH_GPU: SlurmSettings = { ...SETTINGS, gpus: '1', time: '1:00:00' };

/** A job that works off one node, as the executor and Slurm see it. */
class DeedJob implements SubmittedBundle {
  readonly nodes: readonly string[];
  readonly #journal: JournalReader;
  readonly #log: string;
  readonly #words: JobWords = { hasStarted: false };
  #ending: JobEnding | undefined;

  constructor(
    readonly job: string,
    key: string,
    folder: string,
    index: number,
  ) {
    this.nodes = [key];
    this.#journal = new JournalReader(folder, index);
    this.#log = join(folder, logName({ offset: 0 }, index));
  }

  news(): JournalLine[] {
    const lines = this.#journal.next();
    for (const line of lines)
      if (line.event === 'job-start') this.#words.hasStarted = true;
      else if (line.event === 'job-end') this.#ending = line;
    return lines;
  }

  judge(found: SlurmJob | 'absent' | 'silent'): JobLook {
    const ending = this.#ending;
    const state = stateOfJob(found, { ...this.#words, ...(ending && { ending: ending.how }) });
    if (!isOver(state)) return { over: false };
    const failure = jobFailure({
      ...{ job: this.job, bundle: 'A/s0', settings: SETTINGS },
      ...{ state: state.kind, log: this.#log, ending },
    });
    return { over: true, ...(failure && { failure }) };
  }
}

async function onSlurm(folder: string): Promise<ExecutorUnderTest> {
  await mkdir(join(folder, 'stages'));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await writeFile(join(folder, 'stages/deeds.js'), DEEDS_STAGE);
  await writeFile(join(folder, 'nvidia-smi'), NVIDIA_SMI);
  await chmod(join(folder, 'nvidia-smi'), 0o755);
  const [driver, worker] = [await bundle('tests/real/slurm-driver.ts'), await builtWorker()];
  const client = new SlurmClient({ env: { ...cluster.env, PATH: `${folder}:${cluster.env.PATH}` } });
  const declared = new Map<string, JsonObject>();
  const jobs = new Map<string, DeedJob>();
  let count = 0;

  const executor = new SlurmExecutor({
    bundles: [],
    async submit({ key, resources: { gpus, memoryBytes } }) {
      const params = declared.get(key)!;
      const work: DeedWork = { directory: folder, worker, params, ...(memoryBytes !== undefined && { memoryBytes }) };
      const index = count++;
      const script = batchScript({
        name: `A/s0 #${index}`,
        array: { settings: gpus > 0 ? WITH_GPU : SETTINGS, bundles: [index], offset: 0 },
        after: [],
        folder,
        logFolder: folder,
        timeSignal: TIME_SIGNAL,
        command: [process.execPath, driver, JSON.stringify(work)],
      });
      const job = new DeedJob(`${await client.submit(script)}_${index}`, key, folder, index);
      jobs.set(job.job, job);
      return job;
    },
    async ask(ids) {
      const answer = await client.jobs(ids);
      return (id) => jobs.get(id)!.judge(answer.kind === 'silent' ? 'silent' : (answer.value.get(id) ?? 'absent'));
    },
    cancel: (ids) => client.cancel(ids),
    whenStopped: 'cancel',
    lookEveryMs: 100,
  });

  return {
    executor,
    async declare(params, { gpus }) {
      const ofNode = { ...params, to: 2, file: join(folder, 'in.txt'), gpus };
      const { key } = await deedDag(folder, ofNode);
      declared.set(key, ofNode);
      return key;
    },
    async read(key) {
      const cache = await Cache.open(join(folder, 'cache'));
      return readFile(cache.artifactPath((await cache.record(key))!.artifacts.text!), 'utf8');
    },
    lookAgain: () => {},
  };
}

executorContract('jobs of Slurm', onSlurm);
