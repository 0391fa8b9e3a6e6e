/** Rewinding: kept weights take the values they are given, pruned ones stay 0, and a shuffled mask keeps as many. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TensorTable } from '../../src/model/decoder/family.ts';
import type { Masks, Weights } from '../../src/model/language-model.ts';
import { initialise } from '../../src/science/initialisation.ts';
import { rewindTo, shuffleMasks } from '../../src/science/rewinding.ts';

const kept = (masks: Masks) => [...masks].map(([name, { data }]) => [name, data.reduce((sum, bit) => sum + bit, 0)]);

const masks: fc.Arbitrary<Masks> = fc
  .array(fc.array(fc.constantFrom(0, 1), { minLength: 1, maxLength: 30 }), { minLength: 1, maxLength: 3 })
  .map(
    (tensors) =>
      new Map(tensors.map((bits, index) => [`t${index}`, { shape: [1, bits.length], data: Uint8Array.from(bits) }])),
  );

describe('rewinding', () => {
  it('gives kept weights the values of the source, pruned ones exactly 0, and the rest as it is', () => {
    fc.assert(
      fc.property(masks, fc.nat(), (mask, offset) => {
        const source: Weights = new Map([
          ...[...mask].map(
            ([name, { shape, data }]) =>
              [name, { shape, data: Float32Array.from(data, (_, index) => index - offset) }] as const,
          ),
          ['gain', { shape: [2], data: Float32Array.of(1, -0) }],
        ]);
        const rewound = rewindTo(source, mask);
        for (const [name, { data }] of rewound)
          data.forEach((value, index) =>
            expect(value).toBe(mask.get(name)?.data[index] === 0 ? 0 : source.get(name)!.data[index]),
          );
        expect([...rewound.keys()]).toEqual([...source.keys()]);
      }),
    );
  });

  it('refuses a mask of another model', () => {
    const source: Weights = new Map([['w', { shape: [1, 2], data: Float32Array.of(1, 2) }]]);
    expect(() => rewindTo(source, new Map([['w', { shape: [1], data: Uint8Array.of(1) }]]))).toThrow(
      'The mask of w has 1 elements, the weights to rewind to have 2.',
    );
    expect(() => rewindTo(source, new Map([['v', { shape: [1], data: Uint8Array.of(1) }]]))).toThrow(
      'The mask of v has 1 elements, the weights to rewind to have no such tensor.',
    );
  });
});

describe('a shuffled mask', () => {
  it('keeps as many weights of each tensor, always the same for a seed, and leaves what it shuffles untouched', () => {
    fc.assert(
      fc.property(masks, fc.nat({ max: 9 }), (mask, seed) => {
        const before = kept(mask);
        const shuffled = shuffleMasks(mask, seed);
        expect(kept(shuffled)).toEqual(before);
        expect(kept(mask)).toEqual(before);
        expect(shuffleMasks(mask, seed)).toEqual(shuffled);
      }),
    );
  });

  it('pays no heed to where the weights were, differs between tensors, rounds and seeds', () => {
    const half = (first: number): Masks =>
      new Map(
        ['a', 'b'].map((name) => [
          name,
          {
            shape: [1, 200],
            data: Uint8Array.from({ length: 200 }, (_, index) => (index < 100 === (first === 1) ? 1 : 0)),
          },
        ]),
      );
    const shuffled = shuffleMasks(half(1), 1);
    expect(shuffleMasks(half(0), 1)).toEqual(shuffled);
    expect(shuffled.get('a')).not.toEqual(shuffled.get('b'));
    expect(shuffleMasks(half(1), 2)).not.toEqual(shuffled);
    const later: Masks = new Map([['a', { shape: [1, 200], data: half(1).get('a')!.data.fill(0, 0, 20) }]]);
    const both = shuffleMasks(later, 1)
      .get('a')!
      .data.filter((bit, index) => bit === 1 && shuffled.get('a')!.data[index] === 1).length;
    expect(both).toBeLessThan(60); // of 80, were the second round the first one's order again
  });
});

it('fresh weights are not those of init, though seed and scheme are the same', () => {
  const tensors: TensorTable = new Map([
    ['w', { kind: 'w', layer: 0, role: 'block', shape: [48, 96], writesResidual: false, deviation: 0.02 }],
  ]);
  const [init, fresh] = (['init', 'fresh'] as const).map(
    (purpose) => [...initialise(tensors, 'xavier', 4, purpose).values()][0]!.data,
  );
  expect(fresh!.filter((value, index) => value === init![index]).length).toBeLessThan(3);
});
