/** How far a handful of values lie apart. */
import { largest } from '../../base/extremes.ts';
import { square } from '../../base/stated-math.ts';
import type { Spread } from '../../generated/results.ts';

/** Magnitude from which sums of squares leave the range of a double. */
const LARGE = 1e150;

/**
 * Mean and sample standard deviation (n - 1). An empty sample has no mean; a sample of one has no deviation, nor has
 * one whose deviation is more than a double holds.
 */
export function spread(values: readonly number[]): Spread {
  const n = values.length;
  if (n === 0) return { n, mean: null, sd: null };
  const size = largest(values.map(Math.abs));
  if (size > LARGE) return scaled(spread(values.map((value) => value / size)), size);
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n === 1) return { n, mean, sd: null };
  const squares = values.reduce((sum, value) => sum + square(value - mean), 0);
  return { n, mean, sd: Math.sqrt(squares / (n - 1)) };
}

/** Of values that were divided by `size`. */
function scaled({ n, mean, sd }: Spread, size: number): Spread {
  const deviation = sd === null ? null : sd * size;
  return { n, mean: mean! * size, sd: deviation === null || !Number.isFinite(deviation) ? null : deviation };
}

/** Mean and standard deviation of a sample that can be held against its spread. */
export interface Varied {
  n: number;
  mean: number;
  sd: number;
}

/**
 * The spread of a sample that varies; undefined for fewer than two values, and for values that are all the same up to
 * rounding. A constant difference has no spread to be measured in: t would be infinite and p zero, which three equal
 * numbers cannot support.
 */
export function variedSpread(values: readonly number[]): Varied | undefined {
  const { n, mean, sd } = spread(values);
  if (mean === null || sd === null || sd <= ROUNDING * largest(values.map(Math.abs))) return undefined;
  return { n, mean, sd };
}

/** Relative size below which a deviation is taken for the rounding of the values themselves. */
const ROUNDING = 1e-11;
