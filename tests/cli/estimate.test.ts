/** swp estimate, with the real stages: what there is to do, from what it is known, and how good it was. */
import { cp } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../src/model/safetensors.ts';
import { SwpProject } from '../support/swp-project.ts';
import { tinyTextStudy, writePublishedFolder } from '../support/tiny-published.ts';
import { tinyStudy } from '../support/tiny-study.ts';
import { TEXT } from '../text/tiny-model.ts';

interface Told {
  nodes: { total: number; toRun: number };
  stages: {
    stage: string;
    nodes: number;
    unit: string;
    units: number;
    asked: number;
    resumed: number;
    flops: number | null;
    seconds: { estimate: number; lower: number; upper: number } | null;
    source: { kind: string; n: number };
    memory: number | null;
  }[];
  flops: number;
  seconds: { estimate: number; lower: number; upper: number };
  unknown: string[];
  disk: { evictable: number; kept: number };
  gpu: { tflops: number; hours: number } | null;
}

test('estimates from a calibration at first, then from records; the run is compared with it', async () => {
  const study = tinyStudy();
  study.defaults.seeds = [0, 1];
  const project = await SwpProject.create(study);
  const told = async (...args: string[]) => (await project.swp('estimate', '--json', ...args)).json<Told>()[0]!;
  const first = await told('--jobs', '1', '--gpu-tflops', '2');
  // Two arms share load, init, the first training and its evaluation.
  expect(first.nodes).toEqual({ total: 20, toRun: 20 });
  const of = (estimate: Told, stage: string) => estimate.stages.find((each) => each.stage === stage)!;
  expect(of(first, 'train')).toMatchObject({
    nodes: 6,
    unit: 'steps',
    units: 12,
    asked: 16,
    resumed: 0,
    source: { kind: 'calibration' },
  });
  expect(of(first, 'eval')).toMatchObject({ nodes: 6, unit: 'sequences', units: 48 });
  expect(of(first, 'prune')).toMatchObject({ nodes: 4, unit: 'nodes', flops: null });
  expect(first.unknown).toEqual([]);
  expect(first.seconds.lower).toBeLessThanOrEqual(first.seconds.estimate);
  expect(first.seconds.upper).toBeGreaterThanOrEqual(first.seconds.estimate);
  expect(first.gpu!.hours).toBeCloseTo(first.flops / 2e12 / 3600, 12);
  // The parameters of export: a step's FLOP are the graph's.
  const step = (await project.swp('export', '--graph', 'stage=train', '--json')).json<{ flops: number }>()[0]!;
  expect(of(first, 'train').flops).toBe(12 * step.flops);

  const summary = (await project.swp('repro', '--json', '--jobs', '1'))
    .json<{ estimate: { estimated: number; took: number; ratio: number } }>()
    .at(-1)!;
  expect(summary.estimate.ratio).toBeCloseTo(summary.estimate.took / summary.estimate.estimated, 9);
  const checked = await project.swp('estimate', '--check');
  expect(checked.stdout).toMatch(
    /^all, \d{4}-\d\d-\d\d [\d:]+: estimated [\d.]+ [^,]+ \([\d.]+ [^,]+ to [\d.]+ [^,]+\), took [\d.]+ [^,]+ \(x[\d.]+\)\.$/m,
  );
  expect(checked.stdout).toMatch(/^train +6 +6 /m);
  expect((await project.swp('history')).stdout).toMatch(/\(x[\d.]+\) +20 /);

  expect((await project.swp('estimate')).stdout).toContain('Nothing to do: all 20 nodes are cached.');
  const fresh = await told('--fresh');
  expect(fresh.nodes.toRun).toBe(20);
  expect(of(fresh, 'train').source.kind).toBe('records');
  expect(fresh.disk.evictable).toBeGreaterThan(1e6);
  // The worker's own 150 MB and little more, of the built-in model.
  for (const { stage, memory } of fresh.stages)
    if (stage === 'aggregate') expect(memory).toBeNull();
    else expect(memory! / 1e6, stage).toBeGreaterThan(150);

  // A longer training goes on from the one that is there.
  study.defaults.params.train = { ...study.defaults.params.train, steps: 5 };
  await project.write('pipeline.json', study);
  expect(of(await told('step=train', 'round=1'), 'train')).toMatchObject({ nodes: 2, units: 6, resumed: 4, asked: 20 });
});

test('says what it cannot know, and what is wrong with an option', async () => {
  const project = await SwpProject.create(tinyStudy());
  expect((await project.swp('estimate', '--jobs', '0')).stderr).toContain('It must be a whole number from 1 to 9999.');
  expect((await project.swp('estimate', '--gpu-tflops', 'fast')).stderr).toContain('It must be a positive number.');
  const { stderr, exitCode } = await project.swp('estimate', '--check');
  expect(stderr).toContain('No run of this study began with an estimate and came to its end.');
  expect(exitCode).toBe(2);
});

test('says why nothing is known where the calibration fails, once, and no disk or time of it', async () => {
  const project = await SwpProject.create(tinyTextStudy('./model', './text.txt'));
  await cp(TEXT, project.path('text.txt'));
  await writePublishedFolder(project.path('model'));
  const weights = project.path('model/model.safetensors');
  const { tensors } = await readSafetensors(weights);
  for (const { data } of tensors.values()) data.fill(0);
  await writeSafetensors(weights, tensors);

  const { stdout, stderr, exitCode } = await project.swp('estimate', '--jobs', '1');
  expect(exitCode).toBe(0);
  expect(stdout).not.toMatch(/ 0 B/);
  expect(stdout).toMatch(/^Disk: .*, without load-pretrained, .*: nothing is known of them\.$/m);
  expect(stderr.match(/warning: .*\(load-pretrained\): .*These weights have learned nothing/g)).toHaveLength(1);
  const [told] = (await project.swp('estimate', '--json', '--jobs', '1')).json<Told>();
  expect(told!.stages.find(({ stage }) => stage === 'load-pretrained')!.source).toMatchObject({
    kind: 'unknown',
    failure: { kind: 'stage', node: 'A1/s0/r0/load' },
  });
});
