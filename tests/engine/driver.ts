/** A process of its own that runs one toy node and prints its log lines, for a test to kill. */
import { join } from 'node:path';
import { Cache } from '../../src/cache/cache.ts';
import { StudyState } from '../../src/cache/study-state.ts';
import { DagBuilder } from '../../src/engine/dag-builder.ts';
import { GpuSlots } from '../../src/engine/executors/local/gpu-slots.ts';
import { LocalExecutor } from '../../src/engine/executors/local/local-executor.ts';
import { run } from '../../src/engine/run.ts';
import { StageLoader } from '../../src/engine/stage-loader.ts';

const [directory, worker, params] = process.argv.slice(2) as [string, string, string];
const cache = await Cache.open(join(directory, 'cache'));
const stages = new StageLoader({ modules: join(directory, 'stages'), fingerprints: { text: 'text-1' } });
const builder = new DagBuilder({ loader: stages, root: directory });
await builder.add({
  stage: 'text',
  params: JSON.parse(params),
  inputs: {},
  label: { experiment: 'A', seed: 0, round: 0, step: 'step' },
});
const executor = new LocalExecutor({ jobs: 1, gpus: new GpuSlots({ choice: 'none' }), worker });
await run({
  dag: builder.dag,
  cache,
  study: await StudyState.open(cache, join(directory, 'pipeline.json')),
  stages,
  executor,
  environment: async () => ({}),
  emit: (event) => event.event === 'node-log' && console.log(event.line),
  signal: new AbortController().signal,
});
await executor.close();
