/** Question 1: at which sparsities and budgets super weights survive, and how stable masks are. */
import { largest } from '../../base/extremes.ts';
import type { ExperimentDeclaration, StudyDeclaration } from '../../generated/aggregate.ts';
import { armsOf, comparisonsOf, replicatesOf } from '../arms.ts';
import { inBrackets, shortRuleText } from '../causal-rule.ts';
import { distinctArms, distinctFates, fateCounts, foundAgainText } from '../computations.ts';
import { controlsOf, functionText, lessText, othersText } from '../lost-function.ts';
import { followedArms, prunedArms, prunedBy } from '../pruned-arms.ts';
import type { StudyResults } from '../read-results.ts';
import { disconnectedText } from '../zeroing.ts';
import { counted, percent } from '../wording.ts';
import { gap, range } from './parts.ts';
import type { Topic } from './topic.ts';

export const survival: Topic = {
  id: 'survival',
  name: 'Survival',
  question: 'At which sparsities and retraining budgets do super weights survive, and how stable are the masks?',
  answer: (results) => {
    const arms = prunedArms(results);
    return `${survivalText(results, arms)}${jointFateText(results, arms)}`;
  },
  context: (results) => `${functionText(results, prunedArms(results))}${lessText(results, prunedArms(results))}`,
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
      controlsOf(results, fatesOf(results, prunedArms(results)).followed).length === 0 &&
        fatesOf(results, prunedArms(results)).followed.length > 0,
      'What training alone does to the super weight is not known here: a positive control that trains as these arms do would show it.',
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

function briefText(results: StudyResults, arms: readonly ExperimentDeclaration[]): string {
  const { fates, followed, sparsities } = fatesOf(results, arms);
  const { n, kept, disconnected, functional, same, sought } = fateCounts(fates);
  const joint = jointFates(results, arms);
  const jointly =
    joint.length === 0
      ? ''
      : `; joint sets still matter ${joint.filter(({ functional }) => functional).length}/${joint.length}`;
  if (n === 0) return `no super weight to follow${jointly}`;
  const foundAgain = sought === 0 ? 'not sought again' : `found again ${same}/${sought}`;
  const to = sparsities.length === 0 ? '' : `, to ${percent(largest(sparsities))}`;
  return `kept ${kept}/${n}${disconnected === 0 ? '' : ` (${disconnected} disconnected)`}, still matters ${functional}/${n}, ${foundAgain}${jointly} (${counted(followed.length, 'arm')}${to})${inBrackets(shortRuleText(results.study, followed))}`;
}

/** The distinct runs in which a super weight was followed to the end, and the arms that they are of. */
export function fatesOf(results: StudyResults, arms: readonly ExperimentDeclaration[]) {
  const fates = distinctFates(
    results,
    arms.map(({ id }) => id),
  );
  const followed = distinctArms(
    results,
    arms.filter(({ id }) => distinctFates(results, [id]).length > 0),
  ).map(({ id }) => id);
  return { fates, followed, sparsities: fates.flatMap(({ measured }) => measured.sparsity ?? []) };
}

/** A weight more or less is no other share: arms that reach 67 % in one step and in five differ by that. */
function roundedRange(shares: readonly number[], digits: number): string {
  const rounded = new Set(shares.map((share) => percent(share, digits)));
  return rounded.size === 1 ? [...rounded][0]! : range(shares, (share, apart) => percent(share, digits, apart));
}

/** `Pruned by magnitude to 41.0 % to 96.5 % sparsity`. */
export function prunedTo(
  study: StudyDeclaration,
  arms: readonly ExperimentDeclaration[],
  sparsities: number[],
): string {
  if (sparsities.length === 0) return `Pruned ${prunedBy(study, arms)}`;
  return `Pruned ${prunedBy(study, arms)} to ${roundedRange(sparsities, 1)} sparsity`;
}

export function survivalText(results: StudyResults, arms: readonly ExperimentDeclaration[]): string {
  const { fates, followed, sparsities } = fatesOf(results, arms);
  const rule = inBrackets(shortRuleText(results.study, followed.length === 0 ? undefined : followed));
  if (fates.length === 0)
    return `In no run that was pruned ${prunedBy(results.study, arms)} was there a super weight to follow${rule}.`;
  const { n, kept, disconnected, functional } = fateCounts(fates);
  const base = fates.map(({ weight }) => weight.baseRate.tensorKept);
  const own = arms.filter(({ id }) => followed.includes(id));
  return `${prunedTo(results.study, own, sparsities)} (${counted(followed.length, 'arm')}, ${counted(n, 'distinct run')} that ${n === 1 ? 'holds' : 'hold'} one and ${n === 1 ? 'is' : 'are'} finished), the super weight was kept in ${kept} of ${counted(n, 'run')}, where ${roundedRange(base, 0)} of all weights of its tensor were${disconnectedText(disconnected)}; zeroing it still hurt in ${functional}${othersText(fates)}, and ${foundAgainText(fateCounts(fates))}${rule}.`;
}

/** Of the distinct runs in which joint sets were followed: whether one still has its function at the end. */
function jointFates(results: StudyResults, arms: readonly ExperimentDeclaration[]): { functional: boolean }[] {
  return arms
    .flatMap(({ id }) => replicatesOf(results, id))
    .flatMap(({ measurements }) => {
      const last = measurements.at(-1)?.jointSurvival ?? [];
      return last.length === 0 ? [] : [{ functional: last.some(({ functional }) => functional) }];
    });
}

/** Weights that count only together are told apart from those that count alone. Nothing where there were none. */
function jointFateText(results: StudyResults, arms: readonly ExperimentDeclaration[]): string {
  const fates = jointFates(results, arms);
  const left = fates.filter(({ functional }) => functional).length;
  return fates.length === 0
    ? ''
    : ` Weights that make up for one another (joint sets) were followed in ${counted(fates.length, 'distinct run')}: zeroing what is left of one still hurt in ${left} at the end.`;
}
