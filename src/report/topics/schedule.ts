/** Question 4: one-shot against iterative against gradual, global against layerwise. */
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import { armsOf, comparisonsOf, parameter } from '../arms.ts';
import { compositionFigure } from '../figures/composition.ts';
import { effectRowsFigure } from '../figures/effect-rows.ts';
import { forestFigure } from '../figures/forest-plot.ts';
import { trajectoriesFigure } from '../figures/trajectories.ts';
import { differencesTable, survivalTestsTable } from '../page/comparison-tables.ts';
import type { StudyResults } from '../read-results.ts';
import { survivalSentences } from '../verdict-text.ts';
import { counted } from '../wording.ts';
import { compositionText } from './composition-text.ts';
import { briefDifference, differencesOf, differencesText, gap, headline, magnitudeArms, section } from './parts.ts';
import { TOPICS, type Answer } from './topic.ts';
import { trajectoryText } from './trajectory-text.ts';

const PANELS = 12;

export function scheduleAnswer(results: StudyResults): Answer {
  const declared = comparisonsOf(results, 'schedule');
  const arms = armsOf(results, 'schedule');
  const shown = arms.length > 0 ? arms : magnitudeArms(results);
  const groups = KINDS.map((kind) => ({
    heading: HEADINGS[kind],
    ids: shown.filter((arm) => scheduleOf(arm) === kind).map(({ id }) => id),
  }));
  const tests = declared.flatMap(({ survivalTests }) => survivalTests);
  const scopes = new Set(shown.map((arm) => parameter(arm, 'prune', 'scope')));
  const ids = shown.map(({ id }) => id);
  const known = differencesOf(declared).some(({ mean }) => mean !== null);
  return {
    topic: TOPICS[3]!,
    answer: known
      ? headline(declared)
      : `This profile compares no schedules or scopes${shown.length === 0 ? '' : `; it has ${counted(shown.length, 'pruned arm')}, whose ways through the rounds are shown`}.`,
    brief: briefDifference(declared),
    experiments: ids,
    content: () => {
      const effects = effectRowsFigure(results, '4c-effect', groups);
      const forest = forestFigure(results, {
        id: '4a-differences',
        title: 'Schedules and scopes: paired differences',
        comparisons: declared,
      });
      return {
        sections: [
          ...section(forest, differencesText(declared), [
            differencesTable(results, declared),
            survivalTestsTable(results, declared),
          ]),
          ...section(
            trajectoriesFigure(results, '4b-trajectories', ids.slice(0, PANELS)),
            trajectoryText(results, ids),
          ),
          ...section(
            effects,
            tests.length === 0
              ? 'What the super weight is still worth at the end, by schedule; no comparison of this profile tests a survival by schedule.'
              : survivalSentences(tests),
          ),
          ...section(
            compositionFigure(results, '4d-composition', ids),
            compositionText(results, shown, (arm) => `${parameter(arm, 'prune', 'scope') ?? 'global'} threshold`),
          ),
        ],
        gaps: [
          ...gap(
            !known,
            'Which schedule protects is not known here: a comparison with the topic "schedule", of arms that differ in prune.fraction by round, would show it.',
          ),
          ...gap(
            !scopes.has('layerwise'),
            'Global against layerwise is not compared here: a twin with prune.scope "layerwise" would show it.',
          ),
          ...gap(
            !shown.some((arm) => scheduleOf(arm) === 'one-shot'),
            'One-shot pruning is not among these arms: one that prunes in a single round would show it.',
          ),
        ],
      };
    },
  };
}

type Schedule = 'one-shot' | 'iterative' | 'gradual' | 'none';
const KINDS: readonly Schedule[] = ['one-shot', 'iterative', 'gradual', 'none'];
const HEADINGS: Record<Schedule, string> = {
  'one-shot': 'One-shot: a single prune',
  iterative: 'Iterative: the same share every round',
  gradual: 'Gradual: the share changes by round',
  none: 'Not pruned',
};

/** One-shot: prunes in one round only. Iterative: the same share each round. Gradual: another. */
function scheduleOf(arm: ExperimentDeclaration): Schedule {
  const fraction = parameter(arm, 'prune', 'fraction');
  const shares = (
    Array.isArray(fraction)
      ? (fraction as number[]).slice(0, arm.rounds)
      : Array.from({ length: arm.rounds }, () => Number(fraction ?? 0))
  ).filter((share) => share > 0);
  if (shares.length === 0) return 'none';
  if (shares.length === 1) return 'one-shot';
  return new Set(shares).size === 1 && parameter(arm, 'prune', 'of') !== 'cumulative' ? 'iterative' : 'gradual';
}
