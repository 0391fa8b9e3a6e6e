/** Question 1: at which sparsities and budgets super weights survive, and how stable masks are. */
import { largest } from '../../base/extremes.ts';
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import { armsOf, comparisonsOf, endOf, survivalTotals } from '../arms.ts';
import { followedArms, prunedArms, prunedBy } from '../pruned-arms.ts';
import type { StudyResults } from '../read-results.ts';
import { counted, percent } from '../wording.ts';
import { gap, range } from './parts.ts';
import type { Topic } from './topic.ts';

export const survival: Topic = {
  id: 'survival',
  name: 'Survival',
  question: 'At which sparsities and retraining budgets do super weights survive, and how stable are the masks?',
  answer: (results) => survivalText(results, prunedArms(results)),
  brief: (results) => briefText(results, prunedArms(results)),
  comparisons: (results) => comparisonsOf(results, 'survival'),
  experiments: (results) => [
    ...new Set([...followedArms(results), ...armsOf(results, 'survival').map(({ id }) => id)]),
  ],
  gaps: (results, drawn) => [
    ...gap(
      followedArms(results).length === 0,
      'In no pruned run of this profile was there a super weight to follow: arms that start from a pretrained model that holds one, or train long enough for one to emerge, would provide it.',
    ),
    ...gap(
      !drawn.has('mask-overlap'),
      'How stable masks are is not known here: an arm that prunes with two seeds would show it.',
    ),
    ...gap(
      !drawn.has('recovery'),
      'Whether pruned positions come back is not known here: an arm with train.mask "release" and prune.of "cumulative" would show it.',
    ),
    ...gap(
      !drawn.has('emergence'),
      'When super weights appear in training is not known here: arms with the role "emergence" would show it.',
    ),
  ],
};

function ends(results: StudyResults, arms: readonly ExperimentDeclaration[]) {
  return arms.flatMap(({ id }) => {
    const end = endOf(results, id);
    return end === undefined || end.survival.n === 0 || end.sparsity.mean === null
      ? []
      : [{ id, end, sparsity: end.sparsity.mean }];
  });
}

function briefText(results: StudyResults, arms: readonly ExperimentDeclaration[]): string {
  const known = ends(results, arms);
  const { n, kept, functional, same } = survivalTotals(known.map(({ end }) => end));
  if (n === 0) return 'no super weight to follow';
  return `kept ${kept}/${n}, still matters ${functional}/${n}, found again ${same}/${n} (${counted(known.length, 'arm')}, to ${percent(largest(known.map(({ sparsity }) => sparsity)))})`;
}

export function survivalText(results: StudyResults, arms: readonly ExperimentDeclaration[]): string {
  const known = ends(results, arms);
  if (known.length === 0)
    return `In no run that was pruned ${prunedBy(results.study, arms)} was there a super weight to follow.`;
  const { n, kept, functional, same } = survivalTotals(known.map(({ end }) => end));
  const base = known.flatMap(({ end }) => end.baseRate.tensorKept.mean ?? []);
  const where =
    base.length === 0 ? '' : `, where ${range(base, (value) => percent(value, 0))} of all weights of its tensor were`;
  return `Pruned ${prunedBy(results.study, arms)} to ${range(
    known.map(({ sparsity }) => sparsity),
    percent,
  )} sparsity (${counted(known.length, 'arm')}, ${counted(n, 'finished run')} that hold one), the super weight's mask bit was kept in ${kept} of ${n} runs${where}; zeroing it still hurt in ${functional}, and it was found again at its place in ${same}.`;
}
