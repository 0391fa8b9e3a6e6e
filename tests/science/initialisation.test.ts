/** Initial weights have the scale that their scheme states, and share nothing between seeds. */
import { describe, expect, it } from 'vitest';
import { FAMILIES } from '../../src/model/decoder/family-of.ts';
import { isMatrix, type MatrixFacts, type TensorTable } from '../../src/model/decoder/family.ts';
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
const tensorsOf = (family: string): TensorTable => FAMILIES[family]!.tensors(FAMILIES[family]!.ofSize(SIZES));
const tensors = tensorsOf('llama');

function deviation(data: Float32Array): number {
  return Math.sqrt(data.reduce((sum, value) => sum + value * value, 0) / data.length);
}

describe('initialise', () => {
  const expected: Record<InitialisationScheme, (facts: MatrixFacts) => number> = {
    xavier: ({ shape: [out, into] }) => Math.sqrt(2 / (into + out)),
    kaiming: ({ shape: [, into] }) => Math.sqrt(2 / into),
    original: ({ deviation }) => deviation,
  };

  for (const family of Object.keys(FAMILIES))
    it.each(['xavier', 'kaiming', 'original'] as const)(`draws a ${family} by %s: deviation and mean`, (scheme) => {
      const table = tensorsOf(family);
      for (const [name, { shape, data }] of initialise(table, scheme, 0)) {
        const facts = table.get(name)!;
        expect(shape).toEqual(facts.shape);
        if (!isMatrix(facts)) {
          expect(new Set(data), name).toEqual(new Set([facts.role === 'bias' ? 0 : 1]));
          continue;
        }
        const target = facts.role === 'embedding' ? facts.deviation : expected[scheme](facts);
        const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
        expect(Math.abs(deviation(data) / target - 1), name).toBeLessThan(0.06);
        expect(Math.abs(mean) / target, name).toBeLessThan(4.5 / Math.sqrt(data.length));
      }
    });

  it.each([
    ['llama', /o_proj|down_proj/],
    ['gpt2', /c_proj/],
  ] as const)('a %s starts as GPT-2 did: with 0.02, less where the residual stream is written', (family, writers) => {
    for (const [name, facts] of tensorsOf(family))
      if (isMatrix(facts)) expect(facts.deviation, name).toBe(writers.test(name) ? 0.02 / Math.sqrt(2 * LAYERS) : 0.02);
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
