/** Pruning: exactly k weights, the smallest ones, ties by position, and nothing ever comes back. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Masks, Weights } from '../../src/model/language-model.ts';
import { applyMasks, prune, sparsityOf, type MatrixPosition, type PruningRule } from '../../src/science/pruning.ts';

interface Case {
  weights: Weights;
  masks: Masks;
  rule: PruningRule;
}

/** Small models with many ties, zeros, earlier prunes and forced weights. */
const cases: fc.Arbitrary<Case> = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 5 })), { minLength: 1, maxLength: 4 })
  .chain((shapes) =>
    fc.record({
      values: fc.tuple(...shapes.map(([rows, cols]) => fc.array(fc.integer({ min: -4, max: 4 }), { minLength: rows * cols, maxLength: rows * cols }))),
      kept: fc.tuple(...shapes.map(([rows, cols]) => fc.array(fc.integer({ min: 0, max: 3 }), { minLength: rows * cols, maxLength: rows * cols }))),
      scope: fc.constantFrom('global' as const, 'layerwise' as const),
      fraction: fc.constantFrom(0, 0.1, 0.2, 1 / 3, 0.5, 0.9, 1),
      of: fc.constantFrom('remaining' as const, 'total' as const),
      forced: fc.uniqueArray(fc.nat({ max: shapes.reduce((sum, [rows, cols]) => sum + rows * cols, 0) - 1 }), { maxLength: 3 }),
      shapes: fc.constant(shapes),
    }),
  )
  .map(({ values, kept, shapes, scope, fraction, of, forced }) => {
    const names = shapes.map((_, index) => `t${index}`);
    const flat: MatrixPosition[] = shapes.flatMap(([rows, cols], which) =>
      Array.from({ length: rows * cols }, (_, index) => ({ tensor: names[which]!, row: Math.floor(index / cols), col: index % cols })),
    );
    return {
      weights: new Map(names.map((name, index) => [name, { shape: [...shapes[index]!], data: Float32Array.from(values[index]!) }])),
      masks: new Map(names.map((name, index) => [name, { shape: [...shapes[index]!], data: Uint8Array.from(kept[index]!, (value) => (value > 0 ? 1 : 0)) }])),
      rule: { scope, fraction, of, forced: forced.map((index) => flat[index]!) },
    };
  });

/** The rule in the plainest words: sort everything, take the first k. */
function naivelyPruned({ weights, masks, rule }: Case): Set<string> {
  const entries = [...weights].flatMap(([tensor, { data }], order) =>
    [...data].map((value, index) => ({ tensor, order, index, magnitude: Math.abs(value), id: `${tensor}:${index}`, kept: masks.get(tensor)!.data[index] === 1 })),
  );
  const forced = new Set(rule.forced.map(({ tensor, row, col }) => `${tensor}:${row * weights.get(tensor)!.shape[1]! + col}`));
  const pruned = new Set(entries.filter(({ kept }) => !kept).map(({ id }) => id));
  for (const scope of rule.scope === 'global' ? [[...weights.keys()]] : [...weights.keys()].map((name) => [name])) {
    const inScope = entries.filter(({ tensor }) => scope.includes(tensor));
    const remaining = inScope.filter(({ kept }) => kept);
    const k = Math.round(rule.fraction * (rule.of === 'total' ? inScope.length : remaining.length));
    const byForceThenMagnitude = remaining.sort(
      (a, b) => Number(forced.has(b.id)) - Number(forced.has(a.id)) || a.magnitude - b.magnitude || a.order - b.order || a.index - b.index,
    );
    byForceThenMagnitude.forEach(({ id }, position) => (position < k || forced.has(id)) && pruned.add(id));
  }
  return pruned;
}

function prunedIds(masks: Masks): Set<string> {
  return new Set([...masks].flatMap(([tensor, { data }]) => [...data].flatMap((kept, index) => (kept === 0 ? [`${tensor}:${index}`] : []))));
}

const one = (values: number[], rows = 1): Weights => new Map([['w', { shape: [rows, values.length / rows], data: Float32Array.from(values) }]]);
const rule = (changes: Partial<PruningRule>): PruningRule => ({ scope: 'global', fraction: 0, of: 'remaining', forced: [], ...changes });

describe('prune', () => {
  it('prunes exactly what sorting every weight and taking the first k prunes', () => {
    fc.assert(
      fc.property(cases, (example) => {
        expect(prunedIds(prune(example.weights, example.masks, example.rule).masks)).toEqual(naivelyPruned(example));
      }),
      { numRuns: 500 },
    );
  });

  it('never brings a pruned weight back and leaves its inputs untouched', () => {
    fc.assert(
      fc.property(cases, ({ weights, masks, rule }) => {
        const before = prunedIds(masks);
        const after = prunedIds(prune(weights, masks, rule).masks);
        expect([...before].filter((id) => !after.has(id))).toEqual([]);
        expect(prunedIds(masks)).toEqual(before);
      }),
    );
  });

  it('reports counts and thresholds that agree with the masks', () => {
    fc.assert(
      fc.property(cases, ({ weights, masks, rule }) => {
        const outcome = prune(weights, masks, rule);
        const forced = new Set(outcome.forced.map(({ tensor, row, col }) => `${tensor}:${row * weights.get(tensor)!.shape[1]! + col}`));
        const earlier = prunedIds(masks);
        const byMagnitude = [...prunedIds(outcome.masks)].filter((id) => !earlier.has(id) && !forced.has(id));
        const magnitude = (id: string) => Math.abs(weights.get(id.split(':')[0]!)!.data[Number(id.split(':')[1])]!);
        const largest = (ids: string[]) => (ids.length === 0 ? null : Math.max(...ids.map(magnitude)));
        for (const { tensor, pruned, prunedNow, threshold } of outcome.tensors) {
          const mine = (ids: Iterable<string>) => [...ids].filter((id) => id.startsWith(`${tensor}:`));
          expect(pruned).toBe(mine(prunedIds(outcome.masks)).length);
          expect(prunedNow).toBe(pruned - mine(earlier).length);
          expect(threshold).toBe(largest(mine(byMagnitude)));
        }
        expect(outcome.threshold).toBe(rule.scope === 'global' ? largest(byMagnitude) : null);
      }),
    );
  });

  it('takes "of the remaining" at its word: five rounds of 20 % leave 0.8^5', () => {
    const weights = one(Array.from({ length: 100_000 }, (_, index) => index + 1));
    let masks: Masks = new Map();
    for (let round = 0; round < 5; round++) masks = prune(weights, masks, rule({ fraction: 0.2 })).masks;
    expect(prunedIds(masks).size).toBe(67_232);
    const total = prune(weights, prune(weights, new Map(), rule({ fraction: 0.5 })).masks, rule({ fraction: 0.3, of: 'total' }));
    expect(total.tensors[0]).toMatchObject({ pruned: 80_000, prunedNow: 30_000, threshold: 80_000 });
  });

  it('judges magnitude, not sign, and breaks ties by position', () => {
    expect([...prune(one([-3, 1, -1, 1, 2]), new Map(), rule({ fraction: 0.4 })).masks.get('w')!.data]).toEqual([1, 0, 0, 1, 1]);
  });

  it('counts forced weights among the k, and prunes them even where k is 0', () => {
    const forced = [{ tensor: 'w', row: 0, col: 0 }];
    const some = prune(one([9, 1, 2, 3]), new Map(), rule({ fraction: 0.5, forced }));
    expect([...some.masks.get('w')!.data]).toEqual([0, 0, 1, 1]);
    expect(some.threshold).toBe(1);
    const alone = prune(one([9, 1, 2, 3]), new Map(), rule({ forced }));
    expect(alone).toMatchObject({ threshold: null, forced: [{ tensor: 'w', row: 0, col: 0, value: 9 }], tensors: [{ prunedNow: 1, threshold: null }] });
  });

  it('does not count a forced weight that an earlier round pruned', () => {
    const masks: Masks = new Map([['w', { shape: [1, 4], data: Uint8Array.of(0, 1, 1, 1) }]]);
    const outcome = prune(one([0, 1, 2, 3]), masks, rule({ fraction: 1 / 3, forced: [{ tensor: 'w', row: 0, col: 0 }] }));
    expect(outcome.forced).toEqual([]);
    expect([...outcome.masks.get('w')!.data]).toEqual([0, 0, 1, 1]);
  });

  it('keeps the masks of tensors that are no longer prunable', () => {
    const masks: Masks = new Map([['other', { shape: [1, 2], data: Uint8Array.of(0, 1) }]]);
    const outcome = prune(one([1, 2]), masks, rule({ fraction: 0.5 }));
    expect([...outcome.masks.keys()]).toEqual(['other', 'w']);
    expect([...outcome.masks.get('other')!.data]).toEqual([0, 1]);
  });

  it('refuses what it cannot rank or find', () => {
    expect(() => prune(one([1, Number.NaN]), new Map(), rule({ fraction: 0.5 }))).toThrow('Weight 1 of w is NaN: magnitudes cannot be ranked.');
    expect(() => prune(one([1]), new Map(), rule({ fraction: 20 }))).toThrow('The fraction 20 is not between 0 and 1.');
    expect(() => prune(one([1]), new Map(), rule({ forced: [{ tensor: 'v', row: 0, col: 0 }] }))).toThrow('v is not prunable');
    expect(() => prune(one([1, 2], 2), new Map(), rule({ forced: [{ tensor: 'w', row: 1, col: 1 }] }))).toThrow("the tensor's shape is [2, 1]");
    expect(() => prune(one([1, 2]), new Map([['w', { shape: [1], data: Uint8Array.of(1) }]]), rule({}))).toThrow('The mask of w has 1 elements, the weight 2.');
  });
});

describe('applyMasks', () => {
  it('makes pruned weights exactly 0, never -0, and copies nothing else', () => {
    const weights: Weights = new Map([...one([-5, 2, -1]), ['free', { shape: [1], data: Float32Array.of(-2) }]]);
    const masked = applyMasks(weights, new Map([['w', { shape: [1, 3], data: Uint8Array.of(0, 1, 0) }]]));
    expect([...masked.get('w')!.data].map((value) => (Object.is(value, -0) ? 'minus zero' : value))).toEqual([0, 2, 0]);
    expect([...masked.get('free')!.data]).toEqual([-2]);
    expect([...weights.get('w')!.data]).toEqual([-5, 2, -1]);
  });

  it('yields the sparsity that the masks say: the fraction that IS zero', () => {
    const weights = one([5, 4, 3, 2]);
    const { masks } = prune(weights, new Map(), rule({ fraction: 0.25 }));
    expect(sparsityOf(applyMasks(weights, masks).values())).toBe(0.25);
  });
});
