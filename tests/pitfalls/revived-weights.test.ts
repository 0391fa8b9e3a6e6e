/** Pitfall: a stale moment of the optimizer revives a pruned weight. */
import { beforeAll, expect, it } from 'vitest';
import { checkpointPath } from '../../src/model/model-config.ts';
import { readMasks } from '../../src/model/mask-file.ts';
import prune from '../../stages/prune.ts';
import train from '../../stages/train.ts';
import { runStage, type StageOutcome } from '../support/stage-job.ts';
import { readWeights } from '../support/read-weights.ts';

const QUICK = { batchSize: 4, sequenceLength: 16, seed: 0, learningRate: 0.01, schedule: 'constant' } as const;
let dense: StageOutcome;
let pruned: StageOutcome;
beforeAll(async () => {
  dense = await runStage(train, {
    params: { ...QUICK, steps: 5 },
    inputs: { weights: checkpointPath('marker-retrieval', 0) },
  });
  pruned = await runStage(prune, { params: { fraction: 0.5 }, inputs: { weights: dense.outputs.weights! } });
});

/** Values at pruned places: of the weights, or of a moment. */
async function atPrunedPlaces(file: string, prefix = ''): Promise<number[]> {
  const [tensors, masks] = [await readWeights(file), await readMasks(pruned.outputs.mask!)];
  return [...masks].flatMap(([name, { data }]) =>
    [...tensors.get(`${prefix}${name}`)!.data].filter((_, index) => data[index] === 0),
  );
}

it.each(['keep', 'reset'] as const)(
  'optimizerState: %s holds every pruned weight, and its moments, at exactly zero',
  async (optimizerState) => {
    const moments = await atPrunedPlaces(dense.outputs.optimizer!, 'first.');
    // what could revive them is there
    expect(moments.filter((moment) => moment !== 0).length).toBeGreaterThan(0.9 * moments.length);
    const { outputs } = await runStage(train, {
      params: { ...QUICK, steps: 5, optimizerState },
      inputs: {
        weights: pruned.outputs.weights!,
        mask: pruned.outputs.mask!,
        optimizer: dense.outputs.optimizer!,
        position: dense.outputs.position!,
      },
    });
    for (const values of [
      await atPrunedPlaces(outputs.weights!),
      await atPrunedPlaces(outputs.optimizer!, 'first.'),
      await atPrunedPlaces(outputs.optimizer!, 'second.'),
    ])
      expect(values.every((value) => Object.is(value, 0))).toBe(true);
  },
);

it('the same moments do revive them where the mask is not held: the test above would see it', async () => {
  const { outputs } = await runStage(train, {
    params: { ...QUICK, steps: 1, optimizerState: 'keep', mask: 'release' },
    inputs: {
      weights: pruned.outputs.weights!,
      optimizer: dense.outputs.optimizer!,
      position: dense.outputs.position!,
    },
  });
  const values = await atPrunedPlaces(outputs.weights!);
  expect(values.filter((value) => value !== 0).length).toBeGreaterThan(0.9 * values.length);
});
