/** Final loss and the super weight's effect against the training steps of each round. */
import { largest, smallest } from '../../base/extremes.ts';
import { listed } from '../../base/listed.ts';
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import { measuredEnd, replicatesOf, resultOf } from '../arms.ts';
import { floorScale } from '../above-floor.ts';
import type { Spec } from '../chart.ts';
import { differencesTable, survivalTestsTable } from '../page/comparison-tables.ts';
import type { StudyResults } from '../read-results.ts';
import { SOFT } from '../theme.ts';
import { laddersOf, stepComparisons, stepsPerRound, type Ladder } from '../topics/budget.ts';
import { differencesText } from '../topics/parts.ts';
import { counted, decimal, signed } from '../wording.ts';
import { defineFigure, FULL_WIDTH, pointLayers, titleLayers, type Figure, type Row } from './figure.ts';
import { legend } from './legend.ts';
import { markOf } from './mark-style.ts';
import { seriesEntries, seriesStyles } from './series.ts';

const TITLE = 'Steps per round';

export const budgetLadder = defineFigure({
  plots: ['budget'],
  shows: 'final loss and the super weight’s effect against the training steps of each round',
  draw,
  finding: (results) =>
    `${ladderText(laddersOf(results))} ${differencesText(stepComparisons(results), results.study.analysis.alpha)}`,
  tables: (results) => [
    differencesTable(results, stepComparisons(results)),
    survivalTestsTable(results, stepComparisons(results)),
  ],
});

function draw(results: StudyResults): Figure<'budget'> {
  const ladders = laddersOf(results);
  const rows = ladders.flatMap((ladder) => ladder.arms.flatMap((arm) => endRows(results, ladder, arm)));
  if (rows.length === 0)
    return { title: TITLE, caption: 'Nothing to draw: no two arms differ in their steps per round alone.', plots: [] };
  const scale = floorScale(rows);
  const isMatched = rows.every(({ increase }) => increase !== null);
  const measured = isMatched ? 'over the control of each arm' : scale.text;
  const values = rows.map((row) => ({ ...row, cost: isMatched ? row.increase! : scale.above(row) }));
  return {
    title: TITLE,
    caption: `Left: final loss; right: what zeroing the primary super weight then costs. Pruning is the same, only the steps of each round differ. Small marks: every run, the unit of replication (${counted(new Set(rows.map(({ experiment, seed }) => `${experiment} ${seed}`)).size, 'run')}); lines: means over seeds.`,
    method:
      `Validation loss at the end, in nats per token ${measured}. Steps as run, on a logarithmic axis. Series: ${listed(ladders.map(({ name, arms }) => `${name} (${arms.map(({ id }) => id).join(', ')})`))}. ${controlsText(results, ladders)}`.trim(),
    plots: [
      {
        name: 'budget',
        alt: alt(ladders, values),
        spec: chart(ladders, values, measured),
        rows: values.map((row): Row => row),
      },
    ],
  };
}

/** Which arms have no control, where that is why the loss itself is drawn. */
function controlsText(results: StudyResults, ladders: readonly Ladder[]): string {
  const missing = new Set(
    ladders.flatMap(({ arms }) => arms.flatMap(({ id }) => resultOf(results, id).noControl ?? [])),
  );
  return missing.size === 0
    ? ''
    : `What pruning cost beside training is not known of all arms: ${listed([...missing])}. `;
}

type EndRow = {
  ladder: string;
  experiment: string;
  seed: number;
  steps: number;
  loss: number;
  excess: number | null;
  /** The control that the increase is over; null without one. */
  control: string | null;
  increase: number | null;
  effect: number | null;
};

function endRows(results: StudyResults, { name }: Ladder, arm: ExperimentDeclaration): EndRow[] {
  const steps = stepsPerRound(arm);
  return replicatesOf(results, arm.id).flatMap((run) => {
    const end = measuredEnd(results, run);
    if (steps === undefined || end?.evaluation === undefined || end.evaluation === null) return [];
    const { toControl } = resultOf(results, arm.id);
    const increase = toControl?.points.find(({ seed }) => seed === run.seed)?.difference ?? null;
    return [
      {
        ladder: name,
        experiment: arm.id,
        seed: run.seed,
        steps,
        loss: end.evaluation.loss,
        excess: end.evaluation.excess,
        control: toControl?.baseline ?? null,
        increase,
        effect: end.survival.weights[0]?.effect ?? null,
      },
    ];
  });
}

function chart(ladders: readonly Ladder[], rows: readonly (EndRow & { cost: number })[], measured: string): Spec {
  const names = ladders.map(({ name }) => name);
  const styles = seriesStyles(names.map((id) => ({ id })));
  const steps = [...new Set(rows.map((row) => row.steps))].sort((a, b) => a - b);
  const x = {
    field: 'steps',
    type: 'quantitative',
    scale: { type: 'log', domain: [steps[0]! / 1.25, steps.at(-1)! * 1.25], nice: false },
    axis: {
      title: 'optimizer steps per round (log)',
      values: steps,
      format: ',d',
      grid: false,
      labelOverlap: 'greedy',
    },
  };
  const width = FULL_WIDTH / 2 - 62;
  const panel = (field: 'cost' | 'effect', title: string, y: Spec): Spec => {
    const values = rows
      .filter((row) => row[field] !== null)
      .map((row) => ({
        ...row,
        label: `${row.experiment} seed ${row.seed}, ${decimal(row.steps, 0)} steps: ${signed(row[field]!, 4)} nats`,
      }));
    const means = names.flatMap((ladder) =>
      steps.flatMap((step) => {
        const here = values.filter((row) => row.ladder === ladder && row.steps === step);
        return here.length === 0
          ? []
          : [{ ladder, steps: step, [field]: here.reduce((sum, row) => sum + row[field]!, 0) / here.length }];
      }),
    );
    return {
      width,
      height: 240,
      layer: [
        ...titleLayers({ text: title, below: [] }, 0),
        ...(values.length === 0
          ? [
              {
                data: { values: [{ text: 'no super weight in these runs' }] },
                mark: { type: 'text', color: SOFT, fontStyle: 'italic', aria: false },
                encoding: { x: { value: width / 2 }, y: { value: 120 }, text: { field: 'text' } },
              },
            ]
          : [
              ...names.map((name) => ({
                data: { values: means.filter(({ ladder }) => ladder === name) },
                mark: markOf(styles.get(name)!.line),
                encoding: { x, y },
              })),
              ...pointLayers(
                values,
                ({ ladder }) => styles.get(ladder)!.point,
                { x, y, description: { field: 'label', type: 'nominal' } },
                28,
              ),
            ]),
      ],
    };
  };
  const costs = rows.map(({ cost }) => cost);
  const margin = 0.08 * (largest(costs) - smallest(costs) || 0.01);
  const effects = rows.flatMap(({ effect }) => effect ?? []);
  const top = Math.max(0.3, largest(effects)) * 1.2;
  return {
    vconcat: [
      legend(
        seriesEntries(
          names.map((name) => ({ id: name, text: name })),
          styles,
        ),
      ),
      {
        hconcat: [
          panel('cost', `Final loss, nats ${measured}`, {
            field: 'cost',
            type: 'quantitative',
            scale: { domain: [smallest(costs) - margin, largest(costs) + margin], nice: false, zero: false },
            // Ticks get as many digits as tell them apart.
            axis: { title: 'nats per token', tickCount: 5 },
          }),
          panel('effect', 'Effect of zeroing the super weight', {
            field: 'effect',
            type: 'quantitative',
            scale: { type: 'symlog', constant: 0.1, domain: [Math.min(0, smallest(effects)), top], nice: false },
            axis: {
              title: 'nats if zeroed (symmetric log)',
              values: [0, 0.1, 0.3, 1, 3, 10].filter((tick) => tick <= top),
              format: '.3~g',
            },
          }),
        ],
        spacing: 30,
      },
    ],
    spacing: 12,
  };
}

function alt(ladders: readonly Ladder[], rows: readonly (EndRow & { cost: number })[]): string {
  const parts = ladders.flatMap(({ name, arms }) =>
    arms.flatMap(({ id }) => {
      const own = rows.filter(({ ladder, experiment }) => ladder === name && experiment === id);
      return own.length === 0
        ? []
        : [
            `${id}, ${decimal(own[0]!.steps, 0)} steps: ${decimal(own.reduce((sum, { cost }) => sum + cost, 0) / own.length, 4)} nats`,
          ];
    }),
  );
  return `Final loss and effect of the super weight by steps per round. Mean cost: ${[...new Set(parts)].join('; ')}.`;
}

function ladderText(ladders: readonly Ladder[]): string {
  return ladders
    .map(({ name, arms }) => {
      const sorted = [...arms].sort((a, b) => stepsPerRound(a)! - stepsPerRound(b)!);
      return `Compared in ${name}: ${listed(sorted.map((arm) => `${decimal(stepsPerRound(arm)!, 0)} steps (${arm.id})`))}.`;
    })
    .join(' ');
}
