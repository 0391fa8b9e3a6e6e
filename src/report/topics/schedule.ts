/** Question 4: one-shot against iterative against gradual, global against layerwise. */
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import { foreignPruningStages, paramIn, paramOf, paramValues, pruningStages } from '../../science/study-declaration.ts';
import { armsOf, comparisonsOf } from '../arms.ts';
import type { EffectGroup } from '../figures/effect-rows.ts';
import { inBrackets, shortRuleText } from '../causal-rule.ts';
import { distinctArms } from '../computations.ts';
import { prunedArms } from '../pruned-arms.ts';
import type { StudyResults } from '../read-results.ts';
import { survivalSentences } from '../verdict-text.ts';
import { counted } from '../wording.ts';
import { briefDifference, differencesOf, gap, headline } from './parts.ts';
import type { Topic } from './topic.ts';

export const schedule: Topic = {
  id: 'schedule',
  name: 'Schedule and scope',
  question: 'One-shot, iterative or gradual; one threshold for all or one per layer: which protects?',
  answer: (results) => {
    if (isCompared(results)) return headline(comparisonsOf(results, 'schedule'), results.study.analysis.alpha);
    const { length } = distinctArms(results, scheduleArms(results));
    return `This profile compares no schedules or scopes${length === 0 ? '' : `; it has ${counted(length, 'pruned arm')}, whose ways through the rounds are shown`}.`;
  },
  brief: (results) => briefDifference(comparisonsOf(results, 'schedule')),
  comparisons: (results) => comparisonsOf(results, 'schedule'),
  experiments: (results) => scheduleArms(results).map(({ id }) => id),
  gaps: (results) => [
    ...gap(
      !isCompared(results),
      'Which schedule protects is not known here: a comparison with the topic "schedule", of arms that differ in prune.fraction by round, would show it.',
    ),
    ...gap(
      pruningStages(results.study).includes('prune') &&
        !scheduleArms(results).some((arm) => paramValues(arm, 'prune', 'scope').includes('layerwise')),
      'Global against layerwise is not compared here: a twin with prune.scope "layerwise" would show it.',
    ),
    ...gap(
      !scheduleArms(results).some((arm) => scheduleOf(results, arm) === 'one-shot'),
      'One-shot pruning is not among these arms: one that prunes in a single round would show it.',
    ),
  ],
};

function isCompared(results: StudyResults): boolean {
  return differencesOf(comparisonsOf(results, 'schedule')).some(({ mean }) => mean !== null);
}

/** Arms of this question's comparisons; without any, those that are pruned. */
export function scheduleArms(results: StudyResults): ExperimentDeclaration[] {
  const arms = armsOf(results, 'schedule');
  return arms.length > 0 ? arms : prunedArms(results);
}

export function groupsBySchedule(results: StudyResults): EffectGroup[] {
  return SCHEDULES.map((kind) => ({
    heading: HEADINGS[kind],
    ids: distinctArms(results, scheduleArms(results))
      .filter((arm) => scheduleOf(results, arm) === kind)
      .map(({ id }) => id),
  }));
}

export function survivalByScheduleText(results: StudyResults): string {
  const tests = comparisonsOf(results, 'schedule').flatMap(({ survivalTests }) => survivalTests);
  return tests.length === 0
    ? `What the super weight is still worth at the end, by schedule; no comparison of this profile tests a survival by schedule${inBrackets(shortRuleText(results.study))}.`
    : survivalSentences(tests, results.study.analysis.alpha);
}

type Schedule = 'one-shot' | 'iterative' | 'gradual' | 'foreign' | 'none';
const SCHEDULES: readonly Schedule[] = ['one-shot', 'iterative', 'gradual', 'foreign', 'none'];
const HEADINGS: Record<Schedule, string> = {
  'one-shot': 'One-shot: a single prune',
  iterative: 'Iterative: the same share every round',
  gradual: 'Gradual: the share changes by round',
  foreign: 'Pruned by a stage of the study\u2019s own',
  none: 'Not pruned',
};

/** One-shot: prunes in one round only. Iterative: the same share each round. Gradual: another. */
function scheduleOf({ study }: StudyResults, arm: ExperimentDeclaration): Schedule {
  if (foreignPruningStages(study, arm).length > 0) return 'foreign';
  const shares = Array.from({ length: arm.rounds }, (_, i) => paramIn(arm, 'prune', 'fraction', i + 1) ?? 0).filter(
    (share) => share > 0,
  );
  if (shares.length === 0) return 'none';
  if (shares.length === 1) return 'one-shot';
  return new Set(shares).size === 1 && paramOf(arm, 'prune', 'of') !== 'cumulative' ? 'iterative' : 'gradual';
}
