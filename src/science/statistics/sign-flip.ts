/**
 * The exact sign-flip test of paired differences (Fisher 1935, The Design of Experiments, section 21): if the two arms
 * were exchangeable within each seed, every difference could as well have had the other sign. It assumes nothing else.
 */
import type { ExactTest } from '../../generated/results.ts';

/** Beyond this many pairs the two halves of the enumeration no longer fit the memory. */
export const MOST_PAIRS = 40;

/**
 * Two-sided p: the share of the 2^n sign patterns whose sum of differences is at least as far from 0 as the observed
 * one. Sums that are equal up to rounding count as equal, which can only raise p. Undefined without differences and
 * where all are 0: identical arms are no evidence for anything.
 * @throws RangeError for more than MOST_PAIRS differences
 */
export function signFlipTest(differences: readonly number[]): ExactTest | undefined {
  const n = differences.length;
  if (n > MOST_PAIRS)
    throw new RangeError(`The exact sign-flip test enumerates at most ${MOST_PAIRS} pairs, not ${n}.`);
  if (differences.every((difference) => difference === 0)) return undefined;
  const magnitudes = differences.map(Math.abs);
  const observed = Math.abs(differences.reduce((sum, difference) => sum + difference, 0));
  const tolerance = 1e-12 * magnitudes.reduce((sum, magnitude) => sum + magnitude, 0);
  return { p: shareBeyond(magnitudes, observed - tolerance), smallestP: smallestFlipP(n) };
}

/**
 * The smallest two-sided p of n pairs: all differences on one side, 2 of 2^n patterns. It holds for every test that
 * asks what the signs of n pairs could have been: sign flips, signed ranks, and McNemar's.
 */
export function smallestFlipP(n: number): number {
  return Math.min(1, 2 * 2 ** -n);
}

/**
 * Share of sign patterns with |sum| >= bound. A pattern's sum is that of its first half plus that of its second: with
 * both halves' 2^(n/2) sums in order, one pass counts all 2^n pairs.
 */
function shareBeyond(magnitudes: readonly number[], bound: number): number {
  const half = Math.ceil(magnitudes.length / 2);
  const left = signedSums(magnitudes.slice(0, half));
  const right = signedSums(magnitudes.slice(half));
  let count = 0;
  // As the left sum rises, fewer right sums lie below -bound and more lie above bound.
  let below = right.length;
  let above = right.length;
  for (const sum of left) {
    while (below > 0 && sum + right[below - 1]! > -bound) below--;
    while (above > 0 && sum + right[above - 1]! >= bound) above--;
    count += bound > 0 ? below + (right.length - above) : right.length;
  }
  return count / 2 ** magnitudes.length;
}

/** The sums of every sign pattern, in rising order. */
function signedSums(magnitudes: readonly number[]): Float64Array {
  const sums = new Float64Array(2 ** magnitudes.length);
  let filled = 1;
  for (const magnitude of magnitudes) {
    for (let i = 0; i < filled; i++) {
      const sum = sums[i]!;
      sums[i] = sum - magnitude;
      sums[filled + i] = sum + magnitude;
    }
    filled *= 2;
  }
  return sums.sort();
}
