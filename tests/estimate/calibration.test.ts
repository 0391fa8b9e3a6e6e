/** What a calibration measures: nodes, and not what they wait for. */
import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Calibration } from '../../src/estimate/calibration.ts';
import { workloadOf } from '../../src/estimate/workload.ts';
import { FakeExecutor } from '../engine/fake-executor.ts';
import { Rig } from '../engine/rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await Rig.create();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rig.remove();
});

it('leaves out the time that a node waits for a GPU', async () => {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const executor = new FakeExecutor({
    slots: 2,
    gpus: 1,
    run: async ({ job }) => {
      now += 1000;
      for (const path of Object.values(job.outputs)) await writeFile(path, '');
      return { kind: 'done', metrics: {} };
    },
  });
  const plan = await rig.plan({ A: { params: { gpus: 1 } } });
  const workload = await workloadOf(plan, {
    root: '/study',
    wanted: {},
    cache: rig.cache,
    countingRecord: async () => undefined,
  });
  const calibration = new Calibration({ cache: rig.cache, stages: rig.loader }, plan, executor, 2);
  const sampled = await calibration.sample(workload.tasks[0]!);
  expect(new Set(sampled!.timed.map(({ seconds }) => seconds))).toEqual(new Set([1]));
  await rig.cache.scratch.clear();
});
