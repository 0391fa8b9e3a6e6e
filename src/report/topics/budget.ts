/** Question 5: how the steps of each round matter, and whether warm-up and decay help. */
import { comparisonsOf, declarationOf, endOf } from '../arms.ts';
import { budgetLadderFigure, stepsPerRound, type Ladder } from '../figures/budget-ladder.ts';
import { forestFigure } from '../figures/forest-plot.ts';
import { trajectoriesFigure } from '../figures/trajectories.ts';
import { differencesTable, survivalTestsTable } from '../page/comparison-tables.ts';
import type { StudyResults } from '../read-results.ts';
import { decimal, listed } from '../wording.ts';
import { briefDifference, differencesText, gap, headline, section } from './parts.ts';
import { TOPICS, type Answer } from './topic.ts';
import { trajectoryText } from './trajectory-text.ts';

const PANELS = 12;

export function budgetAnswer(results: StudyResults): Answer {
  const declared = comparisonsOf(results, 'budget');
  const steps = declared.filter(({ varies }) => varies.every((name) => name === 'train.steps'));
  const shapes = declared.filter((comparison) => !steps.includes(comparison));
  const ladders = steps.flatMap(({ name, arms }): Ladder[] => {
    const known = arms
      .map((id) => declarationOf(results, id))
      .filter((arm) => stepsPerRound(arm) !== undefined && (endOf(results, arm.id)?.loss.n ?? 0) > 0);
    return known.length < 2 ? [] : [{ name, arms: known }];
  });
  const ids = [...new Set(declared.flatMap(({ arms }) => arms))];
  const known = declared.some(({ differences }) => differences.some(({ mean }) => mean !== null));
  return {
    topic: TOPICS[4]!,
    answer: known ? headline(declared) : 'This profile compares no retraining budgets.',
    brief: briefDifference(declared),
    experiments: ids,
    content: () => {
      const figure = budgetLadderFigure(results, ladders);
      return {
        sections: [
          ...section(figure, `${ladderText(ladders)} ${differencesText(steps)}`, [
            differencesTable(results, steps),
            survivalTestsTable(results, steps),
          ]),
          ...section(
            forestFigure(results, {
              id: '5b-differences',
              title:
                figure.plots.length === 0
                  ? 'Budgets: paired differences'
                  : 'Steps, warm-up and decay: paired differences',
              comparisons: declared,
            }),
            shapes.length === 0 ? differencesText(declared) : differencesText(shapes),
            [differencesTable(results, figure.plots.length === 0 ? declared : shapes)],
          ),
          ...section(
            trajectoriesFigure(results, '5c-trajectories', ids.slice(0, PANELS)),
            trajectoryText(results, ids),
          ),
        ],
        gaps: [
          ...gap(
            ladders.length === 0,
            'How the steps per round matter is not known here: a comparison with the topic "budget" that varies train.steps alone would show it.',
          ),
          ...gap(
            shapes.length === 0,
            'Warm-up and decay are not compared here: twins that differ in train.schedule, warmupSteps or decaySteps would show them.',
          ),
        ],
      };
    },
  };
}

function ladderText(ladders: readonly Ladder[]): string {
  return ladders
    .map(({ name, arms }) => {
      const sorted = [...arms].sort((a, b) => stepsPerRound(a)! - stepsPerRound(b)!);
      return `Compared in ${name}: ${listed(sorted.map((arm) => `${decimal(stepsPerRound(arm)!, 0)} steps (${arm.id})`))}.`;
    })
    .join(' ');
}
