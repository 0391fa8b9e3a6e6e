/** How many tests the families of a study hold: the m of Holm's adjustment. */
import type { StudyDeclaration } from '../generated/aggregate.ts';

/**
 * By family, one test for each further arm and metric of its comparisons, with or without data. Arms that the study's
 * profile does not run are in no test.
 */
export function familySizes({ experiments, comparisons }: StudyDeclaration): Map<string, number> {
  const run = new Set(experiments.map(({ id }) => id));
  const sizes = new Map<string, number>();
  for (const { family, arms, metrics } of comparisons) {
    const further = Math.max(0, arms.filter((id) => run.has(id)).length - 1);
    sizes.set(family, (sizes.get(family) ?? 0) + further * metrics.length);
  }
  return sizes;
}
