import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { betaCdf, betaQuantile, logGamma } from '../../src/science/beta-distribution.ts';
import { proportion, spread, tInterval, tQuantile } from '../../src/science/statistics.ts';

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
    expect(tQuantile(p, degrees)).toBeCloseTo(published, published > 10 ? 3 : 4);
  });

  it('is symmetric', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 0.49, noNaN: true }), fc.integer({ min: 1, max: 50 }), (p, degrees) => {
        expect(tQuantile(p, degrees)).toBeCloseTo(-tQuantile(1 - p, degrees), 8);
      }),
      { numRuns: 30 },
    );
    expect(tQuantile(0.5, 3)).toBe(0);
  });

  it('refuses what has no quantile', () => {
    expect(() => tQuantile(1, 3)).toThrow('A quantile of t needs 0 < p < 1, not 1.');
    expect(() => tQuantile(0.975, 0)).toThrow("Student's t needs more than 0 degrees of freedom, not 0.");
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

  it('has no mean of nothing, no deviation and no interval of one', () => {
    expect(spread([])).toEqual({ n: 0, mean: null, sd: null });
    expect(spread([4])).toEqual({ n: 1, mean: 4, sd: null });
    expect(tInterval([4])).toBeUndefined();
    expect(tInterval([])).toBeUndefined();
  });
});

describe('the exact interval of a proportion', () => {
  // k of k at 95 %: the lower bound is 0.025^(1/n). 0 of 10, 3 of 10, 81 of 263: published (R's binom.test; Newcombe 1998, table I).
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

  it('does not exist for n = 0: nothing observed is neither 0 nor 100 %', () => {
    expect(proportion(0, 0)).toEqual({ k: 0, n: 0, interval: null });
  });

  it('refuses impossible counts', () => {
    expect(() => proportion(4, 3)).toThrow('A proportion needs integers 0 <= k <= n, not 4 of 3.');
  });
});

describe('the beta distribution', () => {
  it('knows closed forms', () => {
    expect(logGamma(5)).toBeCloseTo(Math.log(24), 12);
    expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.sqrt(Math.PI)), 12);
    expect(logGamma(0.25)).toBeCloseTo(Math.log(3.625609908221908), 12);
    expect(betaCdf(0.3, 1, 1)).toBeCloseTo(0.3, 12);
    expect(betaCdf(0.3, 2, 1)).toBeCloseTo(0.09, 12);
    expect(betaCdf(0.5, 7, 7)).toBeCloseTo(0.5, 12);
  });

  it('inverts its distribution function', () => {
    const shape = fc.double({ min: 0.5, max: 60, noNaN: true });
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 0.999, noNaN: true }), shape, shape, (p, a, b) => {
        expect(betaCdf(betaQuantile(p, a, b), a, b)).toBeCloseTo(p, 8);
      }),
      { numRuns: 100 },
    );
  });
});
