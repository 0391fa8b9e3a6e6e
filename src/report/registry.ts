/**
 * The pages of the report and what each shows, in order. The number of a page, the letter of a plot, the names of all
 * files and the list of figures in docs/report.md follow from where something is listed here.
 */
import { comparisonsOf, schemeOf } from './arms.ts';
import { atAGlance } from './figures/at-a-glance.ts';
import { baseRates } from './figures/base-rates.ts';
import { budgetLadder } from './figures/budget-ladder.ts';
import { composition, farthestKindText, spareText } from './figures/composition.ts';
import { effectRows } from './figures/effect-rows.ts';
import { emergence } from './figures/emergence.ts';
import type { FigureEntry } from './figures/figure.ts';
import { differences } from './figures/forest-plot.ts';
import { lateSuperWeights } from './figures/late-super-weights.ts';
import { lossCurves } from './figures/loss-curves.ts';
import { maskOverlap } from './figures/mask-overlap.ts';
import { perplexity } from './figures/perplexity.ts';
import { qualityCost } from './figures/quality-cost.ts';
import { rankMarginEffect } from './figures/rank-margin-effect.ts';
import { recovery } from './figures/recovery.ts';
import { spread } from './figures/spread.ts';
import { survivalCounts } from './figures/survival-counts.ts';
import { trajectories } from './figures/trajectories.ts';
import { differencesTable, survivalTestsTable } from './page/comparison-tables.ts';
import { prunedArms, thresholdText } from './pruned-arms.ts';
import { budget, budgetArms, laddersOf, shapeComparisons } from './topics/budget.ts';
import { groupsByScheme, initialisation, prunedSchemeArms, schemesText } from './topics/initialisation.ts';
import { differencesText } from './topics/parts.ts';
import { quality } from './topics/quality.ts';
import { groupsBySchedule, schedule, scheduleArms, survivalByScheduleText } from './topics/schedule.ts';
import { survival } from './topics/survival.ts';
import type { Topic } from './topics/topic.ts';
import { seedsText, testsText, variance } from './topics/variance.ts';
import { survivalSentences } from './verdict-text.ts';

/** The question of a page, and its figures from top to bottom: the first is its main plot. */
const PAGES: readonly [Topic, readonly FigureEntry[]][] = [
  [
    survival,
    [
      baseRates,
      rankMarginEffect,
      survivalCounts,
      differences({
        plot: 'differences',
        title: () => 'What the declared comparisons cost',
        comparisons: (results) => comparisonsOf(results, 'survival'),
      }),
      composition(prunedArms, farthestKindText),
      maskOverlap,
      recovery,
      emergence,
    ],
  ],
  [
    initialisation,
    [
      effectRows({
        groups: groupsByScheme,
        finding: (results) => {
          const tests = comparisonsOf(results, 'initialisation').flatMap(({ survivalTests }) => survivalTests);
          return `${schemesText(results)} ${survivalSentences(tests, results.study.analysis.alpha, 2)}`.trim();
        },
        tables: (results) => [survivalTestsTable(results, comparisonsOf(results, 'initialisation'))],
      }),
      differences({
        plot: 'differences',
        title: () => 'Final loss by initialisation',
        comparisons: (results) => comparisonsOf(results, 'initialisation'),
      }),
      composition(prunedSchemeArms, (results, arms) =>
        spareText(results, arms, (arm) => `${schemeOf(arm)}, ${thresholdText(results.study, arm)}`),
      ),
      emergence,
      lateSuperWeights,
    ],
  ],
  [
    quality,
    [
      qualityCost,
      differences({
        plot: 'differences',
        title: () => 'Protecting, forcing, randomising: what each does to the final loss',
        comparisons: (results) => comparisonsOf(results, 'quality'),
        tables: (results) => [
          differencesTable(results, comparisonsOf(results, 'quality')),
          survivalTestsTable(results, comparisonsOf(results, 'quality')),
        ],
      }),
      perplexity,
    ],
  ],
  [
    schedule,
    [
      differences({
        plot: 'differences',
        title: () => 'Schedules and scopes: paired differences',
        comparisons: (results) => comparisonsOf(results, 'schedule'),
        tables: (results) => [
          differencesTable(results, comparisonsOf(results, 'schedule')),
          survivalTestsTable(results, comparisonsOf(results, 'schedule')),
        ],
      }),
      trajectories((results) => scheduleArms(results).map(({ id }) => id)),
      effectRows({ groups: groupsBySchedule, finding: survivalByScheduleText }),
      composition(scheduleArms, (results, arms) =>
        spareText(results, arms, (arm) => thresholdText(results.study, arm)),
      ),
    ],
  ],
  [
    budget,
    [
      budgetLadder,
      differences({
        plot: 'differences',
        title: (results) =>
          laddersOf(results).length === 0
            ? 'Budgets: paired differences'
            : 'Steps, warm-up and decay: paired differences',
        comparisons: (results) => comparisonsOf(results, 'budget'),
        finding: (results) => {
          const shapes = shapeComparisons(results);
          return differencesText(
            shapes.length === 0 ? comparisonsOf(results, 'budget') : shapes,
            results.study.analysis.alpha,
          );
        },
        // The comparisons of numbers of training steps are in the table of the plot above, if there is one.
        tables: (results) => [
          differencesTable(
            results,
            laddersOf(results).length === 0 ? comparisonsOf(results, 'budget') : shapeComparisons(results),
          ),
        ],
      }),
      trajectories(budgetArms),
    ],
  ],
  [
    variance,
    [
      spread,
      differences({
        plot: 'all-differences',
        title: () => 'All declared comparisons',
        comparisons: ({ comparisons }) => comparisons,
        finding: (results) => `${testsText(results)} ${seedsText(results)}`.trim(),
      }),
      lossCurves,
    ],
  ],
];

/** A figure in its place. */
export interface PlacedFigure {
  entry: FigureEntry;
  /** Stems of its plots' files by the plots' names, such as `1a-survival`. */
  ids: ReadonlyMap<string, string>;
}

/** A page of the report: a question, and what it is answered with. */
export interface Page extends Topic {
  /** From 1. */
  number: number;
  /** In the report's folder. */
  file: string;
  figures: readonly PlacedFigure[];
}

/** The pages of the questions, in their order. */
export const QUESTIONS: readonly Page[] = PAGES.map(([topic, entries], index) => {
  const number = index + 1;
  let letters = 0;
  const figures = entries.map((entry) => ({
    entry,
    ids: new Map(
      entry.plots.map((name) => [name, `${number}${String.fromCharCode('a'.charCodeAt(0) + letters++)}-${name}`]),
    ),
  }));
  return { ...topic, number, file: `${number}-${topic.id}.html`, figures };
});

/** The figure of the overview. */
export const OVERVIEW_FIGURE: PlacedFigure = {
  entry: atAGlance,
  ids: new Map(atAGlance.plots.map((name) => [name, `0-${name}`])),
};
