/**
 * What a job of Slurm runs in the contract of executors: a node of the stage `deeds`, as `swp work` runs a bundle. Its
 * arguments are a DeedWork as JSON and the number of the bundle.
 */
import { join } from 'node:path';
import type { JsonObject } from '../../src/base/json.ts';
import { Cache } from '../../src/cache/cache.ts';
import { StudyState } from '../../src/cache/study-state.ts';
import { isOutOfDeviceMemory } from '../../src/compute/runtimes/out-of-memory.ts';
import { GpuSlots } from '../../src/engine/executors/local/gpu-slots.ts';
import { LocalExecutor } from '../../src/engine/executors/local/local-executor.ts';
import { allocationIn, jobNameIn } from '../../src/engine/executors/slurm/allocation.ts';
import { Journal } from '../../src/engine/executors/slurm/journal.ts';
import { run } from '../../src/engine/run.ts';
import { deedDag, deedLoader } from './deed-study.ts';

export interface DeedWork {
  directory: string;
  worker: string;
  params: JsonObject;
  memoryBytes?: number;
}

const { directory, worker, params, memoryBytes } = JSON.parse(process.argv[2]!) as DeedWork;
const journal = Journal.begin(directory, Number(process.argv[3]));
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort('SIGTERM'));
journal.write({ event: 'job-start', job: jobNameIn(process.env), host: '', pid: process.pid, at: '' });
const cache = await Cache.open(join(directory, 'cache'));
const executor = new LocalExecutor({
  ...allocationIn(process.env),
  gpus: new GpuSlots({ choice: 'auto', folder: join(directory, 'gpu-leases') }),
  isOutOfDeviceMemory,
  worker,
});
const { failed, stopped } = await run({
  dag: (await deedDag(directory, params)).dag,
  cache,
  study: await StudyState.open(cache, join(directory, 'pipeline.json')),
  stages: deedLoader(directory),
  executor,
  environment: async () => ({}),
  emit: (event) => journal.write(event),
  checkpointSeconds: 0,
  ...(memoryBytes !== undefined && { memoryPerNode: memoryBytes }),
  signal: stop.signal,
});
await executor.close();
const ending = stopped === undefined ? { how: failed > 0 ? 'failed' : 'done' } : { how: 'stopped', signal: stopped };
journal.write({ event: 'job-end', at: '', ...(ending as { how: 'done' }) });
