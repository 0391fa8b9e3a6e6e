/** A process of its own that runs a small study with trajectories on a cache, for a test to kill at any moment. */
import { join } from 'node:path';
import { Cache } from '../../src/cache/cache.ts';
import { StudyState } from '../../src/cache/study-state.ts';
import { DagBuilder } from '../../src/engine/dag-builder.ts';
import { GpuSlots } from '../../src/engine/executors/local/gpu-slots.ts';
import { LocalExecutor } from '../../src/engine/executors/local/local-executor.ts';
import { run } from '../../src/engine/run.ts';
import { StageLoader } from '../../src/engine/stage-loader.ts';

const [directory, worker] = process.argv.slice(2) as [string, string];
const cache = await Cache.open(join(directory, 'cache'));
const stages = new StageLoader({
  modules: join(directory, 'stages'),
  fingerprints: { count: 'count-1', text: 'text-1' },
});
const builder = new DagBuilder({ loader: stages, root: directory });
const label = (experiment: string) => ({ experiment, seed: 0, round: 0, step: 'step' });
let before: string | undefined;
for (let index = 0; index < 6; index++) {
  for (const to of [5, 12]) {
    const inputs: Record<string, { key: string; artifact: string }> =
      before === undefined ? {} : { from: { key: before, artifact: 'text' } };
    const key = await builder.add({
      stage: 'count',
      params: { to, say: 'x' },
      inputs,
      label: label(`N${index}-${to}`),
    });
    if (to === 12) before = key;
  }
}
const executor = new LocalExecutor({ jobs: 2, gpus: new GpuSlots({ choice: 'none' }), worker });
console.log('planned');
const result = await run({
  dag: builder.dag,
  cache,
  study: await StudyState.open(cache, join(directory, 'pipeline.json')),
  stages,
  executor,
  environment: async () => ({}),
  emit: () => {},
  signal: new AbortController().signal,
  checkpointSeconds: 0,
});
await executor.close();
console.log(
  JSON.stringify({
    failed: result.failed,
    total: result.total,
    digests: [...result.records.values()].map(({ artifacts }) => artifacts.text!.sha256).sort(),
  }),
);
