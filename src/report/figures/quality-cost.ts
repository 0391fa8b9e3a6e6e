/** What sparsity costs over the positive control, with and without protecting super weights. */
import { largest, smallest } from '../../base/extremes.ts';
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import type { SweetSpot } from '../../generated/results.ts';
import { paramOf } from '../../science/study-declaration.ts';
import { declarationOf, distinct, namesOf } from '../arms.ts';
import type { Spec } from '../chart.ts';
import { increaseRows, lastRows, type IncreaseRow } from '../increase.ts';
import { sweetSpotsTable } from '../page/sweet-spots-table.ts';
import type { StudyResults } from '../read-results.ts';
import { GREY, INK, SOFT } from '../theme.ts';
import { qualityGroups, retrainingOfControls, sweetSpotText, type QualityGroup } from '../topics/quality.ts';
import { counted, exactPercent, natsText, percent } from '../wording.ts';
import { defineFigure, FULL_WIDTH, horizontalRule, pointLayers, type Figure } from './figure.ts';
import { legend } from './legend.ts';
import { markOf, type MarkStyle } from './mark-style.ts';
import { remainingAxis } from './remaining-axis.ts';
import { BASELINE, seriesEntries, seriesStyles, type SeriesStyle } from './series.ts';

const TITLE = 'What sparsity costs over the positive control';

const ZERO: MarkStyle = { shape: 'line', color: SOFT, width: 1 };
const TOLERANCE: MarkStyle = { shape: 'line', color: INK, dash: [5, 3], width: 1 };

/** Around a sweet spot, in its arm's colour. */
const ringOf = (color: string): MarkStyle => ({ shape: 'circle', color, hollow: true, width: 1.8, size: 190 });

/** Random pruning is the floor under which no criterion should fall. */
const RANDOM: SeriesStyle = {
  line: { shape: 'line', color: GREY, dash: [3, 2] },
  point: { shape: 'cross', color: GREY },
};

/** Sparsities closer than this are one. */
const STANDSTILL = 0.0005;

export const qualityCost = defineFigure({
  plots: ['cost'],
  shows: 'the increase of log-perplexity over the positive control, by sparsity, with the sweet spots',
  draw,
  finding: (results) =>
    `${sweetSpotText(results)}${retrainingOfControls(results)} ${steepestText(results, qualityGroups(results))}`.trim(),
  tables: (results) => [sweetSpotsTable(results)],
});

function draw(results: StudyResults): Figure<'cost'> {
  const groups = qualityGroups(results);
  const drawn = groups
    .map((group) => ({ ...group, ids: distinct(results, group.ids) }))
    .map((group) => ({ ...group, rows: group.ids.flatMap((id) => increaseRows(results, id)) }))
    // Where nothing was there to prune, sparsity stays 0, and an axis of it would have no length.
    .filter(({ rows }) => rows.some(({ sparsity }) => sparsity > 0));
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
    caption: `What pruning costs after retraining, over the arm's control (unpruned, started and trained exactly alike) with the same seed. Small marks: every seed's pair, the unit of replication (${counted(seeds, 'seed')}); lines: their mean. A ring is the sweet spot, the largest sparsity up to which the ${exactPercent(confidence)} upper bound of the mean stays under the tolerance of ${String(tolerance)} nats.`,
    method:
      "Log-perplexity minus that of the arm's control with the same seed, at the same round and after as many steps, in nats per token (symmetric log; each panel has its own axis). Sparsity is on a logarithmic scale of what remains, so that equal steps prune equal shares. Where an arm stays at one sparsity for several rounds, only the last of them is drawn.",
    plots: [{ name: 'cost', alt: alt(results, drawn), spec: chart(results, drawn), rows: all }],
  };
}

interface DrawnGroup extends QualityGroup {
  rows: IncreaseRow[];
}

function chart(results: StudyResults, groups: readonly DrawnGroup[]): Spec {
  const panels = groups.map((group) =>
    panel(
      results,
      group,
      increaseAxis(group.rows, results.study.analysis.tolerance),
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

/** A panel's own: one arm that lost whole nats would press all others flat. The tolerance is in each. */
function increaseAxis(rows: readonly IncreaseRow[], tolerance: number): Spec {
  const increases = rows.map(({ increase }) => increase);
  const top = Math.max(tolerance * 3, largest(increases)) * 1.25;
  const bottom = Math.min(-tolerance / 2, smallest(increases)) * 1.3;
  const ticks = [-1, -0.1, -0.03, -0.01, 0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];
  return {
    field: 'increase',
    type: 'quantitative',
    scale: { type: 'symlog', constant: tolerance, domain: [bottom, top], nice: false },
    axis: {
      title: 'nats over the control (symmetric log)',
      values: ticks.filter((tick) => tick >= bottom && tick <= top),
      format: '.3~g',
      labelOverlap: true,
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
  const { channel: x, place } = remainingAxis(rows.map(({ sparsity }) => sparsity));
  const experiments = ids
    .map((id) => declarationOf(results, id))
    .filter(({ id }) => rows.some(({ experiment }) => experiment === id));
  const styles = groupStyles(experiments);
  const points = rows.map((row) => ({
    ...row,
    remaining: place(row.sparsity),
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
        remaining: place(mean(({ sparsity }) => sparsity)),
        increase: mean(({ increase }) => increase),
      };
    });
  });
  const spots = results.sweetSpots
    .filter(({ experiment, sweetSpot }) => sweetSpot !== null && experiments.some(({ id }) => id === experiment))
    .flatMap((spot) => ring(spot, place));
  const { tolerance } = results.study.analysis;
  const hasLine = (id: string) =>
    new Set(means.filter(({ experiment }) => experiment === id).map(({ remaining }) => remaining)).size > 1;
  const entries = legend(
    [
      ...seriesEntries(
        experiments.map(({ id }) => ({ id, text: namesOf(results, id) })),
        styles,
        hasLine,
      ),
      ...(spots.length === 0
        ? []
        : [{ text: 'ring: sweet spot', styles: [ringOf(styles.get(spots[0]!.experiment)!.point.color)] }]),
    ],
    width,
  );
  return {
    vconcat: [
      { ...entries, title: { text: title } },
      {
        width,
        height,
        layer: [
          horizontalRule(0, y, ZERO),
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
          ...experiments
            .filter(({ id }) => hasLine(id))
            .map(({ id }) => ({
              data: { values: means.filter(({ experiment }) => experiment === id) },
              mark: markOf(styles.get(id)!.line),
              encoding: { x, y, order: { field: 'level', type: 'quantitative' } },
            })),
          ...pointLayers(
            points,
            ({ experiment }) => styles.get(experiment)!.point,
            { x, y, description: { field: 'label', type: 'nominal' } },
            26,
          ),
          ...spots.map((spot) => ({
            data: { values: [spot] },
            mark: markOf(ringOf(styles.get(spot.experiment)!.point.color)),
            encoding: { x, y, description: { field: 'label', type: 'nominal' } },
          })),
          horizontalRule(tolerance, y, TOLERANCE),
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

function ring({ experiment, sweetSpot, levels, tolerance }: SweetSpot, place: (sparsity: number) => number) {
  const level = levels.find((each) => each.level === sweetSpot!.level);
  if (level === undefined || level.increase === null) return [];
  return [
    {
      experiment,
      remaining: place(level.sparsity),
      increase: level.increase,
      label: `sweet spot of ${experiment}: ${percent(level.sparsity)}, upper bound ${level.upperBound === null ? 'unknown' : natsText(level.upperBound, [tolerance, level.increase])}, tolerance ${tolerance}`,
    },
  ];
}

/** A panel's baseline in ink, so that its variants stand out against it. */
function groupStyles(experiments: readonly ExperimentDeclaration[]) {
  const [first, ...others] = experiments;
  const isRandom = (experiment: ExperimentDeclaration) => paramOf(experiment, 'prune', 'criterion') === 'random';
  const styles = seriesStyles(others.filter((experiment) => !isRandom(experiment)));
  if (first !== undefined) styles.set(first.id, BASELINE);
  for (const { id } of others.filter(isRandom)) styles.set(id, RANDOM);
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
