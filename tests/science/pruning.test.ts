/** Pruning: exactly k weights, the smallest ones, ties by position, and nothing ever comes back. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Masks, Weights } from '../../src/model/language-model.ts';
import { PRUNING_CRITERIA } from '../../src/science/pruning-criteria.ts';
import {
  applyMasks,
  prune,
  type MatrixPosition,
  type PruningOutcome,
  type PruningRule,
} from '../../src/science/pruning.ts';
import { sparsityOf } from '../../src/science/sparsity.ts';

interface Case {
  weights: Weights;
  masks: Masks;
  rule: PruningRule;
}

/** Mostly ties and zeros; else any float32, down to the smallest, and neighbours that differ in the last bit. */
const value = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -4, max: 4 }) },
  { weight: 1, arbitrary: fc.float({ noNaN: true, noDefaultInfinity: true }) },
  { weight: 1, arbitrary: fc.constantFrom(-0, 2 ** -149, -(2 ** -149), 2 ** -148, 1 + 2 ** -23, -1 - 2 ** -22) },
);

/** Small models with many ties, zeros, earlier prunes, forced and protected weights. */
const cases: fc.Arbitrary<Case> = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 5 })), { minLength: 1, maxLength: 4 })
  .chain((shapes) =>
    fc.record({
      values: fc.tuple(
        ...shapes.map(([rows, cols]) => fc.array(value, { minLength: rows * cols, maxLength: rows * cols })),
      ),
      kept: fc.tuple(
        ...shapes.map(([rows, cols]) =>
          fc.array(fc.integer({ min: 0, max: 3 }), { minLength: rows * cols, maxLength: rows * cols }),
        ),
      ),
      criterion: fc.constantFrom(...PRUNING_CRITERIA),
      scope: fc.constantFrom('global' as const, 'layerwise' as const),
      fraction: fc.constantFrom(0, 0.1, 0.145, 0.2, 1 / 3, 0.35, 0.5, 0.7, 0.9, 1),
      of: fc.constantFrom('remaining' as const, 'total' as const, 'cumulative' as const),
      seed: fc.nat({ max: 5 }),
      /** Forced ones first, then the protected ones: never the same. */
      named: fc.uniqueArray(fc.nat({ max: shapes.reduce((sum, [rows, cols]) => sum + rows * cols, 0) - 1 }), {
        maxLength: 6,
      }),
      forcedOfThem: fc.nat({ max: 3 }),
      shapes: fc.constant(shapes),
    }),
  )
  .map(({ values, kept, shapes, named, forcedOfThem, ...rule }) => {
    const names = shapes.map((_, index) => `t${index}`);
    const flat: MatrixPosition[] = shapes.flatMap(([rows, cols], which) =>
      Array.from({ length: rows * cols }, (_, index) => ({
        tensor: names[which]!,
        row: Math.floor(index / cols),
        col: index % cols,
      })),
    );
    const places = named.map((index) => flat[index]!);
    return {
      weights: new Map(
        names.map((name, index) => [name, { shape: [...shapes[index]!], data: Float32Array.from(values[index]!) }]),
      ),
      masks: new Map(
        names.map((name, index) => [
          name,
          { shape: [...shapes[index]!], data: Uint8Array.from(kept[index]!, (value) => (value > 0 ? 1 : 0)) },
        ]),
      ),
      rule: { ...rule, forced: places.slice(0, forcedOfThem), protected: places.slice(forcedOfThem) },
    };
  });

const idOf = (weights: Weights, { tensor, row, col }: MatrixPosition) =>
  `${tensor}:${row * weights.get(tensor)!.shape[1]! + col}`;

/**
 * The rule in the plainest words: sort everything, take the first k. Undefined where too few weights are unprotected.
 */
function naivelyPruned({ weights, masks, rule }: Case): Set<string> | undefined {
  const entries = [...weights].flatMap(([tensor, { data }], order) =>
    [...data].map((value, index) => ({
      tensor,
      order,
      index,
      magnitude: Math.abs(value),
      id: `${tensor}:${index}`,
      kept: masks.get(tensor)!.data[index] === 1,
    })),
  );
  const forced = new Set(rule.forced.map((place) => idOf(weights, place)));
  const safe = new Set(rule.protected.map((place) => idOf(weights, place)));
  const pruned = new Set(entries.filter(({ kept }) => !kept).map(({ id }) => id));
  for (const scope of scopesOf(weights, rule)) {
    const inScope = entries.filter(({ tensor }) => scope.includes(tensor));
    const remaining = inScope.filter(({ kept }) => kept);
    const goal = share(rule.fraction, rule.of === 'remaining' ? remaining.length : inScope.length);
    const k = Math.min(rule.of === 'cumulative' ? goal - (inScope.length - remaining.length) : goal, remaining.length);
    const byForceThenMagnitude = remaining
      .filter(({ id }) => !safe.has(id))
      .sort(
        (a, b) =>
          Number(forced.has(b.id)) - Number(forced.has(a.id)) ||
          a.magnitude - b.magnitude ||
          a.order - b.order ||
          a.index - b.index,
      );
    if (k > byForceThenMagnitude.length) return undefined;
    byForceThenMagnitude.forEach(({ id }, position) => (position < k || forced.has(id)) && pruned.add(id));
  }
  return pruned;
}

/** By hand: the digits after the point as a whole number, and halves up. */
function share(fraction: number, count: number): number {
  const digits = (String(fraction).split('.')[1] ?? '').length;
  const unit = 10n ** BigInt(digits);
  return Number((BigInt(fraction.toFixed(digits).replace('.', '')) * BigInt(count) * 2n + unit) / (2n * unit));
}

function scopesOf(weights: Weights, rule: PruningRule): string[][] {
  return rule.scope === 'global' ? [[...weights.keys()]] : [...weights.keys()].map((name) => [name]);
}

/** Checks something of every case in which enough weights are unprotected. */
function everyCase(check: (example: Case, outcome: PruningOutcome) => void): void {
  fc.assert(
    fc.property(cases, (example) => {
      fc.pre(naivelyPruned(example) !== undefined);
      check(example, prune(example.weights, example.masks, example.rule));
    }),
    { numRuns: 300 },
  );
}

/** How many of some tensors are pruned. */
const countIn = (ids: ReadonlySet<string>, tensors: readonly string[]) =>
  [...ids].filter((id) => tensors.includes(id.split(':')[0]!)).length;

function prunedIds(masks: Masks): Set<string> {
  return new Set(
    [...masks].flatMap(([tensor, { data }]) =>
      [...data].flatMap((kept, index) => (kept === 0 ? [`${tensor}:${index}`] : [])),
    ),
  );
}

const one = (values: number[], rows = 1): Weights =>
  new Map([['w', { shape: [rows, values.length / rows], data: Float32Array.from(values) }]]);
const rule = (changes: Partial<PruningRule>): PruningRule => ({
  criterion: 'magnitude',
  scope: 'global',
  fraction: 0,
  of: 'remaining',
  forced: [],
  protected: [],
  seed: 0,
  ...changes,
});

describe('prune', () => {
  it('prunes exactly what sorting every weight and taking the first k prunes, or says that too many are protected', () => {
    fc.assert(
      fc.property(cases, (example) => {
        const { weights, masks } = example;
        const rule = { ...example.rule, criterion: 'magnitude' as const };
        const expected = naivelyPruned(example);
        if (expected === undefined)
          expect(() => prune(weights, masks, rule)).toThrow(
            /weights are to be pruned of .*, but \d+ of those are protected\. Prune a smaller fraction, or protect none\./,
          );
        else expect(prunedIds(prune(weights, masks, rule).masks)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('prunes exactly as many in each scope whatever the criterion', () => {
    everyCase((example, { masks }) => {
      for (const tensors of scopesOf(example.weights, example.rule))
        expect(countIn(prunedIds(masks), tensors)).toBe(countIn(naivelyPruned(example)!, tensors));
    });
  });

  it('never brings a pruned weight back and leaves its inputs untouched', () => {
    everyCase(({ weights, masks, rule }, outcome) => {
      const before = prunedIds(masks);
      const after = prunedIds(outcome.masks);
      expect([...before].filter((id) => !after.has(id))).toEqual([]);
      expect(prunedIds(prune(weights, masks, rule).masks)).toEqual(after);
      expect(prunedIds(masks)).toEqual(before);
    });
  });

  it('never prunes a protected weight, and says which it would have pruned', () => {
    everyCase(({ weights, masks, rule }, outcome) => {
      const [before, after] = [prunedIds(masks), prunedIds(outcome.masks)];
      const unprotected = prunedIds(prune(weights, masks, { ...rule, protected: [] }).masks);
      const kept = rule.protected.filter((place) => !before.has(idOf(weights, place)));
      for (const place of kept) expect(after.has(idOf(weights, place))).toBe(false);
      expect(outcome.protected).toEqual(
        kept.map((place) => {
          const [tensor, index] = idOf(weights, place).split(':') as [string, string];
          return {
            ...place,
            value: weights.get(tensor)!.data[Number(index)],
            spared: unprotected.has(idOf(weights, place)),
          };
        }),
      );
      expect(after.size).toBe(unprotected.size);
    });
  });

  it('shuffled takes of each tensor as many as magnitude would', () => {
    everyCase(({ weights, masks, rule }) => {
      const [shuffled, smallest] = (['shuffled', 'magnitude'] as const).map(
        (criterion) => prune(weights, masks, { ...rule, criterion }).tensors,
      );
      expect(shuffled!.map(({ pruned, prunedNow }) => [pruned, prunedNow])).toEqual(
        smallest!.map(({ pruned, prunedNow }) => [pruned, prunedNow]),
      );
      expect(shuffled!.every(({ threshold }) => threshold === null)).toBe(true);
    });
  });

  it('random pays no heed to the values', () => {
    everyCase(({ weights, masks, rule }) => {
      const random = { ...rule, criterion: 'random' as const };
      const others: Weights = new Map(
        [...weights].map(([name, { shape, data }]) => [
          name,
          { shape, data: data.map((value, index) => 10 * index - value) },
        ]),
      );
      expect(prunedIds(prune(others, masks, random).masks)).toEqual(prunedIds(prune(weights, masks, random).masks));
    });
  });

  it('cumulative reaches its target exactly, from wherever the masks are, and takes nothing back', () => {
    everyCase(({ weights, masks, rule }) => {
      const { masks: after } = prune(weights, masks, { ...rule, of: 'cumulative', forced: [], protected: [] });
      for (const tensors of scopesOf(weights, rule)) {
        const total = tensors.reduce((sum, name) => sum + weights.get(name)!.data.length, 0);
        expect(countIn(prunedIds(after), tensors)).toBe(
          Math.max(share(rule.fraction, total), countIn(prunedIds(masks), tensors)),
        );
      }
    });
  });

  it('reports counts and thresholds that agree with the masks', () => {
    everyCase(({ weights, masks, rule }, outcome) => {
      const forced = new Set(outcome.forced.map((place) => idOf(weights, place)));
      const earlier = prunedIds(masks);
      const byMagnitude =
        rule.criterion === 'magnitude'
          ? [...prunedIds(outcome.masks)].filter((id) => !earlier.has(id) && !forced.has(id))
          : [];
      const magnitude = (id: string) => Math.abs(weights.get(id.split(':')[0]!)!.data[Number(id.split(':')[1])]!);
      const largest = (ids: string[]) => (ids.length === 0 ? null : Math.max(...ids.map(magnitude)));
      for (const { tensor, pruned, prunedNow, threshold } of outcome.tensors) {
        const mine = (ids: Iterable<string>) => [...ids].filter((id) => id.startsWith(`${tensor}:`));
        expect(pruned).toBe(mine(prunedIds(outcome.masks)).length);
        expect(prunedNow).toBe(pruned - mine(earlier).length);
        expect(threshold).toBe(largest(mine(byMagnitude)));
      }
      expect(outcome.threshold).toBe(rule.scope === 'global' ? largest(byMagnitude) : null);
    });
  });

  it('takes "of the remaining" at its word: five rounds of 20 % leave 0.8^5', () => {
    const weights = one(Array.from({ length: 100_000 }, (_, index) => index + 1));
    let masks: Masks = new Map();
    for (let round = 0; round < 5; round++) masks = prune(weights, masks, rule({ fraction: 0.2 })).masks;
    expect(prunedIds(masks).size).toBe(67_232);
    const total = prune(
      weights,
      prune(weights, new Map(), rule({ fraction: 0.5 })).masks,
      rule({ fraction: 0.3, of: 'total' }),
    );
    expect(total.tensors[0]).toMatchObject({ pruned: 80_000, prunedNow: 30_000, threshold: 80_000 });
  });

  it('judges magnitude, not sign, and breaks ties by position', () => {
    expect([...prune(one([-3, 1, -1, 1, 2]), new Map(), rule({ fraction: 0.4 })).masks.get('w')!.data]).toEqual([
      1, 0, 0, 1, 1,
    ]);
  });

  it('counts forced weights among the k, and prunes them even where k is 0', () => {
    const forced = [{ tensor: 'w', row: 0, col: 0 }];
    const some = prune(one([9, 1, 2, 3]), new Map(), rule({ fraction: 0.5, forced }));
    expect([...some.masks.get('w')!.data]).toEqual([0, 0, 1, 1]);
    expect(some.threshold).toBe(1);
    const alone = prune(one([9, 1, 2, 3]), new Map(), rule({ forced }));
    expect(alone).toMatchObject({
      threshold: null,
      forced: [{ tensor: 'w', row: 0, col: 0, value: 9 }],
      tensors: [{ prunedNow: 1, threshold: null }],
    });
  });

  it('takes the next-smallest for every protected weight: exactly k go, the protected stay', () => {
    const safe = [
      { tensor: 'w', row: 0, col: 1 },
      { tensor: 'w', row: 0, col: 3 },
    ];
    const outcome = prune(one([3, 1, 2, 9, 4]), new Map(), rule({ fraction: 0.4, protected: safe }));
    expect([...outcome.masks.get('w')!.data]).toEqual([0, 1, 0, 1, 1]);
    expect(outcome.threshold).toBe(3);
    expect(outcome.protected).toEqual([
      { tensor: 'w', row: 0, col: 1, value: 1, spared: true },
      { tensor: 'w', row: 0, col: 3, value: 9, spared: false },
    ]);
  });

  it('refuses to prune more than is left unprotected rather than prune fewer', () => {
    const safe = [{ tensor: 'w', row: 0, col: 0 }];
    expect(() => prune(one([1, 2, 3]), new Map(), rule({ fraction: 1, protected: safe }))).toThrow(
      '3 weights are to be pruned of w, where 3 are left, but 1 of those are protected. Prune a smaller fraction, or protect none.',
    );
    expect(() => prune(one([1, 2]), new Map(), rule({ forced: safe, protected: safe }))).toThrow(
      'w [0, 0] is to be pruned in any case and protected from pruning',
    );
  });

  it('draws uniformly: every weight is pruned equally often over seeds', () => {
    const counts = new Array<number>(10).fill(0);
    const seeds = 4000;
    for (let seed = 0; seed < seeds; seed++)
      prune(one([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), new Map(), rule({ criterion: 'random', fraction: 0.3, seed }))
        .masks.get('w')!
        .data.forEach((kept, index) => (counts[index]! += 1 - kept));
    const variance = seeds * 0.3 * 0.7 * (10 / 9); // of each count, the n - 1 of a draw without replacement included
    const chiSquare = counts.reduce((sum, count) => sum + (count - 0.3 * seeds) ** 2 / variance, 0);
    expect(chiSquare).toBeLessThan(27.9); // the 99.9 % point at 9 degrees of freedom
  });

  it('draws anew in each round, and alike in arms with the same seed and sparsity', () => {
    const weights = one(Array.from({ length: 1000 }, (_, index) => index));
    const random = rule({ criterion: 'random', fraction: 0.1, seed: 3 });
    const first = prune(weights, new Map(), random).masks;
    const second = prune(weights, first, random).masks;
    expect(second).toEqual(prune(one(Array.from({ length: 1000 }, (_, index) => -index)), first, random).masks);
    // Were the second draw the first one's order again, it would go on just after it: the same as 19 % at once.
    expect(prunedIds(second)).not.toEqual(prunedIds(prune(weights, new Map(), { ...random, fraction: 0.19 }).masks));
    expect(prunedIds(first)).not.toEqual(prunedIds(prune(weights, new Map(), { ...random, seed: 4 }).masks));
  });

  it('protection changes a random draw no more than it must', () => {
    const weights = one(Array.from({ length: 1000 }, (_, index) => index));
    const random = rule({ criterion: 'random', fraction: 0.5 });
    const free = prunedIds(prune(weights, new Map(), random).masks);
    const lost = Number([...free][0]!.split(':')[1]);
    const safe = prunedIds(
      prune(weights, new Map(), { ...random, protected: [{ tensor: 'w', row: 0, col: lost }] }).masks,
    );
    expect([...free].filter((id) => !safe.has(id))).toEqual([`w:${lost}`]);
    expect(safe.size).toBe(free.size);
  });

  it('does not count a forced weight that an earlier round pruned', () => {
    const masks: Masks = new Map([['w', { shape: [1, 4], data: Uint8Array.of(0, 1, 1, 1) }]]);
    const outcome = prune(
      one([0, 1, 2, 3]),
      masks,
      rule({ fraction: 1 / 3, forced: [{ tensor: 'w', row: 0, col: 0 }] }),
    );
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
    expect(() => prune(one([1, Number.NaN]), new Map(), rule({ fraction: 0.5 }))).toThrow(
      'Weight 1 of w is NaN: magnitudes cannot be ranked.',
    );
    expect(() => prune(one([1]), new Map(), rule({ fraction: 20 }))).toThrow('The fraction 20 is not between 0 and 1.');
    expect(() => prune(one([1]), new Map(), rule({ forced: [{ tensor: 'v', row: 0, col: 0 }] }))).toThrow(
      'v is not prunable',
    );
    expect(() => prune(one([1, 2], 2), new Map(), rule({ forced: [{ tensor: 'w', row: 1, col: 1 }] }))).toThrow(
      "the tensor's shape is [2, 1]",
    );
    expect(() => prune(one([1, 2]), new Map([['w', { shape: [1], data: Uint8Array.of(1) }]]), rule({}))).toThrow(
      'The mask of w has 1 elements, the weight 2.',
    );
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
