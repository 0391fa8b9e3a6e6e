/** Evaluation: the loss above the language on the same tokens, its errors, and numbers at the edge. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { corpusOf } from '../../src/model/corpora.ts';
import type { Corpus } from '../../src/model/corpus.ts';
import { evaluate } from '../../src/model/evaluate.ts';
import type { LanguageModel } from '../../src/model/language-model.ts';
import { BOS } from '../../src/model/marker-retrieval.ts';

const language = corpusOf({ corpus: 'marker-retrieval' });
const SEQUENCE = 16;
const BATCH = 4;

/** A model that loses what it is told to: `above` nats more than the language itself on each position of the sample. */
function modelOf(loss: (surprisal: number, place: number) => number): LanguageModel {
  let place = 0;
  return {
    batch: BATCH,
    sequence: SEQUENCE,
    lossesAndPredictions: async (tokens: Int32Array) => ({
      losses: Float32Array.from(language.surprisals(tokens, SEQUENCE), (surprisal) => loss(surprisal, place++)),
      predictions: new Int32Array(BATCH * SEQUENCE),
    }),
  } as unknown as LanguageModel;
}

const held = (sequences: number) => language.batch(1, 'test', 0, sequences, SEQUENCE);

describe('an evaluation', () => {
  it('finds no excess in the language itself, though the sample is easier or harder than its entropy', async () => {
    const { evaluation } = await evaluate(
      modelOf((surprisal) => surprisal),
      language,
      held(40),
    );
    expect(evaluation.excess).toBeCloseTo(0, 6);
    expect(evaluation.excessStandardError).toBeLessThan(1e-7); // float32 losses
    expect(Math.abs(evaluation.loss - evaluation.floor!)).toBeGreaterThan(0.005);
    expect(evaluation.surprisal).toBeCloseTo(evaluation.loss, 6);
  });

  it('has the mean of what the model loses above each token, with its standard error over sequences', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.double({ min: 0, max: 3, noNaN: true }), { minLength: 2, maxLength: 30 }),
        async (above) => {
          const { evaluation, sequenceLosses } = await evaluate(
            modelOf((surprisal, place) => surprisal + (above[Math.floor(place / SEQUENCE)] ?? 0)),
            language,
            held(above.length),
          );
          const mean = above.reduce((sum, value) => sum + value, 0) / above.length;
          // Independent of the mean: half the mean squared difference of all pairs is the variance.
          let pairs = 0;
          for (const a of above) for (const b of above) pairs += (a - b) ** 2;
          const variance = pairs / 2 / (above.length * (above.length - 1));
          expect(evaluation.excess).toBeCloseTo(mean, 5);
          expect(evaluation.excessStandardError).toBeCloseTo(Math.sqrt(variance / above.length), 5);
          expect(sequenceLosses).toHaveLength(above.length);
          expect(evaluation.loss).toBeCloseTo(evaluation.surprisal! + evaluation.excess!, 12);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('keeps a loss whose perplexity is more than a double holds', async () => {
    const { evaluation } = await evaluate(
      modelOf(() => 800),
      language,
      held(8),
    );
    expect(evaluation).toMatchObject({ loss: 800, perplexity: null, standardError: 0 });
    const below = await evaluate(
      modelOf(() => 709),
      language,
      held(8),
    );
    expect(below.evaluation.perplexity).toBeCloseTo(Math.exp(709), -300);
  });

  it.each([NaN, Infinity])('is refused where a loss is %d, and names the sequence', async (broken) => {
    await expect(
      evaluate(
        modelOf((surprisal, place) => (place === 5 * SEQUENCE + 3 ? broken : surprisal)),
        language,
        held(8),
      ),
    ).rejects.toThrow(`The loss of these weights is ${broken} in held-out sequence 5`);
  });

  it('has no standard error for one sequence', async () => {
    const { evaluation } = await evaluate(
      modelOf((surprisal) => surprisal + 1),
      language,
      held(1),
    );
    expect(evaluation.standardError).toBeNull();
    expect(evaluation.excessStandardError).toBeNull();
    expect(evaluation.excess).toBeCloseTo(1, 5);
  });

  it('has no retrieval accuracy without a query, and everything else', async () => {
    const row = [BOS, ...Array.from({ length: SEQUENCE }, (_, place) => 5 + place)];
    const { evaluation } = await evaluate(
      modelOf((surprisal) => surprisal),
      language,
      Int32Array.from([...row, ...row]),
    );
    expect(evaluation).toMatchObject({ queries: 0, retrievalAccuracy: null, tokens: 32 });
    expect(Object.keys(evaluation.byKind).sort()).toEqual(['after-bos', 'ordinary']);
    expect(evaluation.loss).toBeGreaterThan(0);
  });

  it('gives loss and perplexity alone for a text, of which no more is known', async () => {
    const text: Corpus = {
      vocabulary: language.vocabulary,
      isOrdinary: (_, position) => position > 0,
      batch: () => held(8),
    };
    const { evaluation } = await evaluate(
      modelOf(() => 2),
      text,
      held(8),
    );
    expect(evaluation).toMatchObject({
      ...{ loss: 2, perplexity: Math.exp(2), standardError: 0 },
      ...{ floor: null, surprisal: null, excess: null, excessStandardError: null },
      ...{ byKind: {}, queries: 0, retrievalAccuracy: null },
    });
  });
});
