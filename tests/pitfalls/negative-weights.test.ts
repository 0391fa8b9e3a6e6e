/**
 * Pitfall: `w < eps` instead of `|w| < eps`, so that every negative weight counts as small: it is pruned first, or
 * frozen.
 */
import { expect, it } from 'vitest';
import { checkpointPath } from '../../src/model/model-config.ts';
import { readMasks } from '../../src/model/mask-file.ts';
import prune from '../../stages/prune.ts';
import train from '../../stages/train.ts';
import { runStage } from '../support/stage-job.ts';
import { readWeights } from '../support/read-weights.ts';

const weights = checkpointPath('marker-retrieval', 2); // its super weight is negative

it('a prune takes small magnitudes of either sign and leaves large negative weights', async () => {
  const { outputs } = await runStage(prune, { params: { fraction: 0.5 }, inputs: { weights } });
  const [before, masks] = [await readWeights(weights), await readMasks(outputs.mask!)];
  const entries = [...masks].flatMap(([name, { data }]) =>
    [...data].map((bit, index) => ({ kept: bit === 1, value: before.get(name)!.data[index]! })),
  );
  const magnitudes = (kept: boolean) =>
    entries
      .filter((entry) => entry.kept === kept)
      .map(({ value }) => Math.abs(value))
      .sort((a, b) => a - b);
  expect(magnitudes(false).at(-1)).toBeLessThanOrEqual(magnitudes(true)[0]!);
  const negative = (kept: boolean) =>
    entries.filter((entry) => entry.kept === kept && entry.value < 0).length /
    entries.filter((entry) => entry.kept === kept).length;
  expect(negative(false)).toBeCloseTo(0.5, 1);
  expect(negative(true)).toBeCloseTo(0.5, 1);
  expect(masks.get('model.layers.1.mlp.down_proj.weight')!.data[11 * 96 + 48]).toBe(1);
});

it('training under a mask moves kept negative weights as it moves positive ones', async () => {
  const pruned = await runStage(prune, { params: { fraction: 0.5 }, inputs: { weights } });
  const { outputs } = await runStage(train, {
    params: { steps: 3, batchSize: 4, sequenceLength: 16, seed: 0 },
    inputs: { weights: pruned.outputs.weights!, mask: pruned.outputs.mask! },
  });
  const [before, after] = [await readWeights(pruned.outputs.weights!), await readWeights(outputs.weights!)];
  const moved = (chosen: (value: number) => boolean) => {
    const changes = [...before].flatMap(([name, { data }]) =>
      [...data].flatMap((value, index) => (chosen(value) ? [after.get(name)!.data[index] !== value] : [])),
    );
    return changes.filter(Boolean).length / changes.length;
  };
  expect(moved((value) => value < 0)).toBeGreaterThan(0.95);
  expect(moved((value) => value > 0)).toBeGreaterThan(0.95);
});
