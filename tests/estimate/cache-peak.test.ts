/** The peak of a cache that a run evicts from, against keeping everything. */
import { expect, it } from 'vitest';
import type { PlannedNode } from '../../src/engine/node.ts';
import { cachePeak } from '../../src/estimate/cache-peak.ts';

const WEIGHTS = { summary: '', file: 'weights.safetensors', evictable: true };
const STAGES: Record<string, object> = {
  train: {
    weights: WEIGHTS,
    optimizer: { summary: '', file: 'optimizer.safetensors', evictable: true, resuming: true },
  },
  prune: { weights: { ...WEIGHTS, virtual: true }, mask: { summary: '', file: 'mask.safetensors' } },
  eval: { evaluation: { summary: '', file: 'evaluation.json' } },
};
/** Bytes: a training makes weights of 10 and moments of 20, a mask and an evaluation take 1. */
const SIZES: Record<string, { kept: number; evictable: number; resuming: number }> = {
  train: { kept: 0, evictable: 30, resuming: 20 },
  prune: { kept: 1, evictable: 0, resuming: 0 },
  eval: { kept: 1, evictable: 0, resuming: 0 },
};

/** Two runs of three rounds: train, prune, and an evaluation of the pruned weights. */
const nodes = ['A', 'B'].flatMap((experiment) =>
  [1, 2, 3].flatMap((round) => {
    const node = (stage: string, from?: string): PlannedNode =>
      ({
        key: `${experiment}${round}${stage}`,
        stage: { name: stage, outputs: STAGES[stage] },
        inputs: from === undefined ? {} : { weights: { key: from, artifact: 'weights' } },
        gathers: {},
        labels: [{ experiment, seed: 0, round, step: stage }],
      }) as unknown as PlannedNode;
    const before = round === 1 ? undefined : `${experiment}${round - 1}prune`;
    return [
      node('train', before),
      node('prune', `${experiment}${round}train`),
      node('eval', `${experiment}${round}prune`),
    ];
  }),
);
const peak = (keep: 'all' | 'last' | 'none') => cachePeak(nodes, ({ stage }) => SIZES[stage.name]!, keep);

it('is everything where all is kept', () => {
  expect(peak('all')).toBe(6 * 30 + 12);
});

it('is two trainings at a time where the weights go: those before are needed until the next ones are there', () => {
  // In the last round of the second run: its weights, those before, and what its evaluations and masks have left.
  expect(peak('none')).toBe(2 * 10 + 10);
});

it('has the last weights of every run besides, where those stay', () => {
  expect(peak('last')).toBe(2 * 10 + 10 + 10);
});
