/** Every run's way through its rounds: how far its loss is above the floor, just pruned and retrained. */
import { largest, smallest } from '../../base/extremes.ts';
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import { floorScale, type FloorScale } from '../above-floor.ts';
import { declarationOf, distinct, resultOf } from '../arms.ts';
import type { Spec } from '../chart.ts';
import { distinctRuns } from '../computations.ts';
import { PANELS } from '../pruned-arms.ts';
import type { StudyResults } from '../read-results.ts';
import { BLUE, INK } from '../theme.ts';
import { counted, decimal, natsText, percent } from '../wording.ts';
import { defineFigure, horizontalRule, panelTitle, smallMultiples, titled, type Figure } from './figure.ts';
import { evaluationRows, type EvaluationRow } from './perplexity.ts';
import { legend } from './legend.ts';
import { markOf, type MarkStyle } from './mark-style.ts';
import { roundChannel, withinRun } from './run-axis.ts';

const TITLE = 'Trajectories: loss through the rounds';

const RUN: MarkStyle = { shape: 'line', color: BLUE, width: 1, opacity: 0.7 };
const RETRAINED: MarkStyle = { shape: 'circle', color: BLUE };
const PRUNED: MarkStyle = { shape: 'circle', color: BLUE, hollow: true, width: 1.2 };
const CONTROL: MarkStyle = { shape: 'line', color: INK, dash: [5, 3], width: 1 };

/**
 * On several pages, each with its experiments.
 * @param idsOf experiments in the order in which they are shown; the first of them are drawn, the sentence is of all
 */
export function trajectories(idsOf: (results: StudyResults) => string[]) {
  return defineFigure({
    plots: ['trajectories'],
    shows: 'the loss of every run through its rounds, just pruned and retrained',
    draw: (results) => draw(results, distinct(results, idsOf(results)).slice(0, PANELS)),
    finding: (results) => trajectoryText(results, idsOf(results)),
  });
}

function draw(results: StudyResults, ids: readonly string[]): Figure<'trajectories'> {
  const rows = evaluationRows(results).filter(({ experiment }) => ids.includes(experiment));
  if (rows.length === 0) return { title: TITLE, caption: 'Nothing to draw: no evaluation left a result.', plots: [] };
  const runs = new Set(rows.map(({ experiment, seed }) => `${experiment} ${seed}`)).size;
  const controls = controlMeans(results, ids);
  const floor = floorScale(rows, [...controls.values()]);
  return {
    title: TITLE,
    caption:
      `Every run through its rounds, in nats per token ${floor.text} (symmetric log where they span much), where arms that perplexity cannot tell apart separate. Hollow: just pruned, filled: retrained; dashed: the mean of the arm's control (unpruned, started and trained exactly alike) at the arm's end, where it has one. ` +
      `A run is the unit of replication (${counted(runs, 'run')}).`,
    plots: [
      {
        name: 'trajectories',
        alt: `Small multiples, one per experiment (${ids.join(', ')}): loss of each run at every round, in nats ${floor.name}, right after each prune and after retraining.`,
        spec: sawtooth(
          results,
          ids.map((each) => declarationOf(results, each)),
          rows,
          controls,
          floor,
        ),
        rows,
      },
    ],
  };
}

/** The mean loss of each experiment's control at its end, where it has one. */
function controlMeans(results: StudyResults, ids: readonly string[]): Map<string, number> {
  return new Map(
    ids.flatMap((id) => {
      const points = resultOf(results, id).toControl?.points ?? [];
      const sum = points.reduce((total, { baseline }) => total + baseline, 0);
      return points.length === 0 ? [] : [[id, sum / points.length] as const];
    }),
  );
}

/** One panel an experiment, one line a run, in nats above the floor of the same tokens. */
function sawtooth(
  results: StudyResults,
  experiments: readonly ExperimentDeclaration[],
  rows: EvaluationRow[],
  controls: ReadonlyMap<string, number>,
  floor: FloorScale,
): Spec {
  const excess = rows.map((row) => ({ ...row, excess: floor.above(row), at: withinRun(row) }));
  const controlLosses = new Map(
    [...controls].flatMap(([id, mean]) => {
      const above = floor.aboveMean(mean, results.surprisal);
      return above === null ? [] : [[id, above] as const];
    }),
  );
  const shown = [...excess.map((row) => row.excess), ...controlLosses.values()];
  const { title, scale, axis } = excessAxis(smallest(shown), largest(shown), floor.name);
  const panels = experiments.map((experiment, i) => {
    const own = excess.filter((row) => row.experiment === experiment.id);
    const x = roundChannel(experiment.rounds, titled(i, experiments.length).x);
    const y = {
      field: 'excess',
      type: 'quantitative',
      scale,
      axis: { ...axis, title: titled(i, experiments.length).y ? title : null },
    };
    const description = { field: 'label', type: 'nominal' };
    const labelled = own.map((row) => ({
      ...row,
      label: `${experiment.id} seed ${row.seed}, round ${row.round} ${row.phase}: +${decimal(row.excess, 4)} nats`,
    }));
    return {
      title: panelTitle(results, experiment),
      layer: [
        ...(controlLosses.has(experiment.id) ? [horizontalRule(controlLosses.get(experiment.id)!, y, CONTROL)] : []),
        {
          data: { values: labelled },
          mark: markOf(RUN),
          encoding: { x, y, detail: { field: 'seed', type: 'nominal' }, order: { field: 'at', type: 'quantitative' } },
        },
        {
          data: { values: labelled.filter(({ phase }) => phase !== 'pruned') },
          mark: markOf(RETRAINED, 20),
          encoding: { x, y, description },
        },
        {
          data: { values: labelled.filter(({ phase }) => phase === 'pruned') },
          mark: markOf(PRUNED, 24),
          encoding: { x, y, description },
        },
      ],
    };
  });
  return {
    vconcat: [
      legend([
        { text: 'a run, retrained (round 0: the starting model)', styles: [RUN, RETRAINED] },
        ...(rows.some(({ phase }) => phase === 'pruned') ? [{ text: 'just pruned', styles: [PRUNED] }] : []),
        ...(controlLosses.size === 0 ? [] : [{ text: 'mean of the arm’s control', styles: [CONTROL] }]),
      ]),
      smallMultiples(panels, 130),
    ],
    spacing: 10,
  };
}

/** Logarithmic where losses span more than this, as a ratio: the shape of a trajectory is lost otherwise. */
const LINEAR_UP_TO = 5;

/** From the floor upwards, symmetric-logarithmic; where all runs are close together, only as far as they reach. */
function excessAxis(low: number, high: number, name: string): { title: string[]; scale: Spec; axis: Spec } {
  if (low > 0 && high / low <= LINEAR_UP_TO) {
    const margin = 0.1 * (high - low || high);
    return {
      title: [`nats ${name}`],
      scale: { domain: [low - margin, high + margin], nice: false, zero: false },
      axis: { tickCount: 4, format: '.3~g' },
    };
  }
  const top = high * 1.1;
  return {
    title: [`nats ${name}`, '(symmetric log)'],
    scale: { type: 'symlog', constant: 0.01, domain: [Math.min(0, low), top], nice: false },
    axis: {
      values: [0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10].filter((tick) => tick <= top),
      labelOverlap: false,
      format: '~g',
    },
  };
}

/** What prunes cost at once and what training wins back. */
function trajectoryText(results: StudyResults, ids: readonly string[]): string {
  const jumps = ids.flatMap((id) =>
    results.runs
      .filter(({ experiment }) => experiment === id)
      .flatMap(({ seed, measurements }) =>
        measurements.flatMap((measured, i) => {
          const before = measurements[i - 1];
          if (measured.phase !== 'pruned' || !measured.evaluation || !before?.evaluation) return [];
          return [
            {
              id,
              seed,
              round: measured.round,
              computation: measured.computation,
              sparsity: measured.sparsity,
              jump: measured.evaluation.loss - before.evaluation.loss,
              after: measurements[i + 1]?.evaluation?.loss,
              was: before.evaluation.loss,
            },
          ];
        }),
      ),
  );
  const worst = [...jumps].sort((a, b) => b.jump - a.jump)[0];
  if (worst === undefined) return 'No prune was evaluated before and after.';
  const prunes = new Set(jumps.map(({ computation }) => computation)).size;
  const of = `${counted(prunes, 'prune')} of ${counted(distinctRuns(results, [...new Set(jumps.map(({ id }) => id))]), 'distinct run')}`;
  if (worst.jump <= 0) return `None of ${of} raised the loss.`;
  const back =
    worst.after === undefined
      ? ''
      : worst.after <= worst.was
        ? '; the training that followed made up for all of it'
        : `; the training that followed left ${percent((worst.after - worst.was) / worst.jump, 0)} of it`;
  return `The worst single prune cost ${natsText(worst.jump)} nats (${worst.id} seed ${worst.seed}, round ${worst.round}${worst.sparsity === null ? '' : `, to ${percent(worst.sparsity)}`})${back}. It is one of ${of}.`;
}
