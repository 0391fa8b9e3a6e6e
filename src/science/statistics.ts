/**
 * Statistics for a handful of runs: spreads, t intervals and exact binomial intervals. Pure functions.
 *
 * No test and no p-value is here: with three to six runs an arm, the smallest attainable p is often above any threshold
 * that one would care for, so the report shows every run, the spread, n and an interval.
 */
import { betaQuantile } from './beta-distribution.ts';
import type { Interval, Proportion, Spread } from '../generated/results.ts';

/** Confidence of every interval that swp prints. */
export const CONFIDENCE = 0.95;

/** Mean and sample standard deviation (n - 1). An empty sample has no mean; a sample of one has no deviation. */
export function spread(values: readonly number[]): Spread {
  const n = values.length;
  if (n === 0) return { n, mean: null, sd: null };
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n === 1) return { n, mean, sd: null };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { n, mean, sd: Math.sqrt(squares / (n - 1)) };
}

/**
 * Quantile of Student's t: the t with P(T <= t) = p for `degrees` > 0 degrees of freedom.
 * From the beta distribution: if T has nu degrees, nu / (nu + T^2) ~ Beta(nu / 2, 1 / 2) (Abramowitz & Stegun 26.7.1).
 */
export function tQuantile(p: number, degrees: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`A quantile of t needs 0 < p < 1, not ${p}.`);
  if (!(degrees > 0)) throw new RangeError(`Student's t needs more than 0 degrees of freedom, not ${degrees}.`);
  if (p === 0.5) return 0;
  const tail = Math.min(p, 1 - p);
  // The complement, 1 - x = T^2 / (nu + T^2) ~ Beta(1 / 2, nu / 2), is the one that stays accurate near the centre.
  const y = betaQuantile(1 - 2 * tail, 0.5, degrees / 2);
  const t = Math.sqrt((degrees * y) / (1 - y));
  return p < 0.5 ? -t : t;
}

/** The t interval of a mean, undefined for fewer than two values: one run says nothing about the spread of runs. */
export function tInterval(values: readonly number[], confidence = CONFIDENCE): Interval | undefined {
  const { n, mean, sd } = spread(values);
  if (mean === null || sd === null) return undefined;
  const half = (tQuantile(1 - (1 - confidence) / 2, n - 1) * sd) / Math.sqrt(n);
  return { lower: mean - half, upper: mean + half, confidence };
}

/**
 * k of n with the exact interval of Clopper & Pearson (Biometrika 1934): it never covers less than it promises, which
 * matters more at n = 3 than its width.
 */
export function proportion(k: number, n: number, confidence = CONFIDENCE): Proportion {
  if (!Number.isInteger(k) || !Number.isInteger(n) || k < 0 || k > n)
    throw new RangeError(`A proportion needs integers 0 <= k <= n, not ${k} of ${n}.`);
  if (n === 0) return { k, n, interval: null };
  const tail = (1 - confidence) / 2;
  return {
    k,
    n,
    interval: {
      lower: k === 0 ? 0 : betaQuantile(tail, k, n - k + 1),
      upper: k === n ? 1 : betaQuantile(1 - tail, k + 1, n - k),
      confidence,
    },
  };
}
