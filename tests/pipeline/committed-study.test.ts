/** The study in pipeline.json: the table of experiments, and the rules of science that its wiring must keep. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { StageLoader } from '../../src/engine/stage-loader.ts';
import { lengthsOf } from '../../src/engine/trajectory.ts';
import { packageRoot } from '../../src/package-root.ts';
import { buildDag } from '../../src/pipeline/build-dag.ts';
import { readStudyFile } from '../../src/pipeline/study-file.ts';
import { resolveStudy, type Study } from '../../src/pipeline/study.ts';
import { runOf } from './study-of.ts';

const load = async (profile: string) => resolveStudy(await readStudyFile(join(packageRoot, 'pipeline.json')), { profile, loader: StageLoader.installed() });
let table: Study;
let pilot: Study;
beforeAll(async () => {
  [table, pilot] = await Promise.all([load('table'), load('pilot')]);
});

/** A parameter's values over a run's rounds, of the instances that there are. */
function over(study: Study, experiment: string, step: string, param: string): unknown[] {
  return [...runOf(study, experiment)].filter(([name]) => name.startsWith(`${step}@`)).map(([, { params }]) => params[param]);
}

const times = <Value>(count: number, value: Value) => Array.from({ length: count }, () => value);

describe('profile table', () => {
  it('plans 584,000 distinct training steps per seed in its rounds, instead of 660,000', async () => {
    const dag = await buildDag(table, StageLoader.installed());
    const inRounds = dag.nodes().map((key) => dag.getNodeAttributes(key)).flatMap((node) => {
      // I1 prunes before its first training: what is the final training of others is the last of its five rounds.
      const labels = node.labels.filter(({ experiment, seed, round }) => seed === 0 && (experiment === 'I1' || round <= (table.experiments.find(({ id }) => id === experiment)?.rounds ?? 0)));
      return labels.length > 0 ? [{ ...node, labels }] : [];
    });
    expect(lengthsOf(inRounds)).toEqual([{ stage: 'train', unit: 'steps', asked: 660_000, distinct: 584_000 }]);
  });

  it.each([
    ['A1', 'pretrained', times(6, 3000), times(5, 0.1)],
    ['A2', 'pretrained', times(6, 3000), times(5, 0.2)],
    ['B1', 'pretrained', times(6, 10_000), times(5, 0.1)],
    ['B2', 'pretrained', times(6, 10_000), times(5, 0.2)],
    ['C1', 'xavier', times(6, 10_000), times(5, 0.1)],
    ['C2', 'xavier', times(6, 10_000), times(5, 0.2)],
    ['D1', 'pretrained', times(5, 10_000), [0.05, 0.1, 0.15, 0.2]],
    ['D2', 'pretrained', times(5, 10_000), [0.05, 0.1, 0.15, 0.2]],
    ['E1', 'kaiming', times(6, 10_000), times(5, 0.1)],
    ['E2', 'kaiming', times(6, 10_000), times(5, 0.2)],
    ['F1', 'xavier', times(6, 20_000), times(5, 0.2)],
    ['G1', 'pretrained', times(6, 10_000), times(5, 0.15)],
    ['H1', 'xavier', times(6, 10_000), times(5, 0.1)],
    ['I1', 'pretrained', times(5, 10_000), [0.2]],
  ])('%s starts %s, trains and prunes as the table says', (experiment, scheme, steps, fractions) => {
    expect(over(table, experiment, 'init', 'scheme')).toEqual([scheme]);
    expect(over(table, experiment, 'train', 'steps')).toEqual(steps);
    expect(over(table, experiment, 'prune', 'fraction')).toEqual(fractions);
    expect(new Set(over(table, experiment, 'prune', 'of'))).toEqual(new Set(['remaining']));
    expect(new Set(over(table, experiment, 'prune', 'scope'))).toEqual(new Set([experiment === 'D2' ? 'layerwise' : 'global']));
  });

  it('is the fourteen experiments, three seeds each; I1 prunes before it trains; H1 warms up and decays in each round', () => {
    expect(table.experiments.map(({ id, seeds }) => [id, seeds])).toEqual(
      ['A1', 'A2', 'B1', 'B2', 'C1', 'C2', 'D1', 'D2', 'E1', 'E2', 'F1', 'G1', 'H1', 'I1'].map((id) => [id, [0, 1, 2]]),
    );
    expect(runOf(table, 'I1').get('prune@1')?.inputs.weights).toBe('init@0.weights');
    expect(over(table, 'H1', 'train', 'schedule')).toEqual(times(6, 'warmup-cosine'));
    expect(over(table, 'H1', 'train', 'warmupSteps')).toEqual(times(6, 1000));
  });
});

describe('every run', () => {
  it('follows the super weights of the starting model if pretrained, those of its first training if not', () => {
    for (const study of [table, pilot])
      for (const { id } of study.experiments) {
        const run = runOf(study, id);
        const reference = run.get('init@0')?.params.scheme === 'pretrained' ? 'detect-start@0.superWeights' : 'detect-trained@1.superWeights';
        for (const [name, { inputs }] of run)
          if (/^detect-(trained|pruned)@/.test(name)) expect(inputs.reference, `${id} ${name}`).toBe(`${name}.superWeights` === reference ? undefined : reference);
      }
  });

  it('is measured after its mask was applied: detection and evaluation read what the prune wrote', () => {
    for (const { id } of table.experiments)
      for (const [name, { inputs }] of runOf(table, id)) {
        const round = /^(?:detect|eval)-pruned@(\d+)$/.exec(name)?.[1];
        if (round !== undefined) expect(inputs.weights, `${id} ${name}`).toBe(`prune@${round}.weights`);
      }
  });

  it('draws its data by seed and cumulative step alone, from another stream than its checkpoint was pretrained on', () => {
    for (const study of [table, pilot])
      for (const { id } of study.experiments)
        for (const seed of [0, 2]) {
          const run = runOf(study, id, seed);
          const trainings = [...run].filter(([name]) => name.startsWith('train@'));
          expect(trainings.map(([, { params }]) => [params.seed, params.stream])).toEqual(trainings.map(() => [seed, 'retrain-data']));
          expect(trainings.map(([, { inputs }]) => inputs.position)).toEqual([undefined, ...trainings.slice(0, -1).map(([name]) => `${name}.position`)]);
          for (const [name, { params }] of run) expect(Object.values(params), `${id} ${name}`).not.toContain(id);
        }
  });

  it('starts from the checkpoint of its own seed', () => {
    expect([0, 1, 2].map((seed) => runOf(table, 'A1', seed).get('load@0')?.params.checkpoint)).toEqual([0, 1, 2]);
  });

  it('prunes coordinates that are named, though nothing else is pruned', async () => {
    const study = await load('pilot');
    const unpruned = study.experiments.find(({ id }) => id === 'unpruned')!;
    unpruned.params = { ...unpruned.params, prune: { ...unpruned.params.prune, coordinates: [{ tensor: 'model.layers.0.mlp.down_proj.weight', row: 1, col: 2 }] } };
    expect([...runOf(study, 'unpruned').keys()]).toContain('prune@1');
    expect([...runOf(pilot, 'unpruned').keys()].filter((name) => name.startsWith('prune@'))).toEqual([]);
  });
});
