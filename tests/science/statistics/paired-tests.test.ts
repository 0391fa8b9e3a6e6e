/** Tests of paired differences, against published values and other programs. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { signFlipTest, smallestFlipP } from '../../../src/science/statistics/sign-flip.ts';
import { signedRankTest } from '../../../src/science/statistics/signed-rank.ts';
import { pairedTTest } from '../../../src/science/statistics/student-t.ts';

/** Darwin's maize, crossed less self-fertilised, in eighths of an inch: the data of Fisher's sign-flip test. */
const DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48];

/** Differences as they occur: of any size, some of them zero, some of them tied. */
const differences = fc.array(
  fc.oneof(
    fc.integer({ min: -2000, max: 2000 }).map((value) => value / 1000),
    fc.constantFrom(0, 0.5, -0.5, 0.1, -0.1),
  ),
  { minLength: 1, maxLength: 9 },
);

/** Two-sided p by listing every sign pattern of the given magnitudes. */
function byListing(signed: readonly number[]): number {
  const observed = Math.abs(signed.reduce((sum, value) => sum + value, 0));
  const patterns = 2 ** signed.length;
  let extreme = 0;
  for (let pattern = 0; pattern < patterns; pattern++) {
    const sum = signed.reduce((total, value, i) => total + ((pattern >> i) & 1 ? -value : value), 0);
    if (Math.abs(sum) >= observed - 1e-9) extreme++;
  }
  return extreme / patterns;
}

/** Whole differences of many pairs, ties and zeros among them. */
function many(n: number, shift: number): number[] {
  return Array.from({ length: n }, (_, i) => ((i * 37) % 101) - shift);
}

describe('the exact sign-flip test', () => {
  it("is Fisher's on Darwin's maize: 863 of 32,768 patterns on either side", () => {
    // The Design of Experiments (1935), section 21.
    expect(signFlipTest(DARWIN)!.p).toBe((2 * 863) / 2 ** 15);
  });

  it.each([
    [3, 0.25],
    [4, 0.125],
    [5, 0.0625],
    [6, 0.03125],
  ])('of %i pairs can give no p below %f', (n, smallest) => {
    expect(signFlipTest(Array.from({ length: n }, (_, i) => 1 + i))).toEqual({ p: smallest, smallestP: smallest });
  });

  it('is what listing every pattern gives, ties and zeros included', () => {
    fc.assert(
      fc.property(differences, (values) => {
        const test = signFlipTest(values);
        if (values.every((value) => value === 0)) expect(test).toBeUndefined();
        else expect(test!.p).toBeCloseTo(byListing(values), 12);
      }),
    );
  });

  it('counts sums that are equal but for rounding as equal', () => {
    // 0.1 + 0.2 - 0.3 and its mirror are 0 in truth: patterns that tie with the observed one must count.
    expect(signFlipTest([0.1, 0.2, -0.3])!.p).toBe(1);
    expect(signFlipTest([0.3, 0.3, 0.1 + 0.2, -0.1])!.p).toBe(byListing([3, 3, 3, -1]));
  });

  it('takes twenty pairs and more', () => {
    expect(signFlipTest(Array.from({ length: 20 }, () => 0.01))!.p).toBe(2 ** -19);
    expect(signFlipTest(Array.from({ length: 30 }, () => 0.01))!.p).toBe(2 ** -29);
  });

  it.each([
    // Counted in whole numbers over all patterns, by another program.
    ['41 pairs', many(41, 40), 0.03347008116543293],
    ['150 pairs', many(150, 44), 0.01863003412519319],
    ['61 pairs, of which one differs by more than all others together', [...many(60, 40), 1e9], 0.0077691083938927295],
  ])('of %s gives no less than listing all patterns, and hardly more', (_, values, p) => {
    const n = values.length;
    const test = signFlipTest(values.map((value) => value / 1000))!;
    expect(test.p).toBeGreaterThan((1 - 1e-12) * p);
    expect(test.p).toBeLessThan(1.0001 * p);
    expect(test.smallestP).toBe(2 ** (1 - n));
  });

  it('takes as many pairs as a study may have seeds', () => {
    expect(signFlipTest(Array.from({ length: 1000 }, () => 0.01))!.p).toBeCloseTo(2 ** -999, 305);
    expect(signFlipTest(Array.from({ length: 1000 }, (_, i) => (i % 2 === 0 ? 1 : -1)))!.p).toBe(1);
  });

  it('is the same, counted or on the grid, from one more pair to the next', () => {
    // A pair of almost no difference doubles the patterns and changes no share.
    const values = many(40, 40);
    expect(signFlipTest([...values, 1e-9])!.p / signFlipTest(values)!.p).toBeCloseTo(1, 3);
  });
});

describe("Wilcoxon's exact signed-rank test", () => {
  it("is the published one on Darwin's maize", () => {
    // W = 96; R's wilcox.test(exact = TRUE) and SciPy: 0.04126.
    expect(signedRankTest(DARWIN)!.p).toBeCloseTo(0.041259765625, 12);
  });

  it('is exact for many pairs, too', () => {
    // Counted in whole numbers over all patterns, by another program.
    expect(signedRankTest(many(150, 44))!.p).toBeCloseTo(0.024020827400465777, 12);
  });

  it.each([
    // Published critical values of T at 0.05 two-sided (Wilcoxon 1945; Siegel, table G), and just outside them.
    [6, 0, 0.03125],
    [7, 2, 0.046875],
    [8, 3, 0.0390625],
    [8, 4, 0.0546875],
    [9, 5, 0.0390625],
    [10, 8, 0.048828125],
  ])('with n = %i and T = %i has p = %f', (n, t, p) => {
    // The smallest ranks that sum to T are negative.
    let left = t;
    const values = Array.from({ length: n }, (_, i) => n - i).map((rank) => {
      if (rank > left) return rank;
      left -= rank;
      return -rank;
    });
    expect(signedRankTest(values)!.p).toBe(p);
  });

  it('gives tied magnitudes their mean rank and keeps the ranks that zeros take', () => {
    // Ranks 1.5, 1.5, 3, 4, 5: doubled, and the zero at rank 1 shifts the others.
    expect(signedRankTest([1, -1, 2, 3, 4])!.p).toBeCloseTo(byListing([3, -3, 6, 8, 10]), 12);
    expect(signedRankTest([0, 1, -2, 3, 4])!.p).toBeCloseTo(byListing([4, -6, 8, 10]), 12);
  });

  it('never falls below the floor with ties at n = 5', () => {
    // Other libraries return p = 0.0369 here, from an approximation: below the exact floor of 0.0625.
    expect(signedRankTest([1, 1, 1, 1, 1])).toEqual({ p: 0.0625, smallestP: 0.0625 });
  });

  it('says nothing where every difference is zero', () => expect(signedRankTest([0, 0, 0])).toBeUndefined());
});

describe('both exact tests', () => {
  it('stay at or above the smallest p, and at or below 1', () => {
    fc.assert(
      fc.property(differences, (values) => {
        for (const test of [signFlipTest(values), signedRankTest(values)]) {
          if (test === undefined) continue;
          expect(test.smallestP).toBe(smallestFlipP(values.length));
          expect(test.p).toBeGreaterThanOrEqual(test.smallestP);
          expect(test.p).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('do not care which arm is subtracted from which, nor in which order the seeds come', () => {
    fc.assert(
      fc.property(differences, (values) => {
        for (const of of [signFlipTest, signedRankTest]) {
          expect(of(values.map((value) => -value))).toEqual(of(values));
          expect(of([...values].reverse())?.p).toBe(of(values)?.p);
        }
      }),
    );
  });
});

describe('the paired t-test', () => {
  it("is the published one on Darwin's maize", () => {
    // Fisher (1935), section 17: t = 2.148 with 14 degrees of freedom, p just below 0.05 (R: 0.0497).
    expect(pairedTTest(DARWIN)).toEqual({ t: expect.closeTo(2.148, 3), df: 14, p: expect.closeTo(0.049703, 6) });
  });

  it('does not turn a constant difference into certainty', () => {
    expect(pairedTTest([0.3, 0.3, 0.3])).toBeUndefined();
    expect(pairedTTest([0.1 + 0.2, 0.3, 0.3])).toBeUndefined();
    expect(signFlipTest([0.3, 0.3, 0.3])!.p).toBe(0.25);
  });

  it('needs two pairs', () => expect(pairedTTest([0.3])).toBeUndefined());
});
