/**
 * Holm's step-down adjustment (Scand. J. Statist. 1979): keeps the chance of any false claim in a family below alpha.
 */
import adjust from '@stdlib/stats-padjust';

/**
 * Adjusted p-values in the order given: the smallest times m, the next times m - 1, ..., each at least as large as the
 * one before it and at most 1. Every declared test of the family must be among them, whatever came of it.
 */
export function holmAdjusted(p: readonly number[]): number[] {
  if (p.length === 0) return [];
  return [...adjust([...p], 'holm')].map((adjusted) => Math.min(1, adjusted));
}
