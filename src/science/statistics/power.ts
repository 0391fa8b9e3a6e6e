/** How many pairs a paired two-sided t-test needs, and what it could find with those it has. */
import { noncentralTCdf } from './noncentral-t.ts';
import { risingRoot } from './root.ts';
import { upperQuantile } from './student-t.ts';

/** The probability with which a difference that is there should be found. */
const POWER = 0.8;
const MOST_SEEDS = 10_000;

/**
 * Power of a paired two-sided t-test: P(|T| > critical t), T noncentral with delta = d sqrt(n) and n - 1 degrees of
 * freedom.
 * @param d mean of the differences over their standard deviation
 */
export function pairedPower(d: number, n: number, alpha: number): number {
  const critical = upperQuantile(alpha / 2, n - 1);
  const delta = Math.abs(d) * Math.sqrt(n);
  return 1 - noncentralTCdf(critical, n - 1, delta) + noncentralTCdf(-critical, n - 1, delta);
}

/** The smallest n with POWER to find a standardised difference of `d`; undefined for d = 0 and beyond 10,000. */
export function pairsNeeded(d: number, alpha: number): number | undefined {
  if (d === 0 || pairedPower(d, MOST_SEEDS, alpha) < POWER) return undefined;
  let low = 1;
  let high = MOST_SEEDS;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (pairedPower(d, middle, alpha) < POWER) low = middle;
    else high = middle;
  }
  return high;
}

/** By n and alpha, which most comparisons of a study have in common. */
const detectable = new Map<string, number>();

/** The standardised difference that n pairs find with POWER; undefined for fewer than two pairs. */
export function detectableDifference(n: number, alpha: number): number | undefined {
  if (n < 2) return undefined;
  const name = `${n} ${alpha}`;
  const found = detectable.get(name) ?? findDetectable(n, alpha);
  detectable.set(name, found);
  return found;
}

function findDetectable(n: number, alpha: number): number {
  const shortfall = (d: number) => pairedPower(d, n, alpha) - POWER;
  let high = 1;
  while (shortfall(high) < 0) high *= 2;
  return risingRoot(shortfall, 0, high);
}
