/** Spikes planted in random decoders: the candidate finder must name their place, and report their height. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CPU_TARGET } from '../../src/compute/runtimes/runtime.ts';
import { corpusOf } from '../../src/model/corpora.ts';
import { FAMILIES } from '../../src/model/decoder/family-of.ts';
import { createLanguageModel } from '../../src/model/create-language-model.ts';
import { BOS, MARKERS } from '../../src/model/marker-retrieval.ts';
import { stream } from '../../src/base/random.ts';
import { initialise } from '../../src/science/initialisation.ts';
import { plantSpike } from '../../src/science/planting.ts';
import { randomModelConfigs } from '../../src/science/random-models.ts';
import { findSpikes } from '../../src/science/spikes.ts';

const SHAPE = { batch: 8, sequence: 32 };
const corpus = corpusOf({ corpus: 'marker-retrieval' });
const isOrdinary = (token: number, position: number) => corpus.isOrdinary(token, position);
const data = (name: string) => corpus.batch(3, name, 0, SHAPE.batch, SHAPE.sequence);
const configs = randomModelConfigs({
  families: Object.keys(FAMILIES),
  layers: [1, 3],
  widths: [16, 32],
  sequenceLength: SHAPE.sequence,
});

async function randomModel(config: (typeof configs)[number], scheme: 'original' | 'xavier' | 'kaiming', seed: number) {
  const model = createLanguageModel(config, SHAPE, CPU_TARGET);
  model.load(initialise(model.tensors, scheme, seed));
  return model;
}

describe('a spike planted in a random decoder', () => {
  it('is where and as high as it was planted, whatever the decoder, the scheme and the place', async () => {
    const places = fc.record({
      config: fc.constantFrom(...configs),
      scheme: fc.constantFrom('original' as const, 'xavier' as const, 'kaiming' as const),
      seed: fc.nat(1000),
      fractions: fc.tuple(fc.nat(999), fc.nat(999), fc.nat(999)),
      // From the height at which a spike makes a candidate: another channel may top a lower one.
      strength: fc.double({ min: 4, max: 100, noNaN: true }),
    });
    await fc.assert(
      fc.asyncProperty(places, async ({ config, scheme, seed, fractions, strength }) => {
        const model = await randomModel(config, scheme, seed);
        const [layer, row, col] = [config.layers, config.width, config.feedForward].map((count, index) =>
          Math.floor((fractions[index]! / 1000) * count),
        ) as [number, number, number];
        const planting = { tokens: data('calibration'), isOrdinary, spiking: [BOS, ...MARKERS] };
        await plantSpike(model, config, { layer, row, col, strength }, planting, stream(seed, 'test'));
        const spike = (await findSpikes(model, data('calibration'), { isOrdinary }))[layer]!;
        expect(spike).toMatchObject({ row, col });
        // The rest of the row adds a little of its own to the output, at most about as much as at ordinary tokens.
        expect(spike.inputRatio / strength).toBeCloseTo(1, 2);
        expect(Math.abs(spike.outputRatio - strength)).toBeLessThan(1.5);
        // On other data an ordinary token may go nine times as high: a lower spike can drown there.
        if (strength >= 16)
          expect((await findSpikes(model, data('other'), { isOrdinary }))[layer]).toMatchObject({ row, col });
      }),
      { numRuns: 40 },
    );
  });

  it('is not there before', async () => {
    for (const config of configs) {
      const model = await randomModel(config, 'kaiming', 7);
      for (const { inputRatio, outputRatio } of await findSpikes(model, data('other'), { isOrdinary }))
        expect(Math.min(inputRatio, outputRatio)).toBeLessThan(2);
    }
  });

  it('cannot be planted at tokens that never come', async () => {
    const config = configs[0]!;
    const planting = { tokens: data('calibration'), isOrdinary, spiking: [] };
    await expect(
      plantSpike(
        await randomModel(config, 'original', 0),
        config,
        { layer: 0, row: 1, col: 2, strength: 8 },
        planting,
        stream(0, 'test'),
      ),
    ).rejects.toThrow('No spike shows in layer 0');
  });
});
