/** Inference on the mean of a handful of values by Student's t (Biometrika 1908). It assumes normal values. */
import tCdf from '@stdlib/stats-base-dists-t-cdf';
import tQuantile from '@stdlib/stats-base-dists-t-quantile';
import type { Interval, PairedTTest } from '../../generated/results.ts';
import { variedSpread } from './spread.ts';

/** Confidence of an interval unless a study declares another. */
export const CONFIDENCE = 0.95;

/**
 * The t interval of a mean: mean +- t(1 - (1 - confidence) / 2; n - 1) sd / sqrt(n). Undefined for fewer than two
 * values, since one run says nothing about the spread of runs, and for values without any spread, whose interval of
 * width 0 would claim certainty.
 */
export function tInterval(values: readonly number[], confidence = CONFIDENCE): Interval | undefined {
  const varied = variedSpread(values);
  if (varied === undefined) return undefined;
  const { n, mean, sd } = varied;
  const half = (upperQuantile((1 - confidence) / 2, n - 1) * sd) / Math.sqrt(n);
  return { lower: mean - half, upper: mean + half, confidence };
}

/** One-sided upper t bound of a mean; undefined as tInterval is. */
export function tUpperBound(values: readonly number[], confidence = CONFIDENCE): number | undefined {
  const varied = variedSpread(values);
  if (varied === undefined) return undefined;
  const { n, mean, sd } = varied;
  return mean + (quantile(confidence, n - 1) * sd) / Math.sqrt(n);
}

/**
 * The paired t-test, two-sided: t = mean / (sd / sqrt(n)) of the differences, with n - 1 degrees of freedom.
 * Undefined for fewer than two differences and where they have no spread (where t-tests elsewhere report p = 0).
 */
export function pairedTTest(differences: readonly number[]): PairedTTest | undefined {
  const varied = variedSpread(differences);
  if (varied === undefined) return undefined;
  const { n, mean, sd } = varied;
  const t = mean / (sd / Math.sqrt(n));
  return { t, df: n - 1, p: Math.min(1, 2 * tCdf(-Math.abs(t), n - 1)) };
}

/** The t with P(T > t) = tail. @param tail so small that 1 - tail may be 1 */
export function upperQuantile(tail: number, degrees: number): number {
  return 1 - tail < 1 ? quantile(1 - tail, degrees) : -quantile(tail, degrees);
}

/** The t with P(T <= t) = p for `degrees` degrees of freedom. */
export function quantile(p: number, degrees: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`A quantile of t needs 0 < p < 1, not ${p}.`);
  if (!(degrees > 0)) throw new RangeError(`Student's t needs more than 0 degrees of freedom, not ${degrees}.`);
  return tQuantile(p, degrees);
}
