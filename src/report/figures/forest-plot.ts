/**
 * A forest plot of paired differences: one row a comparison of two arms, with every seed's point, the mean, its t
 * interval and what its test can say. The verdict is in the mark and in words, never in colour alone.
 */
import { largest } from '../../base/extremes.ts';
import { listed } from '../../base/listed.ts';
import type { StudyDeclaration } from '../../generated/aggregate.ts';
import type { ComparisonResult, TestedDifference, Verdict } from '../../generated/results.ts';
import type { Spec } from '../chart.ts';
import { advantages, besidesText } from '../besides.ts';
import { differencesTable } from '../page/comparison-tables.ts';
import type { Html } from '../page/html.ts';
import type { StudyResults } from '../read-results.ts';
import { BLUE, GRID, SOFT } from '../theme.ts';
import { differencesText } from '../topics/parts.ts';
import { levelText, pText, sdText, verdictText } from '../verdict-text.ts';
import { counted, differenceText, exactPercent, natsText } from '../wording.ts';
import { differenceScale } from './difference-scale.ts';
import { defineFigure, FULL_WIDTH, type Figure, type Row } from './figure.ts';
import { labelColumn, rowChannel, rowChart, rowsHeight, textColumns, type ChartRow } from './row-chart.ts';
import { legend } from './legend.ts';
import { markOf, ruleOf, type MarkStyle } from './mark-style.ts';

const LABELS = 160;
const COLUMNS = [182, 54, 26, 84, 96];
const PLOT = FULL_WIDTH - LABELS - COLUMNS.reduce((sum, width) => sum + width, 0) - 48;

const SEED: MarkStyle = { shape: 'circle', color: SOFT, opacity: 0.75 };

/** How the mean of a difference is drawn, by what its test can say. */
const VERDICTS: readonly { verdicts: readonly Verdict[]; text: string; style: MarkStyle }[] = [
  { verdicts: ['significant'], text: 'significant', style: { shape: 'square', color: BLUE } },
  { verdicts: ['not-significant'], text: 'not significant', style: { shape: 'square', color: BLUE, hollow: true } },
  {
    verdicts: ['cannot-be-significant'],
    text: 'cannot be significant at this n',
    style: { shape: 'square', color: SOFT, hollow: true },
  },
  { verdicts: ['never-acted'], text: 'never acted', style: { shape: 'cross', color: SOFT } },
  { verdicts: ['not-declared'], text: 'not tested', style: { shape: 'diamond', color: SOFT, hollow: true } },
];

/** Seeds' points stand this far below their row's centre, the mean above it, in rows. */
const SEEDS_AT = 0.24;
const MEAN_AT = -0.1;

/** On several pages, each with its comparisons. */
export function differences<const Name extends string>(options: {
  /** The end of its files' names. */
  plot: Name;
  title: (results: StudyResults) => string;
  comparisons: (results: StudyResults) => ComparisonResult[];
  /** The sentence below; that of all comparisons unless it says otherwise. */
  finding?: (results: StudyResults) => string;
  tables?: (results: StudyResults) => (Html | '')[];
}) {
  const { plot, title, comparisons } = options;
  return defineFigure({
    plots: [plot],
    shows: 'paired differences of the declared comparisons in final loss, with their verdicts',
    draw: (results) => draw(results, plot, title(results), comparisons(results)),
    finding: options.finding ?? ((results) => differencesText(comparisons(results), results.study.analysis.alpha)),
    tables: options.tables ?? ((results) => [differencesTable(results, comparisons(results))]),
  });
}

/** Comparisons without a difference in loss are left out; a figure without plots where none is left. */
function draw<Name extends string>(
  results: StudyResults,
  name: Name,
  title: string,
  comparisons: readonly ComparisonResult[],
): Figure<Name> {
  const shown = comparisons.filter(({ differences }) => differences.length > 0);
  const differences = shown.flatMap((comparison) => comparison.differences);
  if (differences.every(({ mean }) => mean === null))
    return { title, caption: 'Nothing to draw: of no comparison is a pair of runs known.', plots: [] };
  const { confidence, alpha } = results.study.analysis;
  const most = largest(differences.map(({ n }) => n));
  return {
    title,
    caption: `Final loss of an arm minus that of the comparison's first arm, right of zero where the arm is worse. Small dots: every seed's pair, the unit of replication (up to ${counted(most, 'pair')}); large mark: their mean with its ${exactPercent(confidence)} t interval. The verdict is in the mark and in words.${unequalText(results.study, shown)}`,
    method: `Differences of log-perplexities, in nats per token. ± sample: the standard error of the mean over held-out sequences, which all runs share and the interval leaves out. p: exact sign-flip test, adjusted by Holm over the comparison's declared family; in brackets the smallest p that this n could have given at all. Where that is above ${levelText(alpha)}, no outcome could have been called significant.`,
    plots: [{ name, alt: forestAlt(differences), spec: forest(results.study, shown), rows: forestRows(shown) }],
  };
}

/** What the mark † means, where there is one. */
function unequalText(study: StudyDeclaration, comparisons: readonly ComparisonResult[]): string {
  const texts = comparisons.flatMap(({ varies, differences }) =>
    differences.flatMap((difference) => {
      if (advantages(difference, varies, study).length === 0) return [];
      return `${difference.arm} − ${difference.baseline}: besides ${listed(varies)}: ${besidesText(difference)}`;
    }),
  );
  return texts.length === 0
    ? ''
    : ` †: the arms differ in more than was varied, so that the difference is not of that alone (${[...new Set(texts)].join('. ')}).`;
}

function forest(study: StudyDeclaration, comparisons: readonly ComparisonResult[]): Spec {
  const { alpha } = study.analysis;
  const rows: ChartRow[] = [];
  const found: (TestedDifference | undefined)[] = [];
  for (const { name, question, arms, varies, differences } of comparisons) {
    rows.push({ heading: true, label: name, note: `against ${arms[0] ?? ''} · ${question}` });
    found.push(undefined);
    for (const difference of differences) {
      const unequal = advantages(difference, varies, study);
      rows.push({ label: difference.arm, ...(unequal.length > 0 && { note: `† ${unequal.join(', ')}` }) });
      found.push(difference);
    }
  }
  const y = rowChannel(rows);
  const known = found.flatMap((difference, row) =>
    difference === undefined || difference.mean === null ? [] : [{ ...difference, mean: difference.mean, row }],
  );
  const reach = known.flatMap(({ points, mean, interval }) => [
    mean,
    ...points.map(({ difference }) => difference),
    ...(interval === null ? [] : [interval.lower, interval.upper]),
  ]);
  const { scale, ticks, isLog } = differenceScale(reach);
  const x = {
    field: 'value',
    type: 'quantitative',
    scale,
    axis: {
      title: [
        'difference in final loss, nats per token',
        `← arm better · arm worse →${isLog ? ' (symmetric log)' : ''}`,
      ],
      format: '.3~g',
      grid: false,
      values: ticks,
    },
  };
  const means = known.map(({ arm, baseline, mean, interval, n, verdict, row }) => ({
    row: row + MEAN_AT,
    value: mean,
    low: interval?.lower ?? mean,
    high: interval?.upper ?? mean,
    verdict,
    label: `${arm} minus ${baseline}: ${natsText(mean)} nats, n = ${n}; ${verdictText(verdict)}`,
  }));
  const plot: Spec = {
    width: PLOT,
    height: rowsHeight(rows),
    layer: [
      {
        // Drawn row by row, so that headings are not crossed out.
        data: {
          values: found.flatMap((difference, row) =>
            difference === undefined ? [] : ticks.map((value) => ({ value, from: row - 0.5, to: row + 0.5 })),
          ),
        },
        mark: { type: 'rule', strokeWidth: 1, aria: false },
        encoding: {
          x,
          y: { ...y, field: 'from' },
          y2: { field: 'to' },
          color: { condition: { test: 'datum.value === 0', value: SOFT }, value: GRID },
        },
      },
      {
        data: {
          values: known.flatMap(({ row, points }) =>
            points.map(({ difference, seed }) => ({
              row: row + SEEDS_AT,
              value: difference,
              label: `seed ${seed}: ${natsText(difference)} nats`,
            })),
          ),
        },
        mark: markOf(SEED, 13),
        encoding: { x, y, description: { field: 'label', type: 'nominal' } },
      },
      ...VERDICTS.flatMap(({ verdicts, style }) => {
        const own = means.filter(({ verdict }) => verdicts.includes(verdict));
        return own.length === 0
          ? []
          : [
              {
                data: { values: own },
                mark: ruleOf({ shape: 'line', color: style.color }),
                encoding: { x: { ...x, field: 'low' }, x2: { field: 'high' }, y },
              },
              {
                data: { values: own },
                mark: markOf(style, 52),
                encoding: { x, y, description: { field: 'label', type: 'nominal' } },
              },
            ];
      }),
    ],
  };
  const cells = (text: (difference: TestedDifference) => string) =>
    found.map((difference) => (difference === undefined ? '' : text(difference)));
  const soft = found.map((difference) => difference !== undefined && difference.verdict !== 'significant');
  const columns = textColumns(rows, [
    { head: 'mean [interval]', width: COLUMNS[0]!, cells: cells(differenceText) },
    {
      head: '± sample',
      width: COLUMNS[1]!,
      align: 'right',
      cells: cells(({ samplingError, verdict }) =>
        samplingError === null || verdict === 'never-acted' ? '–' : sdText(samplingError),
      ),
    },
    { head: 'n', width: COLUMNS[2]!, align: 'right', cells: cells(({ n }) => String(n)) },
    {
      head: 'p (smallest)',
      width: COLUMNS[3]!,
      cells: cells(({ holm }) =>
        holm === null ? '–' : `${pText(holm.adjustedP, alpha)} (${pText(holm.smallestAdjustedP, alpha)})`,
      ),
    },
    { head: 'verdict', width: COLUMNS[4]!, cells: cells(({ verdict }) => verdictText(verdict)), soft },
  ]);
  return {
    vconcat: [
      legend([
        ...VERDICTS.filter(({ verdicts }) => means.some(({ verdict }) => verdicts.includes(verdict))).map(
          ({ text, style }) => ({ text, styles: [style] }),
        ),
        { text: 'one seed’s pair', styles: [SEED] },
      ]),
      rowChart([labelColumn(rows, LABELS, FULL_WIDTH - 20), plot, columns]),
    ],
    spacing: 12,
  };
}

function forestRows(comparisons: readonly ComparisonResult[]): Row[] {
  return comparisons.flatMap(({ name, topic, family, varies, differences }) =>
    differences.flatMap((difference): Row[] => {
      const { arm, baseline, points, n, mean, sd, interval, samplingError, verdict } = difference;
      const { hedgesG, tTest, signFlip, wilcoxon, holm, power } = difference;
      const shared: Row = {
        comparison: name,
        topic,
        family,
        varies: varies.join(' '),
        arm,
        baseline,
        n,
        mean,
        sd,
        lower: interval?.lower ?? null,
        upper: interval?.upper ?? null,
        samplingError,
        hedgesG: hedgesG?.value ?? null,
        tTestP: tTest?.p ?? null,
        signFlipP: signFlip?.p ?? null,
        smallestP: signFlip?.smallestP ?? null,
        wilcoxonP: wilcoxon?.p ?? null,
        members: holm?.members ?? null,
        adjustedP: holm?.adjustedP ?? null,
        smallestAdjustedP: holm?.smallestAdjustedP ?? null,
        seedsNeeded: power?.seedsNeeded ?? null,
        verdict,
        besides: besidesText(difference),
      };
      if (points.length === 0) return [{ ...shared, seed: null, armLoss: null, baselineLoss: null, difference: null }];
      return points.map((point) => ({
        ...shared,
        seed: point.seed,
        armLoss: point.arm,
        baselineLoss: point.baseline,
        difference: point.difference,
      }));
    }),
  );
}

function forestAlt(differences: readonly TestedDifference[]): string {
  const rows = differences.map(({ arm, baseline, mean, n, verdict }) =>
    mean === null
      ? `${arm} minus ${baseline}: no data`
      : `${arm} minus ${baseline}: ${natsText(mean)} (n = ${n}, ${verdictText(verdict)})`,
  );
  return `Forest plot of paired differences in final loss, in nats per token. ${rows.join('; ')}.`;
}
