/**
 * The sign-flip test of paired differences (Fisher 1935, The Design of Experiments, section 21): if the two arms
 * were exchangeable within each seed, every difference could as well have had the other sign. It assumes nothing else.
 */
import { pow } from '../../base/stated-math.ts';
import type { ExactTest } from '../../generated/results.ts';

/** Beyond this many pairs the two halves of the enumeration no longer fit the memory. */
const MOST_ENUMERATED = 40;
/** Steps of the grid to which magnitudes of more pairs are rounded: their sum takes so many. */
const GRID = 2 ** 20;

/**
 * Two-sided p: the share of the 2^n sign patterns whose sum of differences is at least as far from 0 as the observed
 * one. Sums that are equal up to rounding count as equal, which can only raise p. Beyond 40 pairs, all magnitudes but
 * the 20 largest are rounded to a grid, and p is the largest that the rounding leaves possible. Undefined without
 * differences and where all are 0: identical arms are no evidence for anything.
 */
export function signFlipTest(differences: readonly number[]): ExactTest | undefined {
  const n = differences.length;
  if (differences.every((difference) => difference === 0)) return undefined;
  const magnitudes = differences.map(Math.abs);
  const observed = Math.abs(differences.reduce((sum, difference) => sum + difference, 0));
  const tolerance = 1e-12 * magnitudes.reduce((sum, magnitude) => sum + magnitude, 0);
  const share = n > MOST_ENUMERATED ? largestShareBeyond : shareBeyond;
  return { p: share(magnitudes, observed - tolerance), smallestP: smallestFlipP(n) };
}

/**
 * The smallest two-sided p of n pairs: all differences on one side, 2 of 2^n patterns. It holds for every test that
 * asks what the signs of n pairs could have been: sign flips, signed ranks, and McNemar's.
 */
export function smallestFlipP(n: number): number {
  return Math.min(1, 2 * pow(2, -n));
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
  return count / pow(2, magnitudes.length);
}

/** The sums of every sign pattern, in rising order. */
function signedSums(magnitudes: readonly number[]): Float64Array {
  const sums = new Float64Array(pow(2, magnitudes.length));
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

/**
 * At least the share of sign patterns with |sum| >= bound, and hardly more. The largest magnitudes, of which one may be
 * more than all others together, are enumerated as they are; the others are rounded to a grid, and no pattern's sum
 * moves further by that than all roundings together, so the bound is lowered by as much.
 */
function largestShareBeyond(magnitudes: readonly number[], bound: number): number {
  if (bound <= 0) return 1;
  const falling = magnitudes.toSorted((a, b) => b - a);
  const sums = signedSums(falling.slice(0, MOST_ENUMERATED / 2));
  const others = falling.slice(MOST_ENUMERATED / 2);
  const step = total(others) / GRID || 1; // the others may all be 0
  const whole = others.map((magnitude) => Math.round(magnitude / step));
  const moved = total(others.map((magnitude, i) => Math.abs(magnitude - whole[i]! * step)));
  const all = total(whole);
  const upTo = minusShares(whole, all);
  for (let m = 1; m <= all; m++) upTo[m]! += upTo[m - 1]!;
  // As many patterns lie on either side, so one side is counted twice.
  let share = 0;
  for (const sum of sums) {
    const most = Math.floor((all - (bound - sum - moved) / step) / 2);
    if (most >= 0) share += upTo[Math.min(most, all)]!;
  }
  return Math.min(1, (2 * share) / sums.length);
}

/**
 * Share of sign patterns with |sum| >= bound, of whole magnitudes: if those with a minus add up to m, the sum is that
 * of all less 2 m. As many patterns lie on either side.
 */
export function wholeShareBeyond(magnitudes: readonly number[], bound: number): number {
  if (bound <= 0) return 1;
  const most = Math.floor((total(magnitudes) - bound) / 2);
  return most < 0 ? 0 : Math.min(1, 2 * total(minusShares(magnitudes, most)));
}

/** For every m up to the most: the share of sign patterns in which the magnitudes with a minus add up to m. */
function minusShares(magnitudes: readonly number[], most: number): Float64Array {
  const shares = new Float64Array(most + 1);
  shares[0] = 1;
  let reached = 0;
  for (const magnitude of magnitudes) {
    reached = Math.min(most, reached + magnitude);
    for (let m = reached; m >= magnitude; m--) shares[m] = (shares[m]! + shares[m - magnitude]!) / 2;
    for (let m = Math.min(reached, magnitude - 1); m >= 0; m--) shares[m] = shares[m]! / 2;
  }
  return shares;
}

function total(numbers: readonly number[] | Float64Array): number {
  let sum = 0;
  for (const number of numbers) sum += number;
  return sum;
}
