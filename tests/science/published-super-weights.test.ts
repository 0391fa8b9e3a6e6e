/** Coordinates that others have published: told by a model's shape, and believed only if the weights bear them out. */
import { describe, expect, it } from 'vitest';
import { publishedSuperWeights } from '../../src/science/published-super-weights.ts';
import { detectSuperWeights } from '../../src/science/super-weights.ts';
import { down, isOrdinary, ORDINARY, PlantedModel, SPECIAL } from './planted-model.ts';

const LLAMA_7B = { layers: 32, width: 4096, feedForward: 11008, vocabulary: 32000 };

describe('published super weights', () => {
  it('are those of every model of that shape', () => {
    expect(publishedSuperWeights(LLAMA_7B).map(({ model, layer, row, col }) => [model, layer, row, col])).toEqual([
      ['Llama-7B', 2, 3968, 7003],
      ['Llama2-7B', 1, 2533, 7890],
    ]);
    expect(publishedSuperWeights({ ...LLAMA_7B, vocabulary: 50304 }).map(({ model }) => model)).toEqual(
      Array.from({ length: 4 }, () => 'OLMo-7B 0724-hf'),
    );
    expect(publishedSuperWeights({ ...LLAMA_7B, layers: 31 })).toEqual([]);
  });

  it('lie within their models', () => {
    for (const shape of [
      LLAMA_7B,
      { ...LLAMA_7B, feedForward: 14336 },
      { layers: 32, width: 3072, feedForward: 8192, vocabulary: 32064 },
    ])
      for (const { layer, row, col } of publishedSuperWeights(shape)) {
        expect(layer).toBeLessThan(shape.layers);
        expect(row).toBeLessThan(shape.width);
        expect(col).toBeLessThan(shape.feedForward);
      }
  });
});

describe('a detection', () => {
  const sequences = Int32Array.from([SPECIAL, ORDINARY, ORDINARY, ORDINARY]);
  const data = { spikes: sequences, causal: sequences, isOrdinary };
  const rule = {
    ...{ ordinaryQuantile: 1, spikeRatio: 4, contributions: 0, jointSize: 1, jointFactor: 2, minimumEffect: 0.1 },
    ...{ controlFactor: 5, controlsPerKind: 2, maximumTwins: 0, rescans: 0, ablateLargest: 0, seed: 1 },
  };
  const claim = (layer: number, row: number, col: number) => ({ model: 'M', source: 'S', layer, row, col });
  /** Two super weights of one tensor, without a spike. */
  const plan = {
    weights: [
      { ...down(1, 2, 3), value: -4 },
      { ...down(1, 2, 5), value: 3 },
    ],
    costs: [
      { ...down(1, 2, 3), cost: 2 },
      { ...down(1, 2, 5), cost: 1 },
    ],
  };

  it('says of each published coordinate whether zeroing it costs what a super weight costs', async () => {
    const published = [claim(1, 2, 3), claim(1, 2, 5), claim(0, 1, 1)];
    const report = await detectSuperWeights(new PlantedModel(plan), data, rule, { published });
    expect(
      report.published!.map(({ coordinate: { layer, row, col }, confirmed }) => [layer, row, col, confirmed]),
    ).toEqual([
      [1, 2, 3, true],
      [1, 2, 5, true],
      [0, 1, 1, false],
    ]);
    expect(report.published![0]).toMatchObject({
      model: 'M',
      source: 'S',
      effect: 2,
      verdict: 'Confirmed: zeroing it costs 2.0000 nats; its worst matched control costs 0.0000 nats.',
    });
    expect(report.published![2]!.verdict).toBe('Refused: zeroing it costs 0.0000 nats, less than 0.1.');
    expect(report.confirmed).toEqual([]);
  });

  it('says nothing of them where there are none', async () => {
    expect(await detectSuperWeights(new PlantedModel(plan), data, rule)).not.toHaveProperty('published');
  });
});
