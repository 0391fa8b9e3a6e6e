/**
 * Lint: what can be proved of a comparison before anything runs. Every rule with a study that breaks it, and one that
 * keeps it.
 */
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StageLoader } from '../../src/engine/stage-loader.ts';
import { buildDag } from '../../src/pipeline/build-dag.ts';
import { declareStudy } from '../../src/pipeline/declaration.ts';
import { parseStudyFile } from '../../src/pipeline/study-file.ts';
import { resolveStudy, type Study } from '../../src/pipeline/study.ts';
import type { LintFinding, LintRule } from '../../src/science/lint/finding.ts';
import { lintStudy } from '../../src/science/lint/lint.ts';
import { withModelLabels } from '../../src/science/study-models.ts';
import committed from '../../pipeline.json' with { type: 'json' };

type Entry = Record<string, unknown>;

/** The committed study's steps, with the experiments and the comparison of the test. */
async function studyOf(experiments: Record<string, Entry>, comparison: Entry, more: Entry = {}): Promise<Study> {
  const study = {
    name: 'lint',
    dag: committed.dag,
    defaults: { ...committed.defaults, rounds: 2, seeds: [0, 1, 2, 3, 4, 5] },
    experiments,
    comparisons: [{ name: 'c', question: '?', topic: 'quality', ...comparison }],
    ...more,
  };
  return resolveStudy(parseStudyFile(`${process.cwd()}/pipeline.json`, JSON.stringify(study, null, 2)), {
    loader: StageLoader.installed(),
  });
}

async function findings(experiments: Record<string, Entry>, comparison: Entry, more?: Entry): Promise<LintFinding[]> {
  return lintStudy(declareStudy(await studyOf(experiments, comparison, more)));
}

/** Messages of one rule. */
async function messages(rule: LintRule, ...study: Parameters<typeof findings>): Promise<string[]> {
  return (await findings(...study)).filter((each) => each.rule === rule).map(({ message }) => message);
}

const train = (steps: number, more: Entry = {}) => ({ train: { steps, ...more } });
const prune = (fraction: number, more: Entry = {}) => ({ prune: { fraction, ...more } });
const TWO_ARMS = { arms: ['A', 'B'] };

/** A with everything that it is read against. */
const controlled: Record<string, Entry> = {
  A: { params: { ...train(100), ...prune(0.2) } },
  unpruned: { extends: 'A', role: 'positive-control', params: prune(0) },
  crushed: { extends: 'A', role: 'negative-control', perRound: { prune: { fraction: [0.9, 0] } } },
  random: { extends: 'A', params: { prune: { criterion: 'random' } } },
  protected: { extends: 'A', params: { prune: { protect: 'reference' } } },
};

describe('one-variable', () => {
  test('a confounded comparison: everything that differs besides the named variable, with both values', async () => {
    expect(
      await messages(
        'one-variable',
        {
          A: { params: { ...train(100), ...prune(0.1) } },
          B: {
            finalTrain: false,
            params: { ...train(300, { learningRate: 0.002 }), ...prune(0.1, { scope: 'layerwise' }) },
          },
        },
        { ...TWO_ARMS, varies: ['prune.scope'] },
      ),
    ).toEqual([
      'A and B differ in more than prune.scope: finalTrain is true in A, false in B; train.steps is 100 in A, 300 in B; train.learningRate is 0.001 in A, 0.002 in B.',
    ]);
  });

  test('in any round', async () => {
    expect(
      await messages(
        'one-variable',
        {
          A: { params: { ...train(100), ...prune(0.1) } },
          B: { params: prune(0.2), perRound: { train: { steps: [100, 100, 400] } } },
        },
        { ...TWO_ARMS, varies: ['prune.fraction'] },
      ),
    ).toEqual(['A and B differ in more than prune.fraction: train.steps is 100 in A, [2 x 100, 400] in B.']);
  });

  test('each further arm by itself; the model and the number of rounds are variables as well', async () => {
    expect(
      await messages(
        'one-variable',
        {
          A: { params: train(100) },
          B: { rounds: 3, params: train(200) },
          C: { model: 'another', params: train(300) },
        },
        { arms: ['A', 'B', 'C'], varies: ['train.steps'] },
      ),
    ).toEqual([
      'A and B differ in more than train.steps: rounds is 2 in A, 3 in B.',
      'A and C differ in more than train.steps: model is "marker-retrieval" in A, "another" in C.',
    ]);
  });

  test('a parameter of a single step', async () => {
    expect(
      await messages(
        'one-variable',
        {
          A: {
            params: { ...train(100), ...prune(0.1), rewind: { to: 'step' } },
            perStep: { 'rewind-point': { steps: 10 } },
          },
          B: {
            params: { ...train(100), ...prune(0.2), rewind: { to: 'step' } },
            perStep: { 'rewind-point': { steps: 20 } },
          },
        },
        { ...TWO_ARMS, varies: ['prune.fraction'] },
      ),
    ).toEqual(['A and B differ in more than prune.fraction: rewind-point.steps is 10 in A, 20 in B.']);
  });

  test('keeps quiet where exactly the named variables differ, and of parameters that no step takes', async () => {
    expect(
      await messages(
        'one-variable',
        {
          A: { params: { ...train(100), ...prune(0.1) } },
          B: {
            params: {
              ...train(100, { warmupSteps: 5, schedule: 'warmup-cosine' }),
              ...prune(0.1),
              rewind: { scheme: 'kaiming' },
            },
          },
        },
        { ...TWO_ARMS, varies: ['train.schedule', 'train.warmupSteps'] },
      ),
    ).toEqual([]);
  });
});

describe('never-acts', () => {
  test('a named variable that has one value in all arms', async () => {
    expect(
      await messages(
        'never-acts',
        { A: { params: { ...train(100), ...prune(0.1) } }, B: { params: { ...train(200), ...prune(0.1) } } },
        { ...TWO_ARMS, varies: ['prune.scope', 'train.steps'] },
      ),
    ).toEqual(['prune.scope is named, but is "global" in all arms.']);
  });

  test('a variable of steps that run in no arm: every node is shared', async () => {
    expect(
      await messages(
        'never-acts',
        {
          A: { params: { ...train(100), ...prune(0) } },
          B: { params: { ...train(100), ...prune(0, { scope: 'layerwise' }) } },
        },
        { ...TWO_ARMS, varies: ['prune.scope'] },
      ),
    ).toEqual([
      'A and B are the same: all 13 nodes of a run are shared.',
      'prune.scope is named, but differs only where no step takes it.',
    ]);
  });

  test('a seed that is set to what it would be', async () => {
    const arms = {
      A: { seeds: [0], params: train(100) },
      B: { seeds: [0], params: { ...train(100), 'load-pretrained': { checkpoint: 0 } } },
    };
    expect(await messages('never-acts', arms, { ...TWO_ARMS, varies: ['load-pretrained.checkpoint'] })).toContain(
      'A and B are the same: all 13 nodes of a run are shared.',
    );
    expect(
      await messages(
        'never-acts',
        { A: { ...arms.A, seeds: [0, 1] }, B: { ...arms.B, seeds: [0, 1] } },
        { ...TWO_ARMS, varies: ['load-pretrained.checkpoint'] },
      ),
    ).toEqual([]);
  });

  test('says that nodes are shared exactly where the real DAG shares them all', async () => {
    const experiment = fc.record({
      finalTrain: fc.boolean(),
      params: fc.record({
        train: fc.record({ steps: fc.constantFrom(0, 10), warmupSteps: fc.constantFrom(0, 2) }),
        prune: fc.record({
          fraction: fc.constantFrom(0, 0.1),
          scope: fc.constantFrom('global', 'layerwise'),
          protect: fc.constantFrom('none', 'detected'),
        }),
        rewind: fc.record({ to: fc.constantFrom('none', 'init'), scheme: fc.constantFrom('xavier', 'original') }),
      }),
    });
    await fc.assert(
      fc.asyncProperty(
        experiment,
        fc.option(experiment, { nil: undefined }),
        fc.constantFrom('finalTrain', 'steps', 'scope', 'scheme'),
        async (A, other, changed) => {
          const B = other ?? structuredClone(A);
          if (changed === 'scope') B.params.prune.scope = 'layerwise';
          if (changed === 'scheme') B.params.rewind.scheme = 'xavier';
          const study = await studyOf(
            { A, B },
            { ...TWO_ARMS, varies: ['prune.scope'] },
            { defaults: { ...committed.defaults, rounds: 2, seeds: [0] } },
          );
          const dag = await buildDag(study, StageLoader.installed());
          const shared = dag.nodes().every((key) => {
            const ids = new Set(dag.getNodeAttribute(key, 'labels').map((label) => label.experiment));
            return ids.has('*') || ids.size === 2;
          });
          const said = lintStudy(declareStudy(study)).some(
            ({ rule, message }) => rule === 'never-acts' && message.startsWith('A and B are the same'),
          );
          expect(said).toBe(shared);
        },
      ),
      { numRuns: 25 },
    );
  });
});

test('mixed-device: engine, device and precision, which the command cannot make differ', async () => {
  const experiments = {
    A: { params: { ...train(100), ...prune(0.1) } },
    B: { params: { ...train(100, { device: 'cuda', precision: 'bf16' }), ...prune(0.2) } },
  };
  const found = await findings(experiments, { ...TWO_ARMS, varies: ['prune.fraction'] });
  expect(found.filter(({ severity }) => severity === 'error').map(({ rule, message }) => [rule, message])).toEqual([
    [
      'mixed-device',
      'A and B are not computed alike: train.device is "cpu" in A, "cuda" in B; train.precision is "float32" in A, "bf16" in B.',
    ],
  ]);
  expect(
    await messages('mixed-device', experiments, {
      ...TWO_ARMS,
      varies: ['prune.fraction', 'train.device', 'train.precision'],
    }),
  ).toEqual([]);
});

describe('consequence', () => {
  test.each([
    ['of the remaining', { A: prune(0.1), B: prune(0.2) }, 'final sparsity 19.0 % (A), 36.0 % (B).'],
    [
      'of the total, at most all',
      { A: prune(0.1, { of: 'total' }), B: prune(0.6, { of: 'total' }) },
      'final sparsity 20.0 % (A), 100.0 % (B).',
    ],
    [
      'cumulative',
      { A: prune(0.3, { of: 'cumulative' }), B: prune(0.5, { of: 'cumulative' }) },
      'final sparsity 30.0 % (A), 50.0 % (B).',
    ],
  ])('final sparsity, %s', async (_name, arms, text) => {
    const experiments = { A: { params: { ...train(10), ...arms.A } }, B: { params: { ...train(10), ...arms.B } } };
    expect(await messages('consequence', experiments, { ...TWO_ARMS, varies: ['prune.fraction'] })).toEqual([
      `It follows that these differ as well: ${text}`,
    ]);
  });

  test('training steps and sequences seen; a rewinding point is no training of its own', async () => {
    const arms = (batchSize: number) => ({
      params: { ...train(1000, { batchSize }), ...prune(0.1), rewind: { to: 'step' } },
      perStep: { 'rewind-point': { steps: 50 } },
    });
    expect(
      await messages(
        'consequence',
        { A: arms(16), B: { ...arms(32), rounds: 1 } },
        { ...TWO_ARMS, varies: ['train.batchSize', 'rounds'] },
      ),
    ).toEqual([expect.stringContaining('training steps 3,000 (A), 2,000 (B); sequences seen 48,000 (A), 64,000 (B)')]);
  });

  test('steps that run in one arm only, and what they are connected to', async () => {
    const [message] = await messages(
      'consequence',
      {
        A: { params: { ...train(10), ...prune(0) } },
        B: {
          params: { ...train(10), ...prune(0), init: { scheme: 'xavier' } },
          perRound: { prune: { fraction: [0.1, 0] } },
        },
      },
      { ...TWO_ARMS, varies: ['prune.fraction', 'init.scheme'] },
    );
    expect(message).toBe(
      'It follows that these differ as well: final sparsity 0.0 % (A), 10.0 % (B); prune runs in round 1 in B, not in A; detect-pruned runs in round 1 in B, not in A; eval-pruned runs in round 1 in B, not in A; ' +
        'the reference of detect-trained in round 1 is detect-start.superWeights in A, not connected in B; the weights of train in round 2 is train.weights of round 1 in A, prune.weights of round 1 in B; ' +
        'the mask of train in round 2 is not connected in A, prune.mask of round 1 in B; the pruning of detect-trained in round 2 is not connected in A, prune.pruning of round 1 in B.',
    );
  });
});

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

describe('missing-control', () => {
  const B = { extends: 'A', params: prune(0.1) };
  const comparison = { ...TWO_ARMS, varies: ['prune.fraction'] };

  test('keeps quiet where all are there, and where nothing is pruned', async () => {
    expect(await messages('missing-control', { ...controlled, B }, comparison)).toEqual([]);
    expect(
      await messages(
        'missing-control',
        { A: { params: { ...train(10), ...prune(0) } }, B: { params: { ...train(20), ...prune(0) } } },
        { ...TWO_ARMS, varies: ['train.steps'] },
      ),
    ).toEqual([]);
  });

  test.each([
    ['unpruned', 'a positive control (no pruning) with the training and start of A and B'],
    ['crushed', 'a negative control (pruning that must hurt)'],
    ['random', 'a twin of an arm that prunes as many at random (prune.criterion: random)'],
    ['protected', 'a twin of an arm with its super weights protected (prune.protect)'],
  ])('%s', async (name, lacking) => {
    const rest = Object.entries({ ...controlled, B }).filter(([id]) => id !== name);
    expect(await messages('missing-control', Object.fromEntries(rest), comparison)).toEqual([
      `This profile lacks ${lacking}.`,
    ]);
  });

  test('a control must train and start as the arm does; twins matter where pruning is the question', async () => {
    expect(
      await messages(
        'missing-control',
        { ...controlled, B: { extends: 'A', params: train(50) } },
        { ...TWO_ARMS, varies: ['train.steps'] },
      ),
    ).toEqual(['This profile lacks a positive control (no pruning) with the training and start of B.']);
    const untwinned = Object.entries(controlled).filter(([id]) => id !== 'random');
    expect(
      await messages(
        'missing-control',
        { ...Object.fromEntries(untwinned), B: { extends: 'A', params: { prune: { protect: 'reference' } } } },
        { ...TWO_ARMS, varies: ['prune.protect'] },
      ),
    ).toEqual([]);
  });

  test('a twin is one in whatever order its values are written', async () => {
    const at = { tensor: 'model.layers.0.mlp.down_proj.weight', row: 1, col: 2 };
    const twin = { criterion: 'random', coordinates: [{ col: at.col, row: at.row, tensor: at.tensor }] };
    const experiments = {
      ...controlled,
      A: { params: { ...train(100), ...prune(0.2, { coordinates: [at] }) } },
      B: { extends: 'A', params: prune(0.1) },
      unpruned: { role: 'positive-control', params: { ...train(100), ...prune(0) } },
      random: { params: { prune: { ...twin, fraction: 0.2 }, ...train(100) } },
    };
    expect(await messages('missing-control', experiments, comparison)).toEqual([]);
  });
});

test('unequal-budget: more training is an advantage of its own, unless that is the question', async () => {
  const experiments = {
    A: { params: { ...train(100), ...prune(0.1) } },
    B: { rounds: 3, params: { ...train(100), ...prune(0.1) } },
    C: { params: { ...train(200), ...prune(0.1) } },
  };
  expect(await messages('unequal-budget', experiments, { ...TWO_ARMS, varies: ['rounds'] })).toEqual([
    'The arms train for different numbers of steps, and no number of steps is named: 300 (A), 400 (B).',
  ]);
  expect(await messages('unequal-budget', experiments, { arms: ['A', 'C'], varies: ['train.steps'] })).toEqual([]);
});

test('for how long a stage of the study trains is not known: no budget is called unequal, none a consequence', async () => {
  const experiments = {
    A: { params: { ...train(100), ...prune(0.1) } },
    B: { rounds: 3, params: { ...train(100), ...prune(0.1) } },
  };
  const study = declareStudy(await studyOf(experiments, { ...TWO_ARMS, varies: ['rounds'] }));
  const about = (steps: typeof study.steps) =>
    lintStudy({ ...study, steps }).filter(({ message }) =>
      /training steps|sequences seen|numbers of steps/.test(message),
    );
  expect(about(study.steps).map(({ rule }) => rule)).toEqual(['unequal-budget', 'consequence']);
  expect(about({ ...study.steps, train: { ...study.steps['train']!, stage: 'distill' } })).toEqual([]);
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

describe('same-arm', () => {
  const A = { params: { ...train(10), ...prune(0.1) } };
  const compared = { arms: ['A', 'C'], varies: ['prune.fraction'] };
  const C = { extends: 'A', params: prune(0.2) };

  test('an arm that is another one under a second name, whether or not a comparison holds it', async () => {
    expect(
      await messages('same-arm', { A, C, B: { extends: 'A' }, D: { extends: 'A', params: prune(0.1) } }, compared),
    ).toEqual(['B and D are A under another name: all nodes of a run are shared.']);
  });

  test('not one with a value, a connection or a seed of its own', async () => {
    const others = {
      B: { extends: 'A', params: { rewind: { to: 'init' } } },
      D: { extends: 'A', rounds: 3 },
      E: { extends: 'A', seeds: [6, 7] },
      F: { extends: 'A', perStep: { 'eval-trained': { sequences: 8 } } },
    };
    expect(await messages('same-arm', { A, C, ...others }, compared)).toEqual([]);
  });

  test('in a comparison, it is never-acts', async () => {
    const arms = { A, B: { extends: 'A' } };
    const found = await findings(arms, { ...TWO_ARMS, varies: ['prune.fraction'] });
    expect(found.filter(({ rule }) => rule === 'same-arm')).toEqual([]);
    expect(found.filter(({ rule }) => rule === 'never-acts').length).toBeGreaterThan(0);
  });
});

describe('accept', () => {
  const experiments = {
    A: { seeds: [0], params: { ...train(10), ...prune(0.1) } },
    B: { seeds: [0], params: { ...train(20), ...prune(0.2) } },
  };
  const reasons = (all: LintFinding[]) =>
    all.filter(({ severity }) => severity !== 'note').map(({ rule, accepted }) => [rule, accepted]);

  test("overrides a rule for its comparison with the written reason; the comparison's goes before the profile's", async () => {
    const profile = {
      profiles: {
        all: {
          experiments: ['*'],
          accept: { 'sample-size': 'Only a look.', 'one-variable': 'Not this one.', 'missing-control': 'Elsewhere.' },
        },
      },
      defaultProfile: 'all',
    };
    expect(
      reasons(
        await findings(
          experiments,
          {
            ...TWO_ARMS,
            varies: ['prune.fraction'],
            accept: { 'one-variable': 'Both are the treatment.', 'unequal-budget': 'So be it.' },
          },
          profile,
        ),
      ),
    ).toEqual([
      ['one-variable', 'Both are the treatment.'],
      ['missing-control', 'Elsewhere.'],
      ['unequal-budget', 'So be it.'],
      ['sample-size', 'Only a look.'],
      ['useless-accept', null],
    ]);
  });

  test('that overrides nothing is told', async () => {
    expect(
      await messages('useless-accept', experiments, {
        ...TWO_ARMS,
        varies: ['prune.fraction', 'train.steps'],
        accept: { 'unpaired-seeds': 'They are not.' },
      }),
    ).toEqual(['"unpaired-seeds" is accepted here, but nothing is found by it.']);
    expect(
      await messages(
        'useless-accept',
        experiments,
        { ...TWO_ARMS, varies: ['prune.fraction'] },
        { profiles: { all: { experiments: ['*'], accept: { 'mixed-device': 'No.' } } }, defaultProfile: 'all' },
      ),
    ).toEqual(['The profile accepts "mixed-device", but nothing is found by it.']);
  });
});
