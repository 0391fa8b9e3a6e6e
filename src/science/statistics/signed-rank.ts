/** Wilcoxon's signed-rank test (Biometrics Bulletin 1945), exact whatever ties and zeros there are. */
import type { ExactTest } from '../../generated/results.ts';
import { smallestFlipP, wholeShareBeyond } from './sign-flip.ts';

/**
 * Two-sided p: the share of the 2^n sign patterns whose sum of signed ranks is at least as far from 0 as the observed
 * one. Tied magnitudes share their mean rank. Zeros are ranked and then left out of the sum (Pratt, JASA 1959):
 * dropping them first, as Wilcoxon did, can make p fall when a difference shrinks. The distribution is counted for
 * these ranks, so that no table or approximation can put p below what n pairs can give. Undefined as the
 * sign-flip test is.
 */
export function signedRankTest(differences: readonly number[]): ExactTest | undefined {
  const n = differences.length;
  if (differences.every((difference) => difference === 0)) return undefined;
  const ranks = doubledRanks(differences);
  const observed = Math.abs(ranks.reduce((sum, rank, i) => sum + Math.sign(differences[i]!) * rank, 0));
  const acting = ranks.filter((_, i) => differences[i] !== 0);
  return { p: wholeShareBeyond(acting, observed), smallestP: smallestFlipP(n) };
}

/** Twice the mean ranks of the magnitudes, which are whole numbers. Magnitudes that are equal up to rounding tie. */
function doubledRanks(differences: readonly number[]): number[] {
  const order = differences
    .map((difference, i) => ({ i, magnitude: Math.abs(difference) }))
    .sort((a, b) => a.magnitude - b.magnitude);
  const rounding = 1e-12 * (order.at(-1)?.magnitude ?? 0);
  const ranks: number[] = [];
  for (let start = 0, end = 0; start < order.length; start = end) {
    while (end < order.length && order[end]!.magnitude - order[start]!.magnitude <= rounding) end++;
    for (const { i } of order.slice(start, end)) ranks[i] = start + 1 + end;
  }
  return ranks;
}
