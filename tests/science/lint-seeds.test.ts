/** Lint: what seeds and their number can tell. */
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StageLoader } from '../../src/engine/stage-loader.ts';
import { buildDag } from '../../src/pipeline/build-dag.ts';
import { declareStudy } from '../../src/pipeline/declaration.ts';
import { lintStudy } from '../../src/science/lint/lint.ts';
import { withModelLabels } from '../../src/science/study-models.ts';
import { findings, messages, prune, studyOf, train, TWO_ARMS, type Entry } from './lint-study.ts';

test('unpaired-seeds', async () => {
  const arms = (a: number[], b: number[]) => ({
    A: { seeds: a, params: { ...train(10), ...prune(0.1) } },
    B: { seeds: b, params: { ...train(10), ...prune(0.2) } },
  });
  const comparison = { ...TWO_ARMS, varies: ['prune.fraction'] };
  expect(await messages('unpaired-seeds', arms([0, 1, 2], [1, 2, 3]), comparison)).toEqual([
    'A has the seeds 0, 1, 2, B 1, 2, 3: 2 pairs, of seed 1, 2.',
  ]);
  expect(await messages('unpaired-seeds', arms([0], [1]), comparison)).toEqual(['A has the seeds 0, B 1: no pair.']);
  expect(await messages('unpaired-seeds', arms([0, 1], [1, 0]), comparison)).toEqual([]);
});

describe('sample-size', () => {
  const arms = (seeds: number[]) => ({
    A: { seeds, params: { ...train(10), ...prune(0.1) } },
    B: { seeds, params: { ...train(10), ...prune(0.2) } },
  });
  const comparison = { ...TWO_ARMS, varies: ['prune.fraction'] };
  const first = (n: number) => Array.from({ length: n }, (_, seed) => seed);

  test('n below what the exact test needs alone', async () => {
    expect(await messages('sample-size', arms(first(5)), comparison)).toEqual([
      '5 pairs can give no less than p = 0.063, above 0.05: nothing can be significant. Needed: 6 pairs alone.',
    ]);
    expect(await messages('sample-size', arms(first(6)), comparison)).toEqual([]);
  });

  test('and below what it needs in its family: every metric of every further arm is a test', async () => {
    expect(await messages('sample-size', arms(first(6)), { ...comparison, metrics: ['loss', 'kept'] })).toEqual([
      '6 pairs can give p = 0.031 at best, 0.063 after Holm\'s adjustment, above 0.05: nothing can be significant. Needed: 6 pairs alone; 7 in the family "quality" of 2 tests.',
    ]);
    expect(await messages('sample-size', arms(first(7)), { ...comparison, metrics: ['loss', 'kept'] })).toEqual([]);
  });

  test('by the declared level', async () => {
    expect(await messages('sample-size', arms(first(6)), comparison, { analysis: { alpha: 0.01 } })).toEqual([
      '6 pairs can give no less than p = 0.031, above 0.01: nothing can be significant. Needed: 8 pairs alone.',
    ]);
  });
});

describe('data-orders: seeds of one checkpoint are no models of their own', () => {
  const one = { 'load-pretrained': { checkpoint: 0 } };
  const varied = { ...TWO_ARMS, varies: ['prune.fraction'] };

  test('whose checkpoint is set: all such arms at once, as a note', async () => {
    const arms = { A: { params: { ...one, ...train(10), ...prune(0.1) } }, B: { extends: 'A', params: prune(0.2) } };
    const found = (await findings(arms, varied)).filter(({ rule }) => rule === 'data-orders');
    expect(found).toMatchObject([{ severity: 'note', comparison: null, arms: ['A', 'B'] }]);
    expect(found[0]!.message).toContain('The 6 seeds of A and B are data orders of one checkpoint');
  });

  test.each<[string, Entry]>([
    ["a checkpoint of each seed's own", { params: prune(0.1) }],
    ['weights from scratch', { params: { ...one, init: { scheme: 'xavier' } } }],
    ['a single seed', { seeds: [0], params: one }],
    ['seeds that change nothing at all', { params: { ...one, ...train(10, { seed: 0 }), ...prune(0.1) } }],
  ])('nothing is said of %s', async (_, A) => {
    expect(await messages('data-orders', { A, B: { params: prune(0.2) } }, varied)).toEqual([]);
  });

  test('a published model has one checkpoint, whatever the seed', async () => {
    const model = join(process.cwd(), 'tests/model/published/llama-sharded');
    const arms = { A: { model, params: prune(0.1) }, B: { params: prune(0.2) } };
    const study = declareStudy(await studyOf(arms, varied));
    const found = lintStudy(withModelLabels(study, process.cwd()).study).filter(({ rule }) => rule === 'data-orders');
    expect(found.map(({ arms: ids }) => ids)).toEqual([['A']]);
  });
});

describe('idle-seeds: seeds that change nothing are no replicates', () => {
  const set = { 'load-pretrained': { checkpoint: 0 }, ...train(10, { seed: 0 }), ...prune(0.1) };
  const scratch = { init: { scheme: 'xavier', seed: 1 }, ...train(10, { seed: 0 }), ...prune(0.1) };
  const rewound = (rewind: Entry) => ({ ...set, rewind });
  const cases: [string, Entry, boolean][] = [
    ['checkpoint and data are set: six runs from one model over one stream', { params: set }, true],
    ["the data are the run's own", { params: { ...set, ...train(10) } }, false],
    ["the checkpoint is the run's own", { params: { ...set, 'load-pretrained': {} } }, false],
    ['no training at all, one checkpoint', { params: { ...set, ...train(0) } }, true],
    ['weights from scratch do not depend on the checkpoint', { params: scratch }, true],
    ["weights from scratch by the run's seed", { params: { ...scratch, init: { scheme: 'xavier' } } }, false],
    ['random weights are pruned', { params: { ...set, ...prune(0.1, { criterion: 'random' }) } }, false],
    [
      'the same random ones in every run',
      { params: { ...set, ...prune(0.1, { criterion: 'random', seed: 3 }) } },
      true,
    ],
    ['the mask is shuffled', { params: rewound({ mask: 'shuffle' }) }, false],
    ['weights are rewound to the start', { params: rewound({ to: 'init' }) }, true],
    ["a step of its own takes the run's seed", { params: set, perStep: { train: { seed: 7 } } }, true],
    ['a single seed', { seeds: [4], params: set }, false],
  ];
  test.each(cases)('%s', async (_, A, isIdle) => {
    const found = await messages(
      'idle-seeds',
      { A, B: { params: train(20) } },
      { ...TWO_ARMS, varies: ['train.steps'] },
    );
    expect(found).toHaveLength(isIdle ? 1 : 0);
  });

  test('in a study of which no step says that it measures, any use of the seed counts', async () => {
    const study = declareStudy(await studyOf({ A: {}, B: { params: set } }, { ...TWO_ARMS, varies: ['train.seed'] }));
    const steps = Object.entries(study.steps).map(([name, { measures: _, ...step }]) => [name, step]);
    const found = lintStudy({ ...study, steps: Object.fromEntries(steps) as typeof study.steps });
    expect(found.filter(({ rule }) => rule === 'idle-seeds').map(({ arms }) => arms)).toEqual([['B']]);
  });

  test('says which seeds are set, of all experiments alike at once; the other arms are their own', async () => {
    const arms = { A: { params: set }, B: { extends: 'A', params: prune(0.2) }, C: { params: train(10) } };
    const found = (await findings(arms, { ...TWO_ARMS, varies: ['prune.fraction'] })).filter(
      ({ rule }) => rule === 'idle-seeds',
    );
    expect(found).toMatchObject([{ severity: 'warning', comparison: null, arms: ['A', 'B'], accepted: null }]);
    expect(found[0]!.message).toBe(
      'The 6 seeds of A and B change nothing that is measured: load-pretrained.checkpoint is 0 and train.seed is 0. Whatever the seed, it is one computation, and every count takes it for one run.',
    );
  });

  test('wherever all nodes of two seeds are the same, it is found', async () => {
    const seeds = fc.record({
      'load-pretrained.checkpoint': fc.boolean(),
      'init.seed': fc.boolean(),
      'train.seed': fc.boolean(),
      'prune.seed': fc.boolean(),
      'rewind.seed': fc.boolean(),
    });
    const values = fc.record({
      scheme: fc.constantFrom('pretrained', 'xavier'),
      steps: fc.constantFrom(0, 5),
      criterion: fc.constantFrom('magnitude', 'random'),
    });
    await fc.assert(
      fc.asyncProperty(seeds, values, async (isSet, { scheme, steps, criterion }) => {
        const params: Record<string, Entry> = {
          init: { scheme },
          train: { steps },
          prune: { fraction: 0.1, criterion },
        };
        for (const [name, yes] of Object.entries(isSet)) {
          const [stage = '', param = ''] = name.split('.');
          if (yes) params[stage] = { ...params[stage], [param]: 0 };
        }
        const study = await studyOf(
          { A: { seeds: [0, 1], params } },
          { arms: ['A'], varies: ['rounds'] },
          { comparisons: [] },
        );
        const isFound = lintStudy(declareStudy(study)).some(({ rule }) => rule === 'idle-seeds');
        const dag = await buildDag(study, StageLoader.installed());
        const shared = dag.nodes().every((key) => {
          const [first, ...others] = dag.getNodeAttribute(key, 'labels');
          return first!.experiment === '*' || others.length > 0;
        });
        if (shared) expect(isFound).toBe(true);
        if (isFound) expect(params['train']!['seed'] === 0 || steps === 0).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  test('a stage of the study may use the seed: nothing is said where one runs', async () => {
    const study = declareStudy(
      await studyOf(
        { A: { params: set }, B: { extends: 'A', params: prune(0.2) } },
        { ...TWO_ARMS, varies: ['prune.fraction'] },
      ),
    );
    const own = study.wirings!.map((rounds) =>
      rounds.map((each) => ({
        ...each,
        steps: each.steps.map((step) => (step.step === 'train' ? { ...step, stage: 'distill' } : step)),
      })),
    );
    expect(lintStudy({ ...study, wirings: own }).filter(({ rule }) => rule === 'idle-seeds')).toEqual([]);
  });

  test('they are one pair, for the number of pairs that a test needs', async () => {
    const arms = { A: { params: set }, B: { extends: 'A', params: prune(0.2) } };
    expect(await messages('sample-size', arms, { ...TWO_ARMS, varies: ['prune.fraction'] })).toEqual([
      '1 pair can give no less than p = 1, above 0.05: nothing can be significant. Needed: 6 pairs alone.',
    ]);
  });
});
