/** Run-to-run variance: how far runs of one experiment are apart at its end. */
import { largest, smallest } from '../../base/extremes.ts';
import { declarationOf, distinct, measuredEnd, namesOf, replicatesOf } from '../arms.ts';
import type { Spec } from '../chart.ts';
import type { StudyResults } from '../read-results.ts';
import { startsText } from '../starting-models.ts';
import { BLUE, GRID, SOFT } from '../theme.ts';
import { spreadText } from '../topics/variance.ts';
import { sdText } from '../verdict-text.ts';
import { counted, decimal, exactPercent, experimentPhrase, natsText } from '../wording.ts';
import { differenceScale } from './difference-scale.ts';
import { defineFigure, FULL_WIDTH, logTicks, type Figure, type Row } from './figure.ts';
import { labelColumn, rowChannel, rowChart, rowsHeight, textColumns } from './row-chart.ts';

const TITLE = 'Run-to-run variance';
const LABELS = 310;
const SDS = 170;
const COLUMNS = [30, 70];

export const spread = defineFigure({
  plots: ['spread'],
  shows: 'how far runs of one experiment are apart at its end',
  draw,
  finding: spreadText,
});

function draw(results: StudyResults): Figure<'spread'> {
  const drawn = distinct(
    results,
    results.variance.map(({ experiment }) => experiment),
  );
  const arms = results.variance
    .filter(({ experiment }) => drawn.includes(experiment))
    .flatMap(({ experiment, n, mean, sd, sdInterval }) =>
      sd === null || mean === null || n < 2 ? [] : [{ experiment, n, mean, sd, sdInterval }],
    )
    .sort((a, b) => b.sd - a.sd);
  if (arms.length === 0)
    return { title: TITLE, caption: 'Nothing to draw: no experiment has two finished runs.', plots: [] };
  const seeds = arms.flatMap(({ experiment, mean }, row) =>
    replicatesOf(results, experiment).flatMap((run) => {
      const loss = measuredEnd(results, run)?.evaluation?.loss;
      return loss === undefined
        ? []
        : [
            {
              experiment,
              row,
              seed: run.seed,
              loss,
              deviation: loss - mean,
              label: `${experiment} seed ${run.seed}: ${decimal(loss, 4)} nats, ${natsText(loss - mean)} from the mean`,
            },
          ];
    }),
  );
  return {
    title: TITLE,
    caption: `Left: every run's final loss minus the mean of its experiment. Right: the standard deviation with its ${exactPercent(results.study.analysis.confidence)} interval. A run is the unit of replication (up to ${counted(largest(arms.map(({ n }) => n)), 'run')} an arm).`,
    method: `Validation loss in nats per token. The standard deviation (n − 1) has a chi-square interval, which assumes normal runs and is wide at this n. ${startsText(
      results,
      arms.map(({ experiment }) => experiment),
    )} Where runs start from different models, the spread holds that between models.`,
    plots: [
      {
        name: 'spread',
        alt: `Spread of final losses by experiment, largest first. Standard deviations: ${arms.map(({ experiment, sd, n }) => `${experiment} ${sdText(sd)} (n = ${n})`).join('; ')}.`,
        spec: chart(results, arms, seeds),
        rows: seeds.map(({ experiment, row, seed, loss, deviation }): Row => ({
          experiment,
          seed,
          loss,
          deviation,
          n: arms[row]!.n,
          mean: arms[row]!.mean,
          sd: arms[row]!.sd,
          lower: arms[row]!.sdInterval?.lower ?? null,
          upper: arms[row]!.sdInterval?.upper ?? null,
        })),
      },
    ],
  };
}

interface ArmSpread {
  experiment: string;
  n: number;
  sd: number;
  sdInterval: { lower: number; upper: number } | null;
}

function chart(
  results: StudyResults,
  arms: readonly ArmSpread[],
  seeds: readonly { row: number; deviation: number }[],
): Spec {
  const rows = arms.map(({ experiment }) => ({
    label: namesOf(results, experiment),
    note: experimentPhrase(results.study, declarationOf(results, experiment)),
  }));
  const y = rowChannel(rows);
  const { scale, ticks, isLog } = differenceScale(seeds.map(({ deviation }) => deviation));
  const x = {
    field: 'deviation',
    type: 'quantitative',
    scale,
    axis: {
      title: ['final loss minus the arm’s mean, nats', ...(isLog ? ['(symmetric log)'] : [])],
      format: '.3~g',
      values: ticks,
    },
  };
  const positive = arms
    .map((arm, row) => ({
      ...arm,
      row,
      low: arm.sdInterval?.lower ?? arm.sd,
      high: arm.sdInterval?.upper ?? arm.sd,
      label: `${arm.experiment}: SD ${sdText(arm.sd)}, n = ${arm.n}`,
    }))
    .filter(({ sd }) => sd > 0);
  const reach = positive.flatMap(({ low, high }) => [low, high]);
  const domain = reach.length === 0 ? [0.001, 1] : [smallest(reach) * 0.85, largest(reach) * 1.15];
  const sd = {
    field: 'sd',
    type: 'quantitative',
    scale: { type: 'log', domain, nice: false },
    axis: { title: 'standard deviation, nats (log)', values: logTicks(domain[0]!, domain[1]!, 5), format: '.3~g' },
  };
  const height = rowsHeight(rows);
  return rowChart([
    labelColumn(rows, LABELS, LABELS),
    {
      width: FULL_WIDTH - LABELS - SDS - 100 - 56,
      height,
      layer: [
        {
          data: { values: [{ deviation: 0, from: -0.5, to: rows.length - 0.5 }] },
          mark: { type: 'rule', color: SOFT, strokeWidth: 1, aria: false },
          encoding: { x, y: { ...y, field: 'from' }, y2: { field: 'to' } },
        },
        {
          data: { values: seeds },
          mark: { type: 'point', filled: true, size: 30, color: BLUE, opacity: 0.8 },
          encoding: { x, y, description: { field: 'label', type: 'nominal' } },
        },
      ],
    },
    {
      width: SDS,
      height,
      layer: [
        {
          data: { values: rows.map((_, row) => ({ row, from: domain[0]!, to: domain[1]! })) },
          mark: { type: 'rule', color: GRID, strokeWidth: 0.6, aria: false },
          encoding: { x: { ...sd, field: 'from' }, x2: { field: 'to' }, y },
        },
        {
          data: { values: positive },
          mark: { type: 'rule', color: BLUE, strokeWidth: 1.6, aria: false },
          encoding: { x: { ...sd, field: 'low' }, x2: { field: 'high' }, y },
        },
        {
          data: { values: positive },
          mark: { type: 'point', shape: 'square', filled: true, size: 44, color: BLUE, opacity: 1 },
          encoding: { x: sd, y, description: { field: 'label', type: 'nominal' } },
        },
      ],
    },
    textColumns(rows, [
      { head: 'n', width: COLUMNS[0]!, cells: arms.map(({ n }) => String(n)) },
      { head: 'SD', width: COLUMNS[1]!, cells: arms.map(({ sd: value }) => sdText(value)) },
    ]),
  ]);
}
