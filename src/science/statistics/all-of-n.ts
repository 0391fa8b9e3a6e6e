/**
 * What n successes in n runs leave open. It stands apart from proportion.ts, whose quantiles are slow to load: the
 * sentences that need only this are made where a run ends with nothing to do.
 */
import { pow } from '../../base/stated-math.ts';

/**
 * The lower bound of Clopper & Pearson's interval (Biometrika 1934) for n of n, in closed form.
 * @param confidence of the two-sided interval, 0 to 1
 */
export function lowerBoundOfAll(n: number, confidence: number): number {
  return pow((1 - confidence) / 2, 1 / n);
}
