/** k of n, and what that says about a probability. */
import betaQuantile from '@stdlib/stats-base-dists-beta-quantile';
import type { Proportion } from '../../generated/results.ts';
import { CONFIDENCE } from './student-t.ts';

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
