/** What nodes take of memory and the disk, and what a study has to declare for one to fit into less. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import detectStage from '../../stages/detect-sw.ts';
import evalStage from '../../stages/eval.ts';
import initStage from '../../stages/init.ts';
import loadStage from '../../stages/load-pretrained.ts';
import pruneStage from '../../stages/prune.ts';
import rewindStage from '../../stages/rewind.ts';
import tokenizeStage from '../../stages/tokenize.ts';
import trainStage from '../../stages/train.ts';
import type { DetectSwParams } from '../../src/generated/detect-sw.ts';
import type { EvalParams } from '../../src/generated/eval.ts';
import type { TokenizeParams } from '../../src/generated/tokenize.ts';
import type { TrainParams } from '../../src/generated/train.ts';
import { makeTemporaryFolder } from '../../src/base/temporary-folder.ts';
import { recomputes, trainingMemory } from '../../src/science/stage-work.ts';

/** Only what memory depends on. */
const TRAINING = {
  ...{ model: 'marker-retrieval', batchSize: 1000, sequenceLength: 64, microBatchSize: 0, device: 'cpu' },
} as Required<TrainParams>;
const EVALUATION = {
  ...{ model: 'marker-retrieval', batchSize: 1000, sequenceLength: 64, restore: 'none', device: 'cpu' },
} as Required<EvalParams>;

test('a training computes again what is inside of blocks where it would not fit otherwise, and then takes less', async () => {
  const held = await trainingMemory(TRAINING, Infinity);
  expect(await recomputes(TRAINING, held)).toBe(false);
  expect(await recomputes(TRAINING, held - 1)).toBe(true);
  expect(await trainingMemory(TRAINING, held - 1)).toBeLessThan(0.7 * held);
  expect(await trainingMemory(TRAINING, held)).toBe(held);
});

test('a training: the largest micro-batches that fit, which divide its batch', async () => {
  const half = await trainingMemory({ ...TRAINING, microBatchSize: 500 }, 0);
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

const PRUNING = {
  ...{ model: 'marker-retrieval', criterion: 'magnitude', fraction: 0.5, protect: 'none', prunable: ['blocks'] },
};
const REWINDING = { model: 'marker-retrieval', to: 'init', mask: 'keep' };

test('every stage that holds a model says what it takes, and more where it holds more', async () => {
  const pruning = (changes: object) => pruneStage.memory!({ ...PRUNING, ...changes } as never, '/');
  expect(await pruning({ protect: 'reference' })).toBeGreaterThan(await pruning({}));
  expect(await pruning({ criterion: 'random' })).toBeGreaterThan(await pruning({}));
  expect(await pruning({ criterion: 'random', fraction: 0.9 })).toBeGreaterThan(await pruning({ criterion: 'random' }));
  expect(await pruning({ prunable: ['*'] })).toBeGreaterThan(await pruning({}));
  const rewinding = (changes: object) => rewindStage.memory!({ ...REWINDING, ...changes } as never, '/');
  expect(await rewinding({ mask: 'shuffle' })).toBeGreaterThan(await rewinding({}));
  expect(await rewinding({ to: 'fresh' })).toBeGreaterThan(await rewinding({}));
  const weights = await initStage.disk!({ model: 'marker-retrieval', scheme: 'xavier' } as never, '/', []);
  for (const stage of [initStage, loadStage, detectStage])
    expect(await stage.memory!({ ...EVALUATION, causalSequences: 8 } as never, '/'), stage.name).toBeGreaterThan(
      weights,
    );
});

test('pruned weights are stored as masks, a bit for a weight; fresh ones whole', async () => {
  const weights = await initStage.disk!({ model: 'marker-retrieval', scheme: 'xavier' } as never, '/', []);
  expect(await pruneStage.disk!({ ...PRUNING, prunable: ['*'] } as never, '/', [])).toBe(weights / 32);
  expect(await rewindStage.disk!({ ...REWINDING, to: 'fresh' } as never, '/', [])).toBeGreaterThan(weights);
  expect(await rewindStage.disk!(REWINDING as never, '/', [])).toBeLessThan(weights / 31);
});

test('a text: as many tokens as fit', async () => {
  const root = await makeTemporaryFolder('swp-fitting-');
  await writeFile(join(root, 'text.txt'), 'x'.repeat(1e6));
  const params = { model: 'marker-retrieval', corpus: { text: 'text.txt' }, limit: null } as Required<TokenizeParams>;
  const all = await tokenizeStage.memory!(params, root);
  const some = await tokenizeStage.memory!({ ...params, limit: 1000 }, root);
  expect(some).toBeLessThan(all);
  expect(await tokenizeStage.fitting!(params, some, root)).toContain('"tokenize": { "limit": 1000 }');
  expect(await tokenizeStage.fitting!(params, 1e6, root)).toBeUndefined();
  expect(await tokenizeStage.disk!(params, root, [])).toBe(2e6);
  await rm(root, { recursive: true });
});

test('a detection: one layer at a time, and where passes of each batch begin', async () => {
  const detection = { ...EVALUATION, search: 'spikes', causalSequences: 1000 } as unknown as Required<DetectSwParams>;
  const some = await detectStage.memory!({ ...detection, batchSize: 617 }, '/');
  expect(some).toBeLessThan(await detectStage.memory!(detection, '/'));
  const alike = { ...detection, batchSize: 100 };
  expect(await detectStage.memory!({ ...alike, causalSequences: 100 }, '/')).toBeLessThan(
    await detectStage.memory!(alike, '/'),
  );
  expect(await detectStage.fitting!(detection, some, '/')).toContain('"detect-sw": { "batchSize": 617 }');
  expect(await detectStage.fitting!(detection, 1e6, '/')).toBeUndefined();
});
