/** Fisher's exact test of two independent proportions (1935). */
import type { ExactTest } from '../../generated/results.ts';

/** k successes of n. */
export interface Count {
  k: number;
  n: number;
}

/**
 * Two-sided p given both margins: the share of tables that are at most as likely as the observed one. Counted in whole
 * numbers, so equally likely tables tie exactly. `smallestP` is the least p of any outcome of as many runs: all runs of
 * one arm succeed and none of the other, or the other way round if they are as many. Undefined where an arm has no run.
 */
export function fisherTest(a: Count, b: Count): ExactTest | undefined {
  if (a.n === 0 || b.n === 0) return undefined;
  const ways = waysOf(a.n, b.n, a.k + b.k);
  const own = ways.get(a.k)!;
  let [extreme, all] = [0n, 0n];
  for (const other of ways.values()) {
    all += other;
    if (other <= own) extreme += other;
  }
  return { p: ratio(extreme, all), smallestP: ratio(a.n === b.n ? 2n : 1n, choose(a.n + b.n, a.n)) };
}

/** In how many ways every table with these margins comes about, by the first arm's successes. */
function waysOf(n: number, m: number, successes: number): Map<number, bigint> {
  const [fewest, most] = [Math.max(0, successes - m), Math.min(n, successes)];
  const ways = new Map<number, bigint>();
  let own = choose(n, fewest) * choose(m, successes - fewest);
  for (let k = fewest; k <= most; k++) {
    ways.set(k, own);
    own = (own * BigInt(n - k) * BigInt(successes - k)) / (BigInt(k + 1) * BigInt(m - successes + k + 1));
  }
  return ways;
}

function choose(n: number, k: number): bigint {
  let ways = 1n;
  for (let i = 1; i <= k; i++) ways = (ways * BigInt(n - k + i)) / BigInt(i);
  return ways;
}

/** Both may be larger than any number: then what they have in common goes first. */
function ratio(part: bigint, all: bigint): number {
  const excess = BigInt(Math.max(0, 4 * all.toString(16).length - 1000));
  return Number(part >> excess) / Number(all >> excess);
}
