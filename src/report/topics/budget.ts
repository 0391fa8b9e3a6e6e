/** Question 5: how the training steps of each round matter, and whether warm-up and decay help. */
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import type { ComparisonResult } from '../../generated/results.ts';
import { paramValues } from '../../science/study-declaration.ts';
import { comparisonsOf, declarationOf, endOf } from '../arms.ts';
import type { StudyResults } from '../read-results.ts';
import { briefDifference, differencesOf, gap, headline } from './parts.ts';
import type { Topic } from './topic.ts';

export const budget: Topic = {
  id: 'budget',
  name: 'Budget',
  question: 'How do the steps per round matter, and do warm-up and decay help?',
  answer: (results) => {
    const declared = comparisonsOf(results, 'budget');
    const isKnown = differencesOf(declared).some(({ mean }) => mean !== null);
    return isKnown ? headline(declared, results.study.analysis.alpha) : 'This profile compares no retraining budgets.';
  },
  brief: (results) => briefDifference(comparisonsOf(results, 'budget')),
  comparisons: (results) => comparisonsOf(results, 'budget'),
  experiments: budgetArms,
  gaps: (results) => [
    ...gap(
      laddersOf(results).length === 0,
      'How the steps per round matter is not known here: a comparison with the topic "budget" that varies train.steps alone would show it.',
    ),
    ...gap(
      shapeComparisons(results).length === 0,
      'Warm-up and decay are not compared here: twins that differ in train.schedule, warmupSteps or decaySteps would show them.',
    ),
  ],
};

export function budgetArms(results: StudyResults): string[] {
  return [...new Set(comparisonsOf(results, 'budget').flatMap(({ arms }) => arms))];
}

/** Comparisons of the number of training steps alone. */
export function stepComparisons(results: StudyResults): ComparisonResult[] {
  return comparisonsOf(results, 'budget').filter(({ varies }) => varies.every((name) => name === 'train.steps'));
}

/** The others: of warm-up, decay and the like. */
export function shapeComparisons(results: StudyResults): ComparisonResult[] {
  const steps = stepComparisons(results);
  return comparisonsOf(results, 'budget').filter((comparison) => !steps.includes(comparison));
}

/** Arms that differ in their training steps alone. */
export interface Ladder {
  name: string;
  arms: readonly ExperimentDeclaration[];
}

/** Of every comparison of numbers of training steps, the arms that are known, if there are two. */
export function laddersOf(results: StudyResults): Ladder[] {
  return stepComparisons(results).flatMap(({ name, arms, differences }): Ladder[] => {
    const differing = differences.filter(({ alsoDiffers }) => alsoDiffers.length > 0).map(({ arm }) => arm);
    const known = arms
      .filter((id) => !differing.includes(id))
      .map((id) => declarationOf(results, id))
      .filter((arm) => stepsPerRound(arm) !== undefined && (endOf(results, arm.id)?.loss.n ?? 0) > 0);
    return known.length < 2 ? [] : [{ name, arms: known }];
  });
}

/** Training steps of a round; where rounds differ, of the last one: mostly only the first round differs. */
export function stepsPerRound(arm: ExperimentDeclaration): number | undefined {
  const steps = paramValues(arm, 'train', 'steps').at(-1);
  return steps !== undefined && steps > 0 ? steps : undefined;
}
