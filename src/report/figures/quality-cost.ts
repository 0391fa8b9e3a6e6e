/** What sparsity costs over the positive control, with and without protecting super weights. */
import { largest, smallest } from '../../base/extremes.ts';
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import type { SweetSpot } from '../../generated/results.ts';
import { paramOf } from '../../science/study-declaration.ts';
import { declarationOf } from '../arms.ts';
import type { Spec } from '../chart.ts';
import { increaseRows, lastRows, type IncreaseRow } from '../increase.ts';
import { sweetSpotsTable } from '../page/sweet-spots-table.ts';
import type { StudyResults } from '../read-results.ts';
import { FAINT, INK, seriesStyles, SOFT } from '../theme.ts';
import { qualityGroups, sweetSpotText, type QualityGroup } from '../topics/quality.ts';
import { natsText } from '../verdict-text.ts';
import { counted, decimal, percent } from '../wording.ts';
import { defineFigure, FULL_WIDTH, horizontalRule, type Figure } from './figure.ts';
import { strip } from './run-axis.ts';

const TITLE = 'What sparsity costs over the positive control';

/** Sparsities closer than this are one. */
const STANDSTILL = 0.0005;

export const qualityCost = defineFigure({
  plots: ['cost'],
  shows: 'the increase of log-perplexity over the positive control, by sparsity, with the sweet spots',
  draw,
  finding: (results) => `${sweetSpotText(results)} ${steepestText(results, qualityGroups(results))}`.trim(),
  tables: (results) => [sweetSpotsTable(results)],
});

function draw(results: StudyResults): Figure<'cost'> {
  const groups = qualityGroups(results);
  const drawn = groups
    .map((group) => ({ ...group, rows: group.ids.flatMap((id) => increaseRows(results, id)) }))
    .filter(({ rows }) => rows.length > 0);
  if (drawn.length === 0)
    return {
      title: TITLE,
      caption:
        'Nothing to draw: there is no pruned run whose control, which starts and trains exactly alike, is known.',
      plots: [],
    };
  const { tolerance, confidence } = results.study.analysis;
  const all = drawn.flatMap(({ rows }) => rows);
  const seeds = new Set(all.map(({ seed }) => seed)).size;
  return {
    title: TITLE,
    caption: `What pruning costs after retraining, over the arm's control (unpruned, started and trained exactly alike) with the same seed. Small marks: every seed's pair, the unit of replication (${counted(seeds, 'seed')}); lines: their mean. A ring is the sweet spot, the largest sparsity up to which the ${percent(confidence, 0)} upper bound of the mean stays under the tolerance of ${decimal(tolerance, 3)} nats.`,
    method:
      "Log-perplexity minus that of the arm's control with the same seed, at the same round and after as many steps, in nats per token (symmetric log). Sparsity is on a logarithmic scale of what remains, so that equal steps prune equal shares. Where an arm stays at one sparsity for several rounds, only the last of them is drawn.",
    plots: [{ name: 'cost', alt: alt(results, drawn), spec: chart(results, drawn), rows: all }],
  };
}

interface DrawnGroup extends QualityGroup {
  rows: IncreaseRow[];
}

function chart(results: StudyResults, groups: readonly DrawnGroup[]): Spec {
  const rows = groups.flatMap((group) => group.rows);
  const { tolerance } = results.study.analysis;
  const top = Math.max(tolerance * 3, largest(rows.map(({ increase }) => increase))) * 1.25;
  const bottom = Math.min(-tolerance / 2, smallest(rows.map(({ increase }) => increase))) * 1.3;
  const y = {
    field: 'increase',
    type: 'quantitative',
    scale: { type: 'symlog', constant: tolerance, domain: [bottom, top], nice: false },
    axis: {
      title: 'nats over the control',
      values: [-1, -0.1, -0.03, -0.01, 0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10].filter(
        (tick) => tick >= bottom && tick <= top,
      ),
      format: '.3~g',
      labelOverlap: true,
    },
  };
  const panels = groups.map((group) =>
    panel(
      results,
      group,
      y,
      groups.length === 1 ? FULL_WIDTH - 70 : FULL_WIDTH / 2 - 64,
      groups.length === 1 ? 340 : 230,
    ),
  );
  return {
    concat: panels,
    columns: 2,
    spacing: { row: 34, column: 26 },
    resolve: { scale: { color: 'independent', shape: 'independent', strokeDash: 'independent', x: 'independent' } },
  };
}

/** What remains, on a logarithmic axis that is labelled by sparsity. */
function remainingChannel(rows: readonly IncreaseRow[]): Spec {
  const least = 1 - Math.max(0.3, largest(rows.map(({ sparsity }) => sparsity)));
  const steps = least > 0.45 ? [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6] : [0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99];
  return {
    field: 'remaining',
    type: 'quantitative',
    scale: { type: 'log', domain: [1.04, least * 0.93], nice: false },
    axis: {
      title: 'sparsity (scale: logarithm of what remains)',
      values: steps
        .map((sparsity) => Number((1 - sparsity).toFixed(4)))
        .filter((remaining) => remaining >= least * 0.93),
      labelExpr: "format(1 - datum.value, '.0%')",
      grid: false,
      labelOverlap: false,
    },
  };
}

function panel(
  results: StudyResults,
  { title, ids, rows: all }: DrawnGroup,
  y: Spec,
  width: number,
  height: number,
): Spec {
  const rows = withoutStandstill(all);
  const x = remainingChannel(rows);
  const experiments = ids
    .map((id) => declarationOf(results, id))
    .filter(({ id }) => rows.some(({ experiment }) => experiment === id));
  const styles = groupStyles(experiments);
  const points = rows.map((row) => ({
    ...row,
    remaining: 1 - row.sparsity,
    label: `${row.experiment} seed ${row.seed} at ${percent(row.sparsity)}: ${natsText(row.increase)} nats over ${row.control}`,
  }));
  const means = experiments.flatMap(({ id }) => {
    const own = rows.filter(({ experiment }) => experiment === id);
    return [...new Set(own.map(({ level }) => level))].map((level) => {
      const here = own.filter((row) => row.level === level);
      const mean = (of: (row: IncreaseRow) => number) => here.reduce((sum, row) => sum + of(row), 0) / here.length;
      return {
        experiment: id,
        level,
        remaining: 1 - mean(({ sparsity }) => sparsity),
        increase: mean(({ increase }) => increase),
      };
    });
  });
  const spots = results.sweetSpots
    .filter(({ experiment, sweetSpot }) => sweetSpot !== null && experiments.some(({ id }) => id === experiment))
    .flatMap((spot) => ring(spot));
  const domain = experiments.map(({ id }) => id);
  const style = (of: 'color' | 'shape' | 'dash') => ({
    field: 'experiment',
    type: 'nominal',
    scale: { domain, range: domain.map((id) => styles.get(id)![of]) },
    legend: null,
  });
  const { tolerance } = results.study.analysis;
  const legend = strip(
    domain.map((id) => ({ text: id, filled: true, shape: styles.get(id)!.shape, color: styles.get(id)!.color })),
    width,
  );
  return {
    vconcat: [
      { ...legend, title: { text: title } },
      {
        width,
        height,
        layer: [
          horizontalRule(0, y, SOFT, [1, 0]),
          horizontalRule(tolerance, y, INK),
          {
            data: { values: [{ value: tolerance, text: 'tolerance' }] },
            mark: {
              type: 'text',
              align: 'right',
              baseline: 'bottom',
              dx: -4,
              dy: -3,
              x: 'width',
              color: INK,
              fontSize: 10.5,
              aria: false,
            },
            encoding: { y: { ...y, field: 'value' }, text: { field: 'text' } },
          },
          {
            data: { values: means },
            mark: { type: 'line', strokeWidth: 1.6, aria: false },
            encoding: {
              x,
              y,
              color: style('color'),
              strokeDash: style('dash'),
              order: { field: 'level', type: 'quantitative' },
            },
          },
          {
            data: { values: points },
            mark: { type: 'point', filled: true, size: 22, opacity: 0.85 },
            encoding: {
              x,
              y,
              color: style('color'),
              shape: style('shape'),
              description: { field: 'label', type: 'nominal' },
            },
          },
          {
            data: { values: spots },
            mark: { type: 'point', filled: false, shape: 'circle', size: 190, strokeWidth: 1.8, opacity: 1 },
            encoding: { x, y, color: style('color'), description: { field: 'label', type: 'nominal' } },
          },
        ],
      },
    ],
    spacing: 6,
  };
}

/** Where a run stays at one sparsity for several rounds, the last of them: the others would pile up. */
function withoutStandstill(rows: readonly IncreaseRow[]): IncreaseRow[] {
  return rows.filter(
    (row, i) =>
      !rows
        .slice(i + 1)
        .some(
          (later) =>
            later.experiment === row.experiment &&
            later.seed === row.seed &&
            Math.abs(later.sparsity - row.sparsity) < STANDSTILL,
        ),
  );
}

function ring({ experiment, sweetSpot, levels, tolerance }: SweetSpot) {
  const level = levels.find((each) => each.level === sweetSpot!.level);
  if (level === undefined || level.increase === null) return [];
  return [
    {
      experiment,
      remaining: 1 - level.sparsity,
      increase: level.increase,
      label: `sweet spot of ${experiment}: ${percent(level.sparsity)}, upper bound ${level.upperBound === null ? 'unknown' : natsText(level.upperBound)}, tolerance ${tolerance}`,
    },
  ];
}

/** A panel's baseline in ink, so that its variants stand out against it. */
function groupStyles(experiments: readonly ExperimentDeclaration[]) {
  const [first, ...others] = experiments;
  const styles = seriesStyles(others.map(({ id, role }) => ({ id, ...(role === undefined ? {} : { role }) })));
  if (first !== undefined) styles.set(first.id, { color: INK, shape: 'circle', dash: [1, 0] });
  // Random pruning is the floor under which no criterion should fall.
  for (const experiment of others)
    if (paramOf(experiment, 'prune', 'criterion') === 'random')
      styles.set(experiment.id, { color: FAINT, shape: 'cross', dash: [3, 2] });
  return styles;
}

function alt(results: StudyResults, groups: readonly DrawnGroup[]): string {
  const parts = groups.flatMap(({ rows, ids }) =>
    ids.flatMap((id) => {
      const end = lastRows(
        results,
        rows.filter(({ experiment }) => experiment === id),
      );
      if (end.length === 0) return [];
      const mean = end.reduce((sum, { increase }) => sum + increase, 0) / end.length;
      return `${id} at ${percent(end[0]!.sparsity)}: ${natsText(mean)}`;
    }),
  );
  return `Increase of log-perplexity over the positive control by sparsity. At the end: ${[...new Set(parts)].join('; ')}.`;
}

/** The largest cost that was seen. */
function steepestText(results: StudyResults, groups: readonly QualityGroup[]): string {
  const ends = groups.flatMap(({ ids }) =>
    ids.flatMap((id) => {
      const last = lastRows(results, increaseRows(results, id));
      return last.length === 0
        ? []
        : [
            {
              id,
              n: last.length,
              sparsity: last[0]!.sparsity,
              mean: last.reduce((sum, { increase }) => sum + increase, 0) / last.length,
            },
          ];
    }),
  );
  const worst = [...ends].sort((a, b) => b.mean - a.mean)[0];
  return worst === undefined
    ? ''
    : `At the end the highest cost is ${natsText(worst.mean)} nats, in ${worst.id} at ${percent(worst.sparsity)} sparsity (n = ${counted(worst.n, 'pair')}).`;
}
