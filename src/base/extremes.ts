/** The ends of a range, of however many values: as arguments of Math.max, a hundred thousand exhaust the stack. */

/** -Infinity without values, as Math.max says. */
export function largest(values: Iterable<number>): number {
  let most = -Infinity;
  for (const value of values) most = Math.max(most, value);
  return most;
}

/** Infinity without values, as Math.min says. */
export function smallest(values: Iterable<number>): number {
  let least = Infinity;
  for (const value of values) least = Math.min(least, value);
  return least;
}
