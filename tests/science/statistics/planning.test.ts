/** The noncentral t, power, effect sizes, Holm and verdicts, against other programs. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hedgesG, smallSampleCorrection } from '../../../src/science/statistics/effect-size.ts';
import { attainableFrom } from '../../../src/science/statistics/attainable-from.ts';
import { holmAdjusted } from '../../../src/science/statistics/holm.ts';
import { noncentralTCdf } from '../../../src/science/statistics/noncentral-t.ts';
import { detectableDifference, pairedPower, pairsNeeded } from '../../../src/science/statistics/power.ts';
import { quantile } from '../../../src/science/statistics/student-t.ts';
import { verdict } from '../../../src/science/statistics/verdict.ts';

describe('the noncentral t distribution', () => {
  // mpmath 1.4 with 30 digits, by quadrature of the definition; SciPy 1.17 agrees to 13.
  it.each([
    [2, 10, 1, 0.80761156253038],
    [12.706, 1, 5, 0.69483525933069],
    [4.302652729749464, 2, 5.629, 0.20271214868551],
    [1, 3, -1, 0.96402342923877],
    [60, 9, 55, 0.57865092759955],
    [100, 2, 40, 0.85208584822614],
    [1000, 2, 500, 0.77880039367111],
    [2, 200, 3, 0.15925379377689],
  ])('at t = %f with %i degrees and delta = %f is %f', (t, degrees, delta, p) =>
    expect(noncentralTCdf(t, degrees, delta)).toBeCloseTo(p, 11),
  );

  it("is Student's t for delta = 0, and mirrors itself", () => {
    const probability = fc.double({ min: 0.01, max: 0.99, noNaN: true });
    fc.assert(
      fc.property(
        probability,
        fc.integer({ min: 1, max: 60 }),
        fc.double({ min: -8, max: 8, noNaN: true }),
        (p, degrees, delta) => {
          const t = quantile(p, degrees);
          expect(noncentralTCdf(t, degrees, 0)).toBeCloseTo(p, 9);
          expect(noncentralTCdf(t, degrees, delta)).toBeCloseTo(1 - noncentralTCdf(-t, degrees, -delta), 10);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('power', () => {
  it.each([
    [3, 3.264],
    [4, 2.128],
    [5, 1.682],
    [6, 1.435],
    [10, 0.996],
  ])('of %i pairs finds a standardised difference of %f at 0.05 with 80 %', (n, d) => {
    // statsmodels 0.15, TTestPower: 3.2640, 2.1279, 1.6820, 1.4345, 0.9960.
    expect(detectableDifference(n, 0.05)).toBeCloseTo(d, 3);
    expect(pairedPower(detectableDifference(n, 0.05)!, n, 0.05)).toBeCloseTo(0.8, 9);
  });

  it.each([
    // G*Power 3 and R's pwr.t.test(type = "paired"): 198.2, 33.4, 14.3 pairs.
    [0.2, 199],
    [0.5, 34],
    [0.8, 15],
  ])('to find %f takes %i pairs', (d, n) => {
    expect(pairsNeeded(d, 0.05)).toBe(n);
    expect(pairsNeeded(-d, 0.05)).toBe(n);
  });

  it('promises nothing that cannot be had', () => {
    expect(pairsNeeded(0, 0.05)).toBeUndefined();
    expect(pairsNeeded(0.001, 0.05)).toBeUndefined();
    expect(detectableDifference(1, 0.05)).toBeUndefined();
  });
});

describe("Hedges' g", () => {
  it.each([
    [2, 0.564189583548],
    [3, 0.723601254558],
    [4, 0.797884560803],
    [5, 0.84074868246],
    [10, 0.922745608053],
    // mpmath, 30 digits
  ])('corrects by J(%i) = %f', (degrees, j) => expect(smallSampleCorrection(degrees)).toBeCloseTo(j, 11));

  it('has the interval of the noncentral t distribution', () => {
    // SciPy: roots of nct.cdf(t, 5, delta) = 0.975 and 0.025, over sqrt(6).
    const { value, interval } = hedgesG([0.8, -0.3, 1.2, 0.9, 1.7, 0.4])!;
    expect(value).toBeCloseTo(0.84074868246 * 1.1430144962478, 10);
    expect(interval.lower).toBeCloseTo(0.0576828411, 8);
    expect(interval.upper).toBeCloseTo(2.1684047301, 8);
  });

  it('lies inside its interval and changes sign with the difference', () => {
    const values = fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 3, maxLength: 7 });
    fc.assert(
      fc.property(values, (differences) => {
        const g = hedgesG(differences);
        if (g === undefined) return;
        expect(g.value).toBeGreaterThanOrEqual(g.interval.lower - 1e-9);
        expect(g.value).toBeLessThanOrEqual(g.interval.upper + 1e-9);
        expect(hedgesG(differences.map((value) => -value))!.value).toBeCloseTo(-g.value, 9);
      }),
      { numRuns: 30 },
    );
  });

  it('is not measured in a spread that is not there', () => {
    expect(hedgesG([0.3, 0.3, 0.3])).toBeUndefined();
    expect(hedgesG([0.1, 0.2])).toBeUndefined();
  });
});

describe("Holm's adjustment", () => {
  it.each([
    [
      [0.01, 0.02, 0.03, 0.04, 0.05],
      [0.05, 0.08, 0.09, 0.09, 0.09],
    ],
    [
      [0.01, 0.04, 0.03],
      [0.03, 0.06, 0.06],
    ],
    [[0.2], [0.2]],
    [
      [1, 1, 0.001],
      [1, 1, 0.003],
    ],
    [[], []],
  ])("of %j is R's p.adjust: %j", (p, adjusted) => {
    for (const [i, value] of holmAdjusted(p).entries()) expect(value).toBeCloseTo(adjusted[i]!, 12);
    expect(holmAdjusted(p)).toHaveLength(adjusted.length);
  });

  it('keeps the order, never lowers a p, and never makes a test easier by another member', () => {
    const p = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(p, fc.double({ min: 0, max: 1, noNaN: true }), (values, more) => {
        const adjusted = holmAdjusted(values);
        const grown = holmAdjusted([...values, more]);
        for (const [i, value] of values.entries()) {
          expect(adjusted[i]).toBeGreaterThanOrEqual(value - 1e-15);
          expect(adjusted[i]).toBeLessThanOrEqual(1);
          expect(grown[i]).toBeGreaterThanOrEqual(adjusted[i]! - 1e-12);
          for (const [j, other] of values.entries())
            if (value < other) expect(adjusted[i]).toBeLessThanOrEqual(adjusted[j]!);
        }
      }),
    );
  });

  it('says from how many pairs on a family can reach alpha at all', () => {
    // 2 / 2^n <= 0.05 / m.
    expect([1, 2, 5, 20].map((members) => attainableFrom(members, 0.05))).toEqual([6, 7, 8, 10]);
  });
});

describe('a verdict', () => {
  const holm = (adjustedP: number, smallestAdjustedP: number) => ({
    family: 'quality',
    members: 1,
    adjustedP,
    smallestAdjustedP,
  });

  it('is significant only if the adjusted exact p is, and could be', () => {
    expect(verdict(holm(0.03125, 0.03125), 'measured', 0.05)).toBe('significant');
    expect(verdict(holm(0.2, 0.03125), 'measured', 0.05)).toBe('not-significant');
    expect(verdict(holm(0.25, 0.25), 'measured', 0.05)).toBe('cannot-be-significant');
    expect(verdict(undefined, 'never-acted', 0.05)).toBe('never-acted');
    expect(verdict(undefined, 'no-data', 0.05)).toBe('no-data');
  });
});
