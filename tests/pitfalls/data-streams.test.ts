/** Pitfall: training and evaluation share data or a random generator, so that one shifts or leaks into the other. */
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { corpusOf } from '../../src/model/corpora.ts';
import { checkpointPath } from '../../src/model/model-config.ts';
import evaluate from '../../stages/eval.ts';
import train from '../../stages/train.ts';
import { runStage } from '../support/stage-job.ts';

const EVAL_SEED = 20_241;

it.each(['marker-retrieval', 'marker-retrieval-no-bos'] as const)(
  'no sequence of %s that is evaluated is ever trained on, in a study or in pretraining, even where the seeds are equal',
  (name) => {
    const corpus = corpusOf({ corpus: name });
    const rows = (tokens: Int32Array) =>
      Array.from({ length: tokens.length / 65 }, (_, row) => tokens.subarray(row * 65, (row + 1) * 65).join());
    const evaluated = new Set(rows(corpus.batch(EVAL_SEED, 'eval', 0, 2048, 64)));
    expect(evaluated.size).toBe(2048);
    for (const stream of ['retrain-data', 'train-data'])
      for (const seed of [0, 1, 2, EVAL_SEED])
        for (let step = 0; step < 100; step++)
          for (const row of rows(corpus.batch(seed, stream, step, 16, 64))) expect(evaluated.has(row)).toBe(false);
  },
);

it('an evaluation between two trainings changes nothing of what the second one reads', async () => {
  const inputs = { weights: checkpointPath('marker-retrieval', 0) };
  const params = { steps: 2, batchSize: 4, sequenceLength: 16, seed: 0 };
  const trained = async () => readFile((await runStage(train, { params, inputs })).outputs.weights!);
  const before = await trained();
  await runStage(evaluate, { params: { sequences: 16, batchSize: 8, seed: 0 }, inputs });
  expect((await trained()).equals(before)).toBe(true);
});

it('every run is evaluated on the same sequences, whatever its own seed', async () => {
  const { properties } = evaluate.params as { properties: { seed: { default?: number; unit?: string } } };
  expect(properties.seed).toMatchObject({ default: EVAL_SEED });
  expect(properties.seed).not.toHaveProperty('unit');
});
