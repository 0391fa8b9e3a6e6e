/** Lint: what a comparison needs besides its arms, and how a finding is accepted. */
import { describe, expect, test } from 'vitest';
import { declareStudy } from '../../src/pipeline/declaration.ts';
import type { LintFinding } from '../../src/science/lint/finding.ts';
import { lintStudy } from '../../src/science/lint/lint.ts';
import { controlled, findings, messages, prune, studyOf, train, TWO_ARMS } from './lint-study.ts';

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

test('not-sought: what is found again is known only where it is sought, at the end', async () => {
  const sought = (search: unknown, more: object = {}) => ({
    params: { ...train(100), ...prune(0.1), ...more },
    perRound: { 'detect-sw': { search } },
  });
  const experiments = {
    A: sought(['spikes', 'none', 'spikes']),
    B: sought(['spikes', 'none', 'none']),
    C: { ...sought(['spikes', 'none']), finalTrain: false },
    D: { params: { 'detect-sw': { search: 'none' } }, perStep: { 'detect-trained': { search: 'spikes' } } },
  };
  const compared = (arms: string[], metrics: string[]) =>
    messages('not-sought', experiments, { arms, metrics, varies: ['prune.fraction'] });
  expect(await compared(['A', 'B', 'C', 'D'], ['redetected'])).toEqual([
    'The metric "redetected" asks whether super weights are found again at the end, and nothing is sought there in B and C: that test will have no data.',
  ]);
  expect(await compared(['A', 'D'], ['redetected'])).toEqual([]);
  expect(await compared(['A', 'B'], ['loss', 'kept', 'functional'])).toEqual([]);
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
