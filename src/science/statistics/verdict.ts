/** What may be said of a test. */
import type { HolmAdjustment, Verdict } from '../../generated/results.ts';

/**
 * @param holm the exact test's adjusted p, undefined where there was none
 * @param outcome whether anything was measured, and whether what was varied acted at all
 */
export function verdict(
  holm: HolmAdjustment | undefined,
  outcome: 'no-data' | 'never-acted' | 'measured',
  alpha: number,
): Verdict {
  if (outcome !== 'measured') return outcome;
  if (holm === undefined) return 'no-data';
  if (holm.smallestAdjustedP > alpha) return 'cannot-be-significant';
  return holm.adjustedP <= alpha ? 'significant' : 'not-significant';
}
