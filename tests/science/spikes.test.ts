/** Spikes against ordinary tokens, and the weights that make them together. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LanguageModel } from '../../src/model/language-model.ts';
import { findSpikes } from '../../src/science/spikes.ts';

const [SEQUENCE, FEED_FORWARD, WIDTH] = [4, 3, 2];

/** A model of one layer whose down projection reads what is given, [tokens, feedForward], and computes what follows. */
function modelReading(inputs: number[][], weights: number[][]): LanguageModel {
  const output = inputs.flatMap((input) => weights.map((row) => dot(row, input)));
  const activations = { layer: 0, input: Float32Array.from(inputs.flat()), output: Float32Array.from(output) };
  return {
    batch: inputs.length / SEQUENCE,
    sequence: SEQUENCE,
    downProjection: () => 'down',
    weight: () => Float32Array.from(weights.flat()),
    downProjActivations: (_: Int32Array, visit: (each: typeof activations) => void) =>
      Promise.resolve(visit(activations)),
  } as Partial<LanguageModel> as LanguageModel;
}

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, each, index) => sum + each * b[index]!, 0);
const tokens = new Int32Array(2 * (SEQUENCE + 1));
/** At position 0 of the second sequence three channels spike; an ordinary word at position 2 of the first does, too. */
const INPUTS = [
  [1, 0, 1],
  [1, 1, 0],
  [90, 0, 0],
  [1, 0, 1],
  [100, 50, 10],
  [0, 1, 1],
  [1, 1, 1],
  [1, 0, 0],
];
const WEIGHTS = [
  [0.1, 0, 0],
  [2, -6, 1],
];
const model = modelReading(INPUTS, WEIGHTS);
const isOrdinary = (_: number, position: number) => position > 0;

describe('spikes', () => {
  it('are measured against what ordinary tokens reach, which are told by their positions', async () => {
    const [spike] = await findSpikes(model, tokens, { isOrdinary });
    expect(spike).toMatchObject({ layer: 0, row: 1, col: 0, inputSpike: 100, outputSpike: 180, contributions: [] });
    expect(spike!.inputRatio).toBeCloseTo(100 / 90, 6);
    expect(spike!.outputRatio).toBeCloseTo(1, 6);
  });

  it('are measured against a quantile where some ordinary tokens spike as well', async () => {
    const [spike] = await findSpikes(model, tokens, { isOrdinary, ordinaryQuantile: 0.8 });
    expect(spike!.inputRatio).toBe(100);
    expect(spike!.outputRatio).toBeCloseTo(180 / 5, 6);
  });

  it('never divide by 0, though no token is ordinary', async () => {
    const [spike] = await findSpikes(model, tokens, { isOrdinary: () => false, ordinaryQuantile: 0.5 });
    expect(Number.isFinite(spike!.inputRatio)).toBe(true);
  });

  it('come with the weights that contribute most to them, though the peak names one', async () => {
    const [spike] = await findSpikes(model, tokens, { isOrdinary, ordinaryQuantile: 0.8, contributions: 3 });
    // the output peaks at the word: 2 x 90
    expect(spike!.contributions.map(({ row, col, contribution }) => [row, col, contribution])).toEqual([
      [1, 0, 180],
      [0, 0, expect.closeTo(9, 5)],
    ]);
  });

  it('have the contributions that a search of all weights finds', async () => {
    const channel = fc.integer({ min: -9, max: 9 });
    const rows = (count: number) =>
      fc.array(fc.array(channel, { minLength: FEED_FORWARD, maxLength: FEED_FORWARD }), {
        minLength: count,
        maxLength: count,
      });
    await fc.assert(
      fc.asyncProperty(rows(SEQUENCE), rows(WIDTH), fc.integer({ min: 0, max: 7 }), async (inputs, weights, count) => {
        const [spike] = await findSpikes(modelReading(inputs, weights), new Int32Array(SEQUENCE + 1), {
          isOrdinary,
          contributions: count,
        });
        const outputs = inputs.map((input) => weights.map((row) => Math.abs(dot(row, input))));
        const peak = Math.max(...outputs.flat());
        const token = outputs.findIndex((each) => each.includes(peak));
        const products =
          peak === 0 ? [] : weights.flatMap((row) => row.map((weight, col) => Math.abs(weight * inputs[token]![col]!)));
        expect(spike!.contributions.map(({ contribution }) => contribution)).toEqual(
          products
            .filter((product) => product > 0)
            .sort((a, b) => b - a)
            .slice(0, count),
        );
        for (const { row, col, contribution } of spike!.contributions)
          expect(Math.abs(weights[row]![col]! * inputs[token]![col]!)).toBe(contribution);
      }),
    );
  });
});
