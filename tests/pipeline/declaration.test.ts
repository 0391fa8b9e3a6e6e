/** The declaration: what the report and lint know of a study. */
import { describe, expect, test } from 'vitest';
import { declareStudy } from '../../src/pipeline/declaration.ts';
import { toyStudy } from '../support/toy-stages.ts';
import { studyOf } from './study-of.ts';

describe('the declaration', () => {
  test('tells of each experiment its parameters, those of single steps where they differ, and its model', async () => {
    const { experiments } = declareStudy(
      await studyOf({
        ...toyStudy(),
        experiments: {
          A1: {
            model: 'other',
            perRound: { prune: { fraction: [0.1, 0.2] } },
            perStep: { 'detect-trained': { largest: 5 } },
          },
        },
      }),
    );
    expect(experiments).toMatchObject([
      {
        id: 'A1',
        model: 'other',
        seeds: [0, 1],
        rounds: 2,
        finalTrain: true,
        params: {
          load: {},
          train: { steps: 1000, rate: 0.2 },
          prune: { fraction: [0.1, 0.2] },
          detect: { largest: 0 },
        },
        byRound: ['prune.fraction'],
        steps: {
          'detect-start': { params: { largest: 30 }, byRound: [] },
          'detect-trained': { params: { largest: 5 }, byRound: [] },
        },
      },
    ]);
  });

  test('tells once how runs are connected that are connected alike', async () => {
    const { experiments, wirings } = declareStudy(
      await studyOf({
        ...toyStudy(),
        experiments: {
          A1: { params: { prune: { fraction: 0.1 } } },
          A2: { params: { prune: { fraction: 0.2 } } },
          X: { params: { prune: { fraction: 0.1 }, init: { scheme: 'xavier' } } },
        },
      }),
    );
    expect(experiments.map(({ wiring }) => wiring)).toEqual([0, 0, 1]);
    expect(wirings?.[0]?.map(({ from, to, steps }) => [from, to, steps.map(({ step }) => step)])).toEqual([
      [0, 0, ['load', 'init', 'detect-start']],
      [1, 1, ['train', 'detect-trained', 'prune']],
      [2, 2, ['train', 'detect-trained', 'prune']],
      [3, 3, ['train', 'detect-trained']],
    ]);
    expect(wirings?.map(([, , second]) => second?.steps.map(({ inputs }) => inputs))).toEqual([
      [
        { weights: 'prune.weights -1', mask: 'prune.mask -1' },
        { weights: 'train.weights', reference: 'detect-start.found @0' },
        { weights: 'train.weights', mask: 'prune.mask -1' },
      ],
      [
        { weights: 'prune.weights -1', mask: 'prune.mask -1' },
        { weights: 'train.weights', reference: 'detect-trained.found -1' },
        { weights: 'train.weights', mask: 'prune.mask -1' },
      ],
    ]);
  });
});
