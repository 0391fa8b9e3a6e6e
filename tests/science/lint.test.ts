/** Lint: what can be proved of the arms of a comparison before anything runs, rule by rule. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StageLoader } from '../../src/engine/stage-loader.ts';
import { buildDag } from '../../src/pipeline/build-dag.ts';
import { declareStudy } from '../../src/pipeline/declaration.ts';
import { lintStudy } from '../../src/science/lint/lint.ts';
import committed from '../../pipeline.json' with { type: 'json' };
import { findings, messages, prune, studyOf, train, TWO_ARMS } from './lint-study.ts';

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
