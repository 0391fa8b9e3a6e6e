/** How unequally kinds of tensor are pruned, in a sentence. */
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import { runsOf } from '../arms.ts';
import type { StudyResults } from '../read-results.ts';
import { counted, listed, percent } from '../wording.ts';
import { range } from './parts.ts';

/** @param groupOf what arms are told apart by; of each group the arm is named whose kinds differ most */
export function compositionText(
  results: StudyResults,
  arms: readonly ExperimentDeclaration[],
  groupOf: (arm: ExperimentDeclaration) => string,
): string {
  const measured = arms.flatMap((arm) => {
    const last = runsOf(results, arm.id).flatMap(({ measurements }) =>
      measurements.flatMap(({ pruning }) => (pruning === null ? [] : [pruning])).slice(-1),
    );
    const kinds = [...new Set(last.flatMap((pruning) => pruning.kinds.map(({ kind }) => kind)))];
    const shares = kinds.map((kind) => {
      const own = last.flatMap((pruning) => pruning.kinds.filter((each) => each.kind === kind && each.weights > 0));
      return own.reduce((sum, { pruned, weights }) => sum + pruned / weights, 0) / own.length;
    });
    return shares.length === 0
      ? []
      : [{ arm, n: last.length, shares, spread: Math.max(...shares) - Math.min(...shares) }];
  });
  const groups = [...new Set(measured.map(({ arm }) => groupOf(arm)))].map((group) => {
    const widest = measured.filter(({ arm }) => groupOf(arm) === group).sort((a, b) => b.spread - a.spread)[0]!;
    return `${group}, ${range(widest.shares, (share) => percent(share, 0))} (${widest.arm.id}, n = ${counted(widest.n, 'run')})`;
  });
  if (groups.length === 0) return 'Nothing was pruned by magnitude.';
  return `From the most spared to the hardest hit kind of tensor, where they differ most, the share pruned at the end is: ${listed(groups)}.`;
}
