/** McNemar's test of paired yes-or-no outcomes (Psychometrika 1947), exact: only pairs that disagree say anything. */
import { pow } from '../../base/stated-math.ts';
import type { ExactTest } from '../../generated/results.ts';
import { smallestFlipP } from './sign-flip.ts';

/**
 * Two-sided p: of the pairs that disagree, each is as likely to fall either way, so the smaller count has a binomial
 * distribution with probability 1/2; p is twice its tail. Pairs that all agree give p = 1. Undefined without pairs.
 * @param pairs all pairs, agreeing or not: the smallest p is that of `pairs` pairs which all disagree one way
 */
export function mcNemarTest(armOnly: number, baselineOnly: number, pairs: number): ExactTest | undefined {
  const discordant = armOnly + baselineOnly;
  if (discordant > pairs) throw new RangeError(`${discordant} of ${pairs} pairs cannot disagree.`);
  if (pairs === 0) return undefined;
  let term = pow(2, -discordant);
  let tail = 0;
  for (let k = 0; k <= Math.min(armOnly, baselineOnly); k++) {
    tail += term;
    term *= (discordant - k) / (k + 1);
  }
  return { p: Math.min(1, 2 * tail), smallestP: smallestFlipP(pairs) };
}
