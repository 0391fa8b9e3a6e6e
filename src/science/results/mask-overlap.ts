/** How much two masks agree, and how much they would by chance. */
import { keptInBoth, type PackedMask } from './packed-mask.ts';

/** Sizes of the sets of kept positions of one tensor, or of several together. */
export interface Overlap {
  /** Positions. */
  weights: number;
  keptA: number;
  keptB: number;
  both: number;
  /** Expected `both` of independent masks of these sizes. */
  bothByChance: number;
}

/**
 * Overlap per tensor. Two independent random sets of a and b of n positions share a b / n on average (the
 * hypergeometric distribution's mean).
 */
export function overlapByTensor(a: PackedMask, b: PackedMask): Map<string, Overlap> {
  return new Map(
    [...a].map(([name, ours]) => {
      const theirs = b.get(name)!;
      const { weights } = ours;
      const bothByChance = weights === 0 ? 0 : (ours.kept * theirs.kept) / weights;
      return [name, { weights, keptA: ours.kept, keptB: theirs.kept, both: keptInBoth(ours, theirs), bothByChance }];
    }),
  );
}

/**
 * Tensors taken together. What is expected by chance keeps every tensor's own share: a common composition is no
 * agreement.
 */
export function together(overlaps: Iterable<Overlap>): Overlap {
  const sum: Overlap = { weights: 0, keptA: 0, keptB: 0, both: 0, bothByChance: 0 };
  for (const each of overlaps) for (const name of Object.keys(sum) as (keyof Overlap)[]) sum[name] += each[name];
  return sum;
}

/**
 * Jaccard index (kept by both over kept by either) and what chance gives: the index of the expected overlap, which
 * differs from the index's own expectation by a share of the order of 1 / n. Undefined where neither mask keeps
 * anything.
 */
export function jaccard({
  keptA,
  keptB,
  both,
  bothByChance,
}: Overlap): { jaccard: number; chance: number } | undefined {
  if (keptA + keptB === 0) return undefined;
  return { jaccard: both / (keptA + keptB - both), chance: bothByChance / (keptA + keptB - bothByChance) };
}
