/** How well a handful of runs knows its own spread. */
import chiSquareQuantile from '@stdlib/stats-base-dists-chisquare-quantile';
import type { Interval } from '../../generated/results.ts';
import { variedSpread } from './spread.ts';
import { CONFIDENCE } from './student-t.ts';

/**
 * The interval of a standard deviation, of normal values: (n - 1) sd^2 / sigma^2 has a chi-square distribution with n -
 * 1 degrees of freedom. Undefined for fewer than two values and for values without any spread.
 */
export function deviationInterval(values: readonly number[], confidence = CONFIDENCE): Interval | undefined {
  const varied = variedSpread(values);
  if (varied === undefined) return undefined;
  const degrees = varied.n - 1;
  const tail = (1 - confidence) / 2;
  const bound = (p: number) => varied.sd * Math.sqrt(degrees / chiSquareQuantile(p, degrees));
  return { lower: bound(1 - tail), upper: bound(tail), confidence };
}
