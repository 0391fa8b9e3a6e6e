/** What a calibration measures: units of work, not what surrounds them, and not what nodes wait for. */
import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { JsonObject } from '../../src/base/json.ts';
import { Calibration } from '../../src/estimate/calibration.ts';
import { fitRate, secondsOf } from '../../src/estimate/rate.ts';
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

it('tells what a unit of work takes, however much more the rest of a node takes', async () => {
  const [SURROUNDINGS, STEP] = [50, 11]; // milliseconds, about a training's on the built-in model
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const noise = [9, -9, -7, 8, -8, 7, 3];
  let runs = 0;
  const executor = new FakeExecutor({
    slots: 1,
    run: async ({ job }) => {
      now += SURROUNDINGS + noise[runs++ % noise.length]! + STEP * Number(job.params.to);
      for (const path of Object.values(job.outputs)) await writeFile(path, '');
      return { kind: 'done', metrics: {} };
    },
  });
  const plan = await rig.plan({ A: { stage: 'count', params: { to: 20_000 } } });
  const { tasks } = await workloadOf(plan, {
    root: '/study',
    wanted: {},
    cache: rig.cache,
    countingRecord: async () => undefined,
  });
  const [task] = tasks;
  const { node } = task!.planned;
  const work = ({ to }: JsonObject) => ({
    ...{ unit: 'steps', count: Number(to), alike: null },
    sample: (units: number) => ({ to: units }),
  });
  const counted = { ...task!, planned: { ...task!.planned, node: { ...node, stage: { ...node.stage, work } } } };
  const calibration = new Calibration({ cache: rig.cache, stages: rig.loader }, plan, executor, 1);
  const { timed } = (await calibration.sample(counted))!;
  expect(secondsOf(fitRate(timed)!, 20_000)).toBeCloseTo((SURROUNDINGS + STEP * 20_000) / 1000, -1.5);
  expect(Math.max(...timed.map(({ units }) => units)), 'a fraction of a second').toBeLessThan(100);
  await rig.cache.scratch.clear();
});
