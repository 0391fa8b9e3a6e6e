/** Rank by absolute value, margin and effect of the reference super weights, run by run and round by round. */
import { largest, smallest } from '../../base/extremes.ts';
import { groupBy } from '../../base/groups.ts';
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import { declarationOf, distinct, endOf, namesOf, replicatesOf } from '../arms.ts';
import { ruleSentence, thresholds } from '../causal-rule.ts';
import { distinctFates } from '../computations.ts';
import type { Spec } from '../chart.ts';
import { controlsOf } from '../lost-function.ts';
import { superWeightsTable } from '../page/super-weights-table.ts';
import { followedArms, isFollowed, prunedArms, prunedBy } from '../pruned-arms.ts';
import type { StudyResults } from '../read-results.ts';
import { BLUE, PURPLE, SOFT, VERMILION } from '../theme.ts';
import { named, range } from '../topics/parts.ts';
import { coordinateText, countText, foundAgainCount, counted, decimal, signed } from '../wording.ts';
import { fateOf, type Fate } from '../zeroing.ts';
import { defineFigure, horizontalRule, logTicks, panelTitle, smallMultiples, titled, type Figure } from './figure.ts';
import { legend } from './legend.ts';
import type { MarkStyle } from './mark-style.ts';
import { roundChannel, withinRun } from './run-axis.ts';
import { placeOf, runLines } from './run-lines.ts';

/** Height of a panel in pixels. */
const PANEL_HEIGHT = 120;

/** How re-detection is drawn. */
const SHAPES = { same: 'circle', moved: 'diamond', none: 'triangle-down', 'not-sought': 'square' } as const;

const FOUND = {
  same: 'found again in place',
  moved: 'one found elsewhere',
  none: 'none found',
  'not-sought': 'none sought',
};

const FATES: Record<Fate, string> = { kept: BLUE, disconnected: PURPLE, pruned: VERMILION };

/** Below it the next prune of the same threshold would take the weight. */
const THRESHOLD: MarkStyle = { shape: 'line', color: SOFT, dash: [5, 3], width: 1 };

const TITLE = 'Rank, margin and effect, run by run';

/** Experiments whose runs are drawn, controls among them; the grid of counts has them all. */
const DRAWN = 12;
const CONTROLS = 3;

export const rankMarginEffect = defineFigure({
  plots: ['rank', 'margin', 'effect'],
  shows: 'rank by absolute value, margin over the threshold, and what zeroing the super weight costs, run by run',
  draw,
  finding: (results) => rankText(results, prunedArms(results)),
  tables: (results) => [superWeightsTable(results)],
});

function draw(results: StudyResults): Figure<'rank' | 'margin' | 'effect'> {
  const arms = distinct(results, followedArms(results));
  const controls = unprunedControls(results, arms);
  const ids = [...arms.slice(0, DRAWN - controls.length), ...controls];
  const rows = survivalRows(results, ids);
  const experiments = ids
    .filter((id) => rows.some(({ experiment }) => experiment === id))
    .map((id) => declarationOf(results, id));
  if (rows.length === 0)
    return { title: TITLE, caption: 'Nothing to draw: in no run was there a super weight to follow.', plots: [] };
  const followed = new Set(rows.map(({ experiment, seed }) => `${experiment} ${seed}`)).size;
  const margins = rows.filter(({ margin }) => margin !== null && margin > 0);
  // Arms that are pruned by no threshold, such as at random, have none.
  const withMargin = experiments.filter(({ id }) => margins.some(({ experiment }) => experiment === id));
  return {
    title: TITLE,
    caption:
      `Of each reference super weight, one line a run, with its seed at the end, the unit of replication (${counted(followed, 'distinct run')} that ${followed === 1 ? 'holds' : 'hold'} one): its rank by absolute value among all prunable weights (1 = largest, logarithmic); its absolute value over the threshold of the last prune (below 1 the next prune of that threshold would take it); and what zeroing it costs (symmetric log). ` +
      `Each mark holds the three survivals: colour, whether it is still kept (neither pruned nor disconnected by the loss of its inputs); fill, whether zeroing it still hurts; shape, whether the detector finds a super weight again at the same place, elsewhere, or nowhere${rows.some(({ redetection }) => redetection === 'not-sought') ? ', or sought none' : ''}.${controlsText(results, controls)}${ruleSentence(results.study, ids)}`,
    plots: [
      {
        name: 'rank',
        alt: altText(results, 'Rank by absolute value', experiments),
        spec: panels(results, experiments, rows, rankMeasure(rows)),
        rows,
      },
      ...(margins.length === 0
        ? []
        : [
            {
              name: 'margin' as const,
              alt: altText(results, 'Margin to the threshold', withMargin),
              spec: panels(results, withMargin, margins, marginMeasure(margins)),
              rows: margins,
            },
          ]),
      {
        name: 'effect',
        alt: altText(results, 'Functional effect', experiments),
        spec: panels(results, experiments, rows, effectMeasure(rows)),
        rows,
      },
    ],
  };
}

/** What training alone does stands beside what it does with pruning. */
function unprunedControls(results: StudyResults, arms: readonly string[]): string[] {
  return controlsOf(results, arms)
    .filter((id) => isFollowed(results, declarationOf(results, id)))
    .slice(0, CONTROLS);
}

function controlsText(results: StudyResults, controls: readonly string[]): string {
  if (controls.length === 0) return '';
  return ` Last, arms of which nothing is pruned (${named(controls.map((id) => namesOf(results, id)))}): what training alone does.`;
}

type SurvivalRow = ReturnType<typeof survivalRows>[number];

/** One row per distinct run of an experiment, moment and reference super weight. */
function survivalRows(results: StudyResults, ids: readonly string[]) {
  const runs = ids.flatMap((id) => replicatesOf(results, id));
  return runs.flatMap(({ experiment, seed, measurements }) =>
    measurements.flatMap(({ round, phase, level, sparsity, survival, newlyConfirmed, keys }) =>
      survival.weights.map((weight, i) => ({
        experiment,
        seed,
        round,
        phase,
        level,
        sparsity,
        primary: i === 0,
        tensor: weight.coordinate.tensor,
        row: weight.coordinate.row,
        col: weight.coordinate.col,
        value: weight.value,
        rank: weight.rank,
        tensorRank: weight.tensorRank,
        threshold: weight.threshold,
        margin: weight.margin,
        effect: weight.effect,
        effectStandardError: weight.effectStandardError,
        kept: weight.kept,
        disconnected: weight.disconnected,
        functional: weight.functional,
        redetection: weight.redetection,
        newlyConfirmed: newlyConfirmed?.map(coordinateText).join('; ') ?? null,
        key: keys['superWeights'] ?? null,
      })),
    ),
  );
}

/** A measure of a super weight, and how its axis is drawn. */
interface Measure {
  field: 'rank' | 'margin' | 'effect';
  title: string | string[];
  scale: Spec;
  ticks: number[];
  format: string;
  /** A value worth a rule. */
  rule?: number;
}

function rankMeasure(rows: SurvivalRow[]): Measure {
  const worst = Math.max(largest(rows.map(({ rank }) => rank)), 10);
  return {
    field: 'rank',
    title: 'rank by absolute value (log)',
    scale: { type: 'log', domain: [worst * 1.6, 0.75], nice: false },
    ticks: logTicks(1, worst, 6),
    format: '~s',
  };
}

function marginMeasure(rows: SurvivalRow[]): Measure {
  const margins = rows.map(({ margin }) => margin!);
  const domain = [Math.min(0.8, smallest(margins)) / 1.15, Math.max(2, largest(margins)) * 1.25];
  return {
    field: 'margin',
    title: 'times threshold (log)',
    scale: { type: 'log', domain, nice: false },
    ticks: logTicks(domain[0]!, domain[1]!, 6),
    format: '~s',
    rule: 1,
  };
}

function effectMeasure(rows: SurvivalRow[]): Measure {
  const effects = rows.map(({ effect }) => effect);
  const domain = [Math.min(0, smallest(effects)), Math.max(0.2, largest(effects)) * 1.15];
  return {
    field: 'effect',
    title: ['nats if zeroed', '(symmetric log)'],
    scale: { type: 'symlog', constant: 0.1, domain, nice: false },
    ticks: [0, 0.1, 0.3, 1, 3, 10].filter((tick) => tick <= domain[1]!),
    format: '~g',
  };
}

/** One panel an experiment, one line a run and reference super weight; marks hold the three survivals. */
function panels(
  results: StudyResults,
  experiments: readonly ExperimentDeclaration[],
  rows: SurvivalRow[],
  measure: Measure,
): Spec {
  const specs = experiments.map((experiment, i) => {
    const own = rows.filter((row) => row.experiment === experiment.id);
    const apart = 0.014 * (experiment.rounds + 1); // equal values of several seeds stay visible side by side
    const marks = own.map((row) => ({
      ...row,
      at: withinRun(row) + apart * (experiment.seeds.indexOf(row.seed) - (experiment.seeds.length - 1) / 2),
      line: `${row.seed} ${row.tensor} ${row.row} ${row.col}`,
      label: markLabel(row, thresholds(results.study, experiment, 'minimumEffect')),
    }));
    const has = titled(i, experiments.length);
    const x = roundChannel(experiment.rounds, has.x);
    const y = {
      field: measure.field,
      type: 'quantitative',
      scale: measure.scale,
      axis: { values: measure.ticks, labelOverlap: false, format: measure.format, title: has.y ? measure.title : null },
    };
    return {
      title: panelTitle(results, experiment),
      layer: [
        ...(measure.rule === undefined ? [] : [horizontalRule(measure.rule, y, THRESHOLD)]),
        ...runLines(
          marks,
          { x, y },
          {
            styleOf,
            rounds: experiment.rounds,
            placeOfMark: (mark) => placeOf(mark[measure.field]!, measure.scale, PANEL_HEIGHT),
          },
        ),
      ],
    };
  });
  return {
    vconcat: [
      legend(outcomes(rows).map((row) => ({ text: outcomeText(row), styles: [styleOf(row)] }))),
      smallMultiples(specs, PANEL_HEIGHT),
    ],
    spacing: 10,
  };
}

type Outcome = Pick<SurvivalRow, 'kept' | 'disconnected' | 'functional' | 'redetection'>;

/** Colour, what became of it; fill, whether it matters; shape, where the detector finds one. */
function styleOf(outcome: Outcome): MarkStyle {
  return {
    shape: SHAPES[outcome.redetection],
    color: FATES[fateOf(outcome)],
    hollow: !outcome.functional,
    width: 1.2,
  };
}

/** The outcomes that occur, each once: the legend has one entry for each, drawn as its marks are. */
function outcomes(rows: readonly Outcome[]): Outcome[] {
  const found = groupBy(rows, outcomeText);
  return [...found].sort(([, a], [, b]) => b.length - a.length).map(([, own]) => own[0]!);
}

function outcomeText(outcome: Outcome): string {
  return `${fateOf(outcome)}, ${outcome.functional ? 'it passes the causal test' : 'it fails the causal test'}, ${FOUND[outcome.redetection]}`;
}

/** @param levels effects from which on zeroing counts */
function markLabel(row: SurvivalRow, levels: readonly number[]): string {
  const margin = row.margin === null ? '' : `, ${decimal(row.margin, 1, [1])} times the threshold`;
  return `seed ${row.seed}, round ${row.round} ${row.phase}: rank ${decimal(row.rank, 0)}, value ${decimal(row.value, 2)}${margin}, zeroing it costs ${signed(row.effect, 3, levels)} nats; ${fateOf(row)}, ${FOUND[row.redetection]}`;
}

function altText(results: StudyResults, what: string, experiments: readonly ExperimentDeclaration[]): string {
  const ends = experiments.map(({ id }) => {
    const survival = endOf(results, id)?.survival;
    if (survival === undefined || survival.n === 0)
      return `${id}: ${survival !== undefined && survival.noneEmerged > 0 ? 'none emerged' : 'not measured'}`;
    return `${id}: kept ${countText(survival.kept)}, functional ${countText(survival.functional)}, same place ${foundAgainCount(survival)}`;
  });
  return `${what} of the reference super weights by round, one panel per experiment. At the end: ${ends.join('; ')}.`;
}

function rankText(results: StudyResults, arms: readonly ExperimentDeclaration[]): string {
  const fates = distinctFates(
    results,
    arms.map(({ id }) => id),
  );
  if (fates.length === 0) return `Of no run pruned ${prunedBy(results.study, arms)} is it known what became of one.`;
  const kept = fates.filter(({ weight }) => weight.kept);
  if (kept.length === 0) return 'At the end no followed super weight was kept.';
  const own = arms.filter(({ id }) => kept.some(({ run }) => run.experiment === id));
  const levels = own.flatMap((arm) => thresholds(results.study, arm, 'minimumEffect'));
  const margins = kept.flatMap(({ weight }) => weight.margin ?? []);
  const over =
    margins.length < kept.length
      ? ''
      : ` and its absolute value ${range(margins, (margin, apart) => decimal(margin, 1, [1, ...apart]))} times the last threshold: the farther above it, the less the mask bit alone says`;
  const ranks = range(
    kept.map(({ weight }) => weight.rank),
    (rank) => decimal(rank, 0),
  );
  const effects = range(
    kept.map(({ weight }) => weight.effect),
    (effect, apart) => decimal(effect, 3, [...levels, ...apart]),
  );
  return `In the ${counted(kept.length, 'distinct run')} of arms pruned ${prunedBy(results.study, own)} that still ${kept.length === 1 ? 'keeps' : 'keep'} it at the end, its rank by absolute value is ${ranks}${over}. Zeroing it costs ${effects} nats there.`;
}
