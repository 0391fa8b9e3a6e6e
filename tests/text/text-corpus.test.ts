/** Sequences of a text: a pure function of (stream, seed, index), from the part of the stream, and none twice. */
import { beforeAll, afterAll, describe, expect, it } from 'vitest';
import { useCorpus } from '../../src/model/corpora.ts';
import { readModelConfig } from '../../src/model/model-config.ts';
import { checkpointPath } from '../../src/model/model-config.ts';
import { TextCorpus } from '../../src/model/text-corpus.ts';
import tokenize from '../../stages/tokenize.ts';
import { runStage } from '../support/stage-job.ts';
import { TEXT, TINY } from './tiny-model.ts';

const LENGTH = 16;
let tokens: string;
let corpus: TextCorpus;
beforeAll(async () => {
  const { outputs } = await runStage(tokenize, { params: { model: TINY, corpus: { text: TEXT } } });
  tokens = outputs.tokens!;
  corpus = new TextCorpus(tokens);
});
afterAll(() => corpus.close());

const rowsOf = (batch: Int32Array, length = LENGTH): string[] =>
  Array.from({ length: batch.length / (length + 1) }, (_, row) =>
    batch.subarray(row * (length + 1), (row + 1) * (length + 1)).join(),
  );

it('begin with the start token, and are the same whenever and in whatever order they are asked for', () => {
  const first = corpus.batch(3, 'retrain-data', 5, 8, LENGTH);
  const other = new TextCorpus(tokens);
  other.batch(3, 'retrain-data', 6, 8, LENGTH);
  expect(other.batch(3, 'retrain-data', 5, 8, LENGTH)).toEqual(first);
  other.close();
  for (let row = 0; row < 8; row++) expect(first[row * (LENGTH + 1)]).toBe(0);
  expect(rowsOf(corpus.batch(3, 'retrain-data', 2, 4, LENGTH))).toEqual(
    rowsOf(corpus.batch(3, 'retrain-data', 1, 8, LENGTH)).slice(0, 4),
  );
  for (const [seed, stream] of [
    [4, 'retrain-data'],
    [3, 'train-data'],
  ] as const)
    expect(corpus.batch(seed, stream, 5, 8, LENGTH)).not.toEqual(first);
});

it('training reads the whole part before it reads anything again, in another order', () => {
  const windows = Math.floor(33_581 / LENGTH);
  const epoch = rowsOf(corpus.batch(0, 'retrain-data', 0, windows, LENGTH));
  const next = rowsOf(corpus.batch(0, 'retrain-data', 1, windows, LENGTH));
  expect(new Set(epoch).size).toBe(windows);
  expect(new Set(next)).toEqual(new Set(epoch));
  expect(next).not.toEqual(epoch);
});

describe('every other stream', () => {
  it('has each sequence once, and none that another stream has', () => {
    const all = [
      ...[...Array(20).keys()].flatMap((index) => rowsOf(corpus.batch(1, 'eval', index, 20, LENGTH))),
      ...['detect-candidates', 'detect-causal', 'pretrained-check'].flatMap((stream) =>
        rowsOf(corpus.batch(1, stream, 0, 149, LENGTH)),
      ),
      ...rowsOf(corpus.batch(1, 'retrain-data', 0, 2000, LENGTH)),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  it('says how much there is when it has no more', () => {
    corpus.batch(1, 'eval', 0, 449, LENGTH);
    expect(() => corpus.batch(1, 'eval', 0, 450, LENGTH)).toThrow(
      'The text\'s part "evaluation" has 7,196 tokens, which is 449 sequences of 16, and 450 are asked for, none twice.',
    );
    expect(() => corpus.batch(1, 'detect-causal', 1, 100, LENGTH)).toThrow('200 are asked for');
    expect(() => corpus.batch(1, 'retrain-data', 0, 1, 40_000)).toThrow('and one is the least');
  });
});

it('every token but the first is ordinary, and those where documents meet', () => {
  expect([corpus.isOrdinary(7, 0), corpus.isOrdinary(7, 1), corpus.isOrdinary(0, 5)]).toEqual([false, true, false]);
});

it('a model is not given the tokens of another one, nor something that is no text', async () => {
  const use = (config: Parameters<typeof useCorpus>[0], path = tokens) => useCorpus(config, path, () => 0);
  const config = await readModelConfig(TINY);
  await expect(use(config)).resolves.toBe(0);
  await expect(use({ ...config, vocabulary: 500 })).rejects.toThrow('512 kinds of token, and the model reads 500');
  await expect(use({ ...config, corpus: 'marker-retrieval' })).rejects.toThrow('the model reads marker-retrieval');
  await expect(use(config, checkpointPath(TINY, 0))).rejects.toMatchObject({
    failure: { kind: 'content', message: 'It holds no token ids of a text' },
  });
});
