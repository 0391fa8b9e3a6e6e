/** Every run's way through its rounds: how far its loss is above the floor, just pruned and retrained. */
import { largest, smallest } from '../../base/extremes.ts';
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import { declarationOf, resultOf } from '../arms.ts';
import type { Spec } from '../chart.ts';
import { PANELS } from '../pruned-arms.ts';
import type { StudyResults } from '../read-results.ts';
import { FAINT, INK, seriesStyles } from '../theme.ts';
import { natsText } from '../verdict-text.ts';
import { counted, decimal, percent } from '../wording.ts';
import { defineFigure, horizontalRule, panelTitle, smallMultiples, titled, type Figure } from './figure.ts';
import { evaluationRows, type EvaluationRow } from './perplexity.ts';
import { roundChannel, strip, withinRun } from './run-axis.ts';

const TITLE = 'Trajectories: loss through the rounds';

/**
 * On several pages, each with its experiments.
 * @param idsOf experiments in the order in which they are shown; the first of them are drawn, the sentence is of all
 */
export function trajectories(idsOf: (results: StudyResults) => string[]) {
  return defineFigure({
    plots: ['trajectories'],
    shows: 'the loss of every run through its rounds, just pruned and retrained',
    draw: (results) => draw(results, idsOf(results).slice(0, PANELS)),
    finding: (results) => trajectoryText(results, idsOf(results)),
  });
}

function draw(results: StudyResults, ids: readonly string[]): Figure<'trajectories'> {
  const rows = evaluationRows(results).filter(({ experiment }) => ids.includes(experiment));
  if (rows.length === 0) return { title: TITLE, caption: 'Nothing to draw: no evaluation left a result.', plots: [] };
  const runs = new Set(rows.map(({ experiment, seed }) => `${experiment} ${seed}`)).size;
  return {
    title: TITLE,
    caption:
      `Every run through its rounds, in nats per token above ${results.floor === null ? 'the lowest loss shown' : `the entropy floor of ${decimal(results.floor, 4)}`} (symmetric log), where arms that perplexity cannot tell apart separate. Hollow: just pruned, filled: retrained; grey rule: the mean of the arm's control (unpruned, started and trained exactly alike) at the arm's end, where it has one. ` +
      `A run is the unit of replication (${counted(runs, 'run')}).`,
    plots: [
      {
        name: 'trajectories',
        alt: `Small multiples, one per experiment (${ids.join(', ')}): loss above the entropy floor of each run at every round, right after each prune and after retraining.`,
        spec: sawtooth(
          results,
          ids.map((each) => declarationOf(results, each)),
          rows,
        ),
        rows,
      },
    ],
  };
}

/** One panel an experiment, one line a run, in nats above the floor. */
function sawtooth(results: StudyResults, experiments: readonly ExperimentDeclaration[], rows: EvaluationRow[]): Spec {
  const base = results.floor ?? smallest(rows.map(({ loss }) => loss));
  const excess = rows.map((row) => ({ ...row, excess: row.loss - base, at: withinRun(row) }));
  const top = largest(excess.map((row) => row.excess)) * 1.1;
  const bottom = Math.min(0, smallest(excess.map((row) => row.excess)));
  const styles = seriesStyles(results.study.experiments);
  const controlLosses = new Map(
    experiments.flatMap(({ id }) => {
      const points = resultOf(results, id).toControl?.points ?? [];
      const mean = points.reduce((sum, { baseline }) => sum + baseline, 0) / points.length;
      return points.length === 0 ? [] : [[id, mean] as const];
    }),
  );
  const ticks = [0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10].filter((tick) => tick <= top);
  const panels = experiments.map((experiment, i) => {
    const own = excess.filter((row) => row.experiment === experiment.id);
    const color = styles.get(experiment.id)!.color;
    const x = roundChannel(experiment.rounds, titled(i, experiments.length).x);
    const y = {
      field: 'excess',
      type: 'quantitative',
      scale: { type: 'symlog', constant: 0.01, domain: [bottom, top], nice: false },
      axis: {
        values: ticks,
        labelOverlap: false,
        format: '~g',
        title: titled(i, experiments.length).y ? 'nats above floor' : null,
      },
    };
    const description = { field: 'label', type: 'nominal' };
    const labelled = own.map((row) => ({
      ...row,
      label: `${experiment.id} seed ${row.seed}, round ${row.round} ${row.phase}: +${decimal(row.excess, 4)} nats`,
    }));
    return {
      title: panelTitle(results.study, experiment),
      layer: [
        ...(controlLosses.has(experiment.id)
          ? [horizontalRule(controlLosses.get(experiment.id)! - base, y, FAINT, [1, 0])]
          : []),
        {
          data: { values: labelled },
          mark: { type: 'line', strokeWidth: 1, opacity: 0.7, color, aria: false },
          encoding: { x, y, detail: { field: 'seed', type: 'nominal' }, order: { field: 'at', type: 'quantitative' } },
        },
        {
          data: { values: labelled.filter(({ phase }) => phase !== 'pruned') },
          mark: { type: 'point', filled: true, size: 20, color, opacity: 1 },
          encoding: { x, y, description },
        },
        {
          data: { values: labelled.filter(({ phase }) => phase === 'pruned') },
          mark: { type: 'point', filled: false, size: 24, color, strokeWidth: 1.2, opacity: 1 },
          encoding: { x, y, description },
        },
      ],
    };
  });
  return {
    vconcat: [
      strip([
        { text: 'retrained (round 0: the starting model)', shape: 'circle', filled: true, color: INK },
        { text: 'just pruned', shape: 'circle', filled: false, color: INK },
        ...(controlLosses.size === 0
          ? []
          : [{ text: 'mean of the arm’s control', shape: 'stroke', filled: false, color: FAINT }]),
      ]),
      smallMultiples(panels, 130),
    ],
    spacing: 10,
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
  const back =
    worst.after === undefined
      ? ''
      : `; the training that followed left ${percent(Math.max(0, (worst.after - worst.was) / worst.jump), 0)} of it`;
  return `The worst single prune cost ${natsText(worst.jump)} nats (${worst.id} seed ${worst.seed}, round ${worst.round}${worst.sparsity === null ? '' : `, to ${percent(worst.sparsity)}`})${back}. It is one of ${counted(jumps.length, 'prune')} of ${counted(new Set(jumps.map(({ id, seed }) => `${id} ${seed}`)).size, 'run')}.`;
}
