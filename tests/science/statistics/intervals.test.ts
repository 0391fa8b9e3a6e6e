/** Intervals, against published values and other programs. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deviationInterval } from '../../../src/science/statistics/deviation-interval.ts';
import { lowerBoundOfAll } from '../../../src/science/statistics/all-of-n.ts';
import { proportion } from '../../../src/science/statistics/proportion.ts';
import { spread, variedSpread } from '../../../src/science/statistics/spread.ts';
import { quantile, tInterval, tUpperBound } from '../../../src/science/statistics/student-t.ts';

describe("Student's t", () => {
  // Abramowitz & Stegun, table 26.10, and any textbook: two-sided 95 % and 99 %.
  it.each([
    [0.975, 1, 12.7062],
    [0.975, 2, 4.30265],
    [0.975, 3, 3.18245],
    [0.975, 4, 2.77645],
    [0.975, 5, 2.57058],
    [0.975, 10, 2.22814],
    [0.975, 30, 2.04227],
    [0.975, 120, 1.97993],
    [0.995, 1, 63.6567],
    [0.995, 5, 4.03214],
    [0.95, 2, 2.91999],
    [0.75, 1, 1],
  ])('has the published quantile at p = %f with %i degrees of freedom', (p, degrees, published) => {
    expect(quantile(p, degrees)).toBeCloseTo(published, published > 10 ? 3 : 4);
  });

  it('is exact in the far tail too, where one degree of freedom has a closed form', () => {
    for (const p of [1e-9, 1e-6, 1e-3, 0.2]) expect(quantile(p, 1) * Math.tan(Math.PI * p)).toBeCloseTo(-1, 9);
  });

  it('refuses what has no quantile', () => {
    expect(() => quantile(1, 3)).toThrow('A quantile of t needs 0 < p < 1, not 1.');
    expect(() => quantile(0.975, 0)).toThrow("Student's t needs more than 0 degrees of freedom, not 0.");
  });
});

describe('spread and t interval', () => {
  it('uses n - 1 and the t quantile: half-widths of 2.48 and 1.05 SD at n = 3 and 6', () => {
    expect(spread([1, 2, 3])).toEqual({ n: 3, mean: 2, sd: 1 });
    const three = tInterval([1, 2, 3])!;
    expect(three.upper - 2).toBeCloseTo(2.484, 3);
    expect(2 - three.lower).toBeCloseTo(2.484, 3);
    const six = [1, 2, 3, 4, 5, 6];
    expect((tInterval(six)!.upper - 3.5) / spread(six).sd!).toBeCloseTo(1.049, 3);
  });

  it('has the one-sided bound of the published quantile', () => {
    expect(tUpperBound([1, 2, 3])).toBeCloseTo(2 + 2.91999 / Math.sqrt(3), 4);
  });

  it('has no mean of nothing, no deviation and no interval of one', () => {
    expect(spread([])).toEqual({ n: 0, mean: null, sd: null });
    expect(spread([4])).toEqual({ n: 1, mean: 4, sd: null });
    expect(tInterval([4])).toBeUndefined();
    expect(tInterval([])).toBeUndefined();
    expect(tUpperBound([4])).toBeUndefined();
  });

  it('takes the rounding of equal values for no spread, and a small real spread for one', () => {
    expect(variedSpread([0.1 + 0.2, 0.3, 0.3])).toBeUndefined();
    expect(variedSpread([0.3 + 1e-9, 0.3, 0.3])).toBeDefined();
    expect(tInterval([2, 2, 2])).toBeUndefined();
  });
});

describe('the interval of a standard deviation', () => {
  it('is that of the chi-square distribution', () => {
    // Against SciPy 1.17: sd sqrt((n - 1) / chi2.ppf(p, n - 1)). At n = 3 it reaches from 0.52 to 6.28 SD.
    const { lower, upper } = deviationInterval([0.8, -0.3, 1.2, 0.9, 1.7, 0.4])!;
    expect(lower).toBeCloseTo(0.42778366915555, 12);
    expect(upper).toBeCloseTo(1.68083108073985, 12);
    expect(deviationInterval([1, 2, 3])).toMatchObject({
      lower: expect.closeTo(0.5207, 4),
      upper: expect.closeTo(6.2847, 4),
    });
  });

  it('does not exist for one run', () => expect(deviationInterval([1])).toBeUndefined());
});

describe('the exact interval of a proportion', () => {
  // 0 of 10, 3 of 10, 81 of 263: published (R's binom.test; Newcombe 1998, table I).
  it.each([
    [3, 3, 0.2924, 1],
    [4, 4, 0.3976, 1],
    [5, 5, 0.4782, 1],
    [6, 6, 0.5407, 1],
    [0, 3, 0, 0.7076],
    [1, 3, 0.0084, 0.9057],
    [3, 10, 0.0667, 0.6525],
    [81, 263, 0.2527, 0.3676],
    [15, 148, 0.0578, 0.1617],
    [0, 20, 0, 0.1684],
    [1, 29, 0.0009, 0.1776],
  ])('of %i of %i is the published one', (k, n, lower, upper) => {
    const { interval } = proportion(k, n);
    expect(interval!.lower).toBeCloseTo(lower, 4);
    expect(interval!.upper).toBeCloseTo(upper, 4);
  });

  it('has its closed form where all survive, and mirrors itself', () => {
    const count = fc
      .integer({ min: 1, max: 80 })
      .chain((n) => fc.tuple(fc.integer({ min: 0, max: n }), fc.constant(n)));
    fc.assert(
      fc.property(count, ([k, n]) => {
        expect(proportion(n, n).interval!.lower).toBeCloseTo(lowerBoundOfAll(n, 0.95), 12);
        const [one, other] = [proportion(k, n).interval!, proportion(n - k, n).interval!];
        expect(one.lower).toBeCloseTo(1 - other.upper, 10);
        expect(one.lower).toBeLessThanOrEqual(k / n);
        expect(one.upper).toBeGreaterThanOrEqual(k / n);
      }),
    );
  });

  it('does not exist for n = 0: nothing observed is neither 0 nor 100 %', () => {
    expect(proportion(0, 0)).toEqual({ k: 0, n: 0, interval: null });
  });

  it('refuses impossible counts', () => {
    expect(() => proportion(4, 3)).toThrow('A proportion needs integers 0 <= k <= n, not 4 of 3.');
  });
});
