/** Fisher's exact test of two independent proportions (1935). */
import type { ExactTest } from '../../generated/results.ts';

/** k successes of n. */
export interface Count {
  k: number;
  n: number;
}

/**
 * Two-sided p given both margins: the share of tables that are at most as likely as the observed one. Counted in whole
 * numbers, so equally likely tables tie exactly. `smallestP` is the least p of any outcome of as many runs. Undefined
 * where an arm has no run.
 */
export function fisherTest(a: Count, b: Count): ExactTest | undefined {
  if (a.n === 0 || b.n === 0) return undefined;
  let smallestP = 1;
  for (let successes = 0; successes <= a.n + b.n; successes++)
    for (const p of pValues(a.n, b.n, successes).values()) smallestP = Math.min(smallestP, p);
  return { p: pValues(a.n, b.n, a.k + b.k).get(a.k)!, smallestP };
}

/** p of every table with these margins, by the first arm's successes. */
function pValues(n: number, m: number, successes: number): Map<number, number> {
  const ways = new Map<number, bigint>();
  for (let k = Math.max(0, successes - m); k <= Math.min(n, successes); k++)
    ways.set(k, choose(n, k) * choose(m, successes - k));
  const all = choose(n + m, successes);
  return new Map(
    [...ways].map(([k, own]) => {
      const extreme = [...ways.values()].reduce((sum, other) => (other <= own ? sum + other : sum), 0n);
      return [k, Number(extreme) / Number(all)];
    }),
  );
}

function choose(n: number, k: number): bigint {
  let ways = 1n;
  for (let i = 1; i <= k; i++) ways = (ways * BigInt(n - k + i)) / BigInt(i);
  return ways;
}
