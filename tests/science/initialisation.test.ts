/** Initial weights have the scale that their scheme states, and share nothing between seeds. */
import { describe, expect, it } from 'vitest';
import { FAMILIES } from '../../src/model/decoder/family-of.ts';
import type { TensorTable } from '../../src/model/decoder/family.ts';
import { initialise, type InitialisationScheme } from '../../src/science/initialisation.ts';

const LAYERS = 3;
const BLOCK = 'model.layers.0';
const SIZES = {
  corpus: 'marker-retrieval',
  layers: LAYERS,
  width: 48,
  heads: 2,
  vocabulary: 64,
  sequence: 64,
} as const;
/** Of both families: no name is in both. */
const tensors: TensorTable = new Map([
  ...Object.values(FAMILIES).flatMap((family) => [...family.tensors(family.ofSize(SIZES))]),
]);

function deviation(data: Float32Array): number {
  return Math.sqrt(data.reduce((sum, value) => sum + value * value, 0) / data.length);
}

describe('initialise', () => {
  const expected: Record<InitialisationScheme, (out: number, into: number, name: string) => number> = {
    xavier: (out, into) => Math.sqrt(2 / (into + out)),
    kaiming: (_, into) => Math.sqrt(2 / into),
    original: (_out, _into, name) => (/o_proj|down_proj|c_proj/.test(name) ? 0.02 / Math.sqrt(2 * LAYERS) : 0.02),
  };

  for (const scheme of ['xavier', 'kaiming', 'original'] as const)
    it(`draws ${scheme} with its standard deviation and mean 0`, () => {
      for (const [name, { shape, data }] of initialise(tensors, scheme, 0)) {
        expect(shape).toEqual(tensors.get(name)!.shape);
        if (shape.length === 1) {
          expect(new Set(data), name).toEqual(new Set([name.endsWith('.bias') ? 0 : 1]));
          continue;
        }
        const target = /embed|wte|wpe/.test(name) ? 0.02 : expected[scheme](shape[0]!, shape[1]!, name);
        const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
        expect(Math.abs(deviation(data) / target - 1), name).toBeLessThan(0.06);
        expect(Math.abs(mean) / target, name).toBeLessThan(4.5 / Math.sqrt(data.length));
      }
    });

  it('keeps xavier within its bound', () => {
    const { data } = initialise(tensors, 'xavier', 1).get(`${BLOCK}.mlp.down_proj.weight`)!;
    const bound = Math.sqrt(6 / (48 + 96));
    const largest = Math.max(...data.map(Math.abs));
    expect(largest).toBeLessThanOrEqual(Math.fround(bound));
    expect(largest).toBeGreaterThan(0.99 * bound);
  });

  it('is a pure function of scheme and seed', () => {
    const of = (scheme: InitialisationScheme, seed: number) =>
      initialise(tensors, scheme, seed).get('lm_head.weight')!.data;
    expect(of('kaiming', 3)).toEqual(of('kaiming', 3));
    expect(of('kaiming', 3)).not.toEqual(of('kaiming', 4));
  });

  it('gives kaiming and original the same draws in other scales, so that only the scheme varies', () => {
    const name = `${BLOCK}.mlp.up_proj.weight`;
    const kaiming = initialise(tensors, 'kaiming', 5).get(name)!.data;
    const original = initialise(tensors, 'original', 5).get(name)!.data;
    kaiming.forEach((value, index) => expect(value * (0.02 / Math.sqrt(2 / 48))).toBeCloseTo(original[index]!, 6));
  });

  it('draws every tensor from its own stream: adding one changes no other', () => {
    const fewer = new Map([...tensors].slice(2));
    const name = 'lm_head.weight';
    expect(initialise(fewer, 'xavier', 0).get(name)).toEqual(initialise(tensors, 'xavier', 0).get(name));
  });
});
