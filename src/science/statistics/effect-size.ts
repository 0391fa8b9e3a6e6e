/** How large a difference is, in units of its own run-to-run spread. */
import logGamma from '@stdlib/math-base-special-gammaln';
import { exp } from '../../base/stated-math.ts';
import type { EffectSize } from '../../generated/results.ts';
import { noncentralTCdf } from './noncentral-t.ts';
import { risingRoot } from './root.ts';
import { variedSpread } from './spread.ts';
import { CONFIDENCE } from './student-t.ts';

/**
 * Hedges' g of paired differences: g = J d with d = mean / sd of the differences (Cohen's d_z) and the exact
 * small-sample correction J = Gamma(nu / 2) / (sqrt(nu / 2) Gamma((nu - 1) / 2)), nu = n - 1 (Hedges, J. Educ. Stat.
 * 1981). The interval is of the population's d: those delta / sqrt(n) whose noncentral t distribution has the observed
 * t in its middle (Steiger & Fouladi 1997). Undefined for fewer than three differences, where J is 0, and where they
 * have no spread.
 */
export function hedgesG(differences: readonly number[], confidence = CONFIDENCE): EffectSize | undefined {
  const varied = variedSpread(differences);
  if (varied === undefined || varied.n < 3) return undefined;
  const { n, mean, sd } = varied;
  const degrees = n - 1;
  const t = (mean / sd) * Math.sqrt(n);
  const tail = (1 - confidence) / 2;
  // The cdf at t falls as delta rises.
  const reach = 10 + 10 * Math.abs(t);
  const deltaAt = (p: number) => risingRoot((delta) => p - noncentralTCdf(t, degrees, delta), t - reach, t + reach);
  return {
    value: smallSampleCorrection(degrees) * (mean / sd),
    interval: { lower: deltaAt(1 - tail) / Math.sqrt(n), upper: deltaAt(tail) / Math.sqrt(n), confidence },
  };
}

/** Hedges' J: what makes d unbiased for `degrees` degrees of freedom. */
export function smallSampleCorrection(degrees: number): number {
  if (degrees <= 1) return 0;
  return exp(logGamma(degrees / 2) - logGamma((degrees - 1) / 2)) / Math.sqrt(degrees / 2);
}
