/** What a study has to declare for a node to fit into less memory than it takes. */
import { expect, test } from 'vitest';
import evalStage from '../../stages/eval.ts';
import trainStage from '../../stages/train.ts';
import type { EvalParams } from '../../src/generated/eval.ts';
import type { TrainParams } from '../../src/generated/train.ts';

/** Only what memory depends on. */
const TRAINING = {
  ...{ model: 'marker-retrieval', batchSize: 1000, sequenceLength: 64, microBatchSize: 0, device: 'cpu' },
} as Required<TrainParams>;
const EVALUATION = {
  ...{ model: 'marker-retrieval', batchSize: 1000, sequenceLength: 64, restore: 'none', device: 'cpu' },
} as Required<EvalParams>;

test('a training: the largest micro-batches that fit, which divide its batch', async () => {
  const half = await trainStage.memory!({ ...TRAINING, microBatchSize: 500 }, '/');
  expect(await trainStage.fitting!(TRAINING, half, '/')).toContain('"train": { "microBatchSize": 500 }');
  expect(await trainStage.fitting!(TRAINING, half - 1, '/')).toContain('"microBatchSize": 250 }');
  expect(await trainStage.fitting!({ ...TRAINING, microBatchSize: 500 }, half - 1, '/')).toContain('250');
  expect(await trainStage.fitting!(TRAINING, 1e6, '/')).toBeUndefined();
});

test('an evaluation: the largest batches that fit', async () => {
  const some = await evalStage.memory!({ ...EVALUATION, batchSize: 617 }, '/');
  expect(some).toBeLessThan(await evalStage.memory!(EVALUATION, '/'));
  expect(await evalStage.fitting!(EVALUATION, some, '/')).toContain('"eval": { "batchSize": 617 }');
  expect(await evalStage.fitting!(EVALUATION, 1e6, '/')).toBeUndefined();
});
