/** What a prune came to, by kind of tensor: a global threshold falls where an initialisation puts small weights. */
import type { KindPruning, TensorPruning } from '../generated/pruning.ts';

interface PruningCounts {
  prunable: number;
  pruned: number;
  prunedNow: number;
}

export function totals(tensors: readonly Pick<TensorPruning, 'weights' | 'pruned' | 'prunedNow'>[]): PruningCounts {
  const sum = (part: 'weights' | 'pruned' | 'prunedNow') => tensors.reduce((total, tensor) => total + tensor[part], 0);
  return { prunable: sum('weights'), pruned: sum('pruned'), prunedNow: sum('prunedNow') };
}

/**
 * Each kind's counts, and its share of what was pruned now and of what is kept; kinds in the order in which they come.
 */
export function composition(tensors: readonly TensorPruning[]): KindPruning[] {
  const all = totals(tensors);
  return [...new Set(tensors.map(({ kind }) => kind))].map((kind) => {
    const { prunable, pruned, prunedNow } = totals(tensors.filter((tensor) => tensor.kind === kind));
    return {
      kind,
      weights: prunable,
      pruned,
      prunedNow,
      shareOfPrunedNow: all.prunedNow === 0 ? null : prunedNow / all.prunedNow,
      shareOfKept: all.pruned === all.prunable ? null : (prunable - pruned) / (all.prunable - all.pruned),
    };
  });
}
