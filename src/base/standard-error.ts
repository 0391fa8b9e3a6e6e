import { square } from './stated-math.ts';

/**
 * Standard error of a mean: the sample's standard deviation (n - 1) over the square root of n.
 * @returns null for fewer than two values, whose spread is unknown
 */
export function standardErrorOfMean(values: ArrayLike<number>): number | null {
  const n = values.length;
  if (n < 2) return null;
  let mean = 0;
  for (let index = 0; index < n; index++) mean += values[index]! / n;
  let squares = 0;
  for (let index = 0; index < n; index++) squares += square(values[index]! - mean);
  return Math.sqrt(squares / (n - 1) / n);
}
