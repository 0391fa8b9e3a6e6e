/** Tests of counts, against published values. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fisherTest } from '../../../src/science/statistics/fisher.ts';
import { mcNemarTest } from '../../../src/science/statistics/mcnemar.ts';

describe("Fisher's exact test", () => {
  it.each([
    // The lady tasting tea (Fisher 1935, section 5; two-sided), convictions of like-sex twins (Fisher 1962; R's
    // fisher.test).
    [{ k: 3, n: 4 }, { k: 1, n: 4 }, 0.48571428571],
    [{ k: 10, n: 12 }, { k: 3, n: 18 }, 0.00053672412],
    [{ k: 8, n: 10 }, { k: 1, n: 6 }, 0.03496503497],
  ])('of %o against %o has p = %f', (a, b, p) => expect(fisherTest(a, b)!.p).toBeCloseTo(p, 10));

  it.each([
    [3, 0.1],
    [4, 0.02857142857],
    [5, 0.00793650794],
    [6, 0.00216450216],
  ])('of %i runs against as many can give no p below %f', (n, smallest) => {
    const extreme = fisherTest({ k: n, n }, { k: 0, n })!;
    expect(extreme.p).toBeCloseTo(smallest, 10);
    expect(extreme.smallestP).toBe(extreme.p);
  });

  it('stays between its floor and 1, and does not care which arm is the first', () => {
    const count = fc
      .integer({ min: 1, max: 8 })
      .chain((n) => fc.record({ k: fc.integer({ min: 0, max: n }), n: fc.constant(n) }));
    fc.assert(
      fc.property(count, count, (a, b) => {
        const test = fisherTest(a, b)!;
        expect(test.p).toBeGreaterThanOrEqual(test.smallestP);
        expect(test.p).toBeLessThanOrEqual(1);
        expect(fisherTest(b, a)).toEqual(test);
      }),
    );
  });

  it.each([
    // Counted in whole numbers by another program.
    [{ k: 700, n: 1000 }, { k: 640, n: 1000 }, 0.005001529322327835],
    [{ k: 41, n: 60 }, { k: 300, n: 700 }, 0.0002083305976081387],
  ])('of %o against %o, as many as a study may have seeds, has p = %f', (a, b, p) =>
    expect(fisherTest(a, b)!.p).toBeCloseTo(p, 12),
  );

  it('knows the least p of any outcome without trying all', () => {
    const least = (n: number, m: number) =>
      Math.min(
        ...Array.from({ length: n + 1 }, (_, i) =>
          Array.from({ length: m + 1 }, (_, j) => fisherTest({ k: i, n }, { k: j, n: m })!.p),
        ).flat(),
      );
    for (const [n, m] of [
      [1, 1],
      [1, 4],
      [3, 3],
      [5, 2],
      [4, 6],
    ] as const)
      expect(fisherTest({ k: 0, n }, { k: 0, n: m })!.smallestP).toBe(least(n, m));
  });

  it('says nothing of an arm without runs', () => expect(fisherTest({ k: 0, n: 0 }, { k: 3, n: 3 })).toBeUndefined());
});

describe("McNemar's exact test", () => {
  it.each([
    // Twice the binomial tail with probability 1/2 (R's binom.test).
    [0, 6, 6, 0.03125],
    [1, 5, 9, 0.21875],
    [6, 16, 30, 0.052478790283],
    [59, 62, 314, 0.855821599211],
    [2, 2, 4, 1],
  ])('of %i against %i discordant pairs of %i has p = %f', (a, b, pairs, p) =>
    expect(mcNemarTest(a, b, pairs)!.p).toBeCloseTo(p, 10),
  );

  it('has p = 1 where no pair disagrees, and a floor that is that of its pairs', () => {
    expect(mcNemarTest(0, 0, 3)).toEqual({ p: 1, smallestP: 0.25 });
    expect(mcNemarTest(0, 0, 0)).toBeUndefined();
    expect(() => mcNemarTest(2, 2, 3)).toThrow('4 of 3 pairs cannot disagree.');
  });

  it('stays at or above its floor and is symmetric', () => {
    const count = fc.integer({ min: 0, max: 9 });
    fc.assert(
      fc.property(count, count, fc.integer({ min: 1, max: 9 }), (a, b, agreeing) => {
        const test = mcNemarTest(a, b, a + b + agreeing)!;
        expect(test.p).toBeGreaterThanOrEqual(test.smallestP);
        expect(test.p).toBeLessThanOrEqual(1);
        expect(mcNemarTest(b, a, a + b + agreeing)).toEqual(test);
      }),
    );
  });
});
