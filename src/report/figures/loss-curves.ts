/** Training loss over the whole of each run, with its prunes. */
import { largest, smallest } from '../../base/extremes.ts';
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import { declarationOf, distinct } from '../arms.ts';
import type { Spec } from '../chart.ts';
import type { StudyResults } from '../read-results.ts';
import { BLUE, FAINT, INK } from '../theme.ts';
import { counted, decimal } from '../wording.ts';
import { defineFigure, horizontalRule, panelTitle, smallMultiples, titled, type Figure } from './figure.ts';
import { legend } from './legend.ts';
import { markOf, ruleOf, type MarkStyle } from './mark-style.ts';

const TITLE = 'Loss curves';

/** Experiments drawn at most: a page is to be read, not scrolled. */
const PANELS = 24;

/** Points drawn per run: more than a panel has pixels would only make the page heavy. The data hold all. */
const DRAWN_POINTS = 300;

/** A run whose training loss moves by less between the halves of its last round has settled, in nats. */
const SETTLED = 0.01;

const RUN: MarkStyle = { shape: 'line', color: BLUE, width: 1, opacity: 0.7 };
const PRUNE: MarkStyle = { shape: 'line', color: FAINT, width: 1 };
const FLOOR: MarkStyle = { shape: 'line', color: INK, dash: [5, 3], width: 1 };

export const lossCurves = defineFigure({
  plots: ['loss-curves'],
  shows: 'the training loss of every run, with its prunes',
  draw,
  finding: settledText,
});

function draw(results: StudyResults): Figure<'loss-curves'> {
  const rows = curveRows(results);
  if (rows.length === 0) return { title: TITLE, caption: 'Nothing to draw: no training left a loss curve.', plots: [] };
  const arms = distinct(
    results,
    results.study.experiments.map(({ id }) => id),
  ).map((id) => declarationOf(results, id));
  const all = arms.length;
  const drawn = arms.slice(0, PANELS);
  return {
    title: TITLE,
    caption:
      `${drawn.length < all ? `The first ${drawn.length} of ${all} experiments; the data hold all. ` : ''}Training loss against the run's cumulative optimizer step, one line a run, the unit of replication (n = ${counted(results.runs.filter(({ curves }) => curves.length > 0).length, 'run')}); vertical rules mark the prunes${results.floor === null ? '' : `, the dashed rule the entropy floor of ${decimal(results.floor, 4)} nats per token`}. ` +
      `Every batch is new, so this is an estimate on unseen data, noisier than the validation loss. Axes differ between panels.`,
    plots: [
      {
        name: 'loss-curves',
        alt: `Small multiples, one per experiment, of training loss by step. Final training losses: ${results.study.experiments.map(({ id }) => finalText(rows, id)).join('; ')}.`,
        spec: panels(results, drawn, rows),
        rows,
      },
    ],
  };
}

type CurveRow = ReturnType<typeof curveRows>[number];

function curveRows(results: StudyResults) {
  return results.runs.flatMap(({ experiment, seed, curves }) =>
    curves.flatMap(({ round, points, key }) =>
      points.map(({ step, loss, learningRate }) => ({ experiment, seed, round, step, loss, learningRate, key })),
    ),
  );
}

function panels(results: StudyResults, experiments: readonly ExperimentDeclaration[], rows: CurveRow[]): Spec {
  const specs = experiments.map((experiment, i) => {
    const own = results.runs
      .filter((run) => run.experiment === experiment.id)
      .flatMap(({ seed }) => thinned(rows.filter((row) => row.experiment === experiment.id && row.seed === seed)));
    const losses = own.map(({ loss }) => loss);
    const low = Math.min(smallest(losses), results.floor ?? Infinity);
    const high = Math.max(largest(losses), low);
    const margin = 0.06 * (high - low || 0.1);
    const prunes = new Set(
      results.runs
        .filter((run) => run.experiment === experiment.id)
        .flatMap(({ measurements }) =>
          measurements.filter(({ phase }) => phase === 'pruned').flatMap(({ step }) => step ?? []),
        ),
    );
    const last = Math.max(1, largest(own.map(({ step }) => step)));
    const x = {
      field: 'step',
      type: 'quantitative',
      scale: { domain: [0, last], nice: false },
      axis: {
        title: titled(i, experiments.length).x ? 'cumulative step' : null,
        tickCount: 4,
        grid: false,
        format: ',d',
      },
    };
    const y = {
      field: 'loss',
      type: 'quantitative',
      scale: { domain: [low - margin, high + margin], zero: false, nice: false },
      axis: { tickCount: 4, title: titled(i, experiments.length).y ? 'nats per token' : null },
    };
    return {
      title: panelTitle(results, experiment),
      layer: [
        {
          data: { values: [...prunes].map((step) => ({ step })) },
          mark: ruleOf(PRUNE),
          encoding: { x },
        },
        {
          data: { values: own },
          mark: markOf(RUN),
          encoding: { x, y, detail: { field: 'seed', type: 'nominal' } },
        },
        ...(results.floor === null ? [] : [horizontalRule(results.floor, y, FLOOR)]),
      ],
    };
  });
  return {
    vconcat: [
      legend([
        { text: 'a run', styles: [RUN] },
        { text: 'a prune', styles: [PRUNE] },
        ...(results.floor === null ? [] : [{ text: 'entropy floor', styles: [FLOOR] }]),
      ]),
      smallMultiples(specs, 110),
    ],
    spacing: 10,
  };
}

/** Means of neighbouring points, so that no noise is lost from sight or invented by skipping. */
function thinned(points: CurveRow[]): CurveRow[] {
  const group = Math.ceil(points.length / DRAWN_POINTS);
  return Array.from({ length: Math.ceil(points.length / Math.max(group, 1)) }, (_, i) => {
    const members = points.slice(i * group, (i + 1) * group);
    return { ...members.at(-1)!, loss: members.reduce((sum, { loss }) => sum + loss, 0) / members.length };
  });
}

function finalText(rows: CurveRow[], experiment: string): string {
  const own = rows.filter((row) => row.experiment === experiment);
  const last = own.at(-1);
  return last === undefined ? `${experiment} none` : `${experiment} ${decimal(last.loss, 3)} (seed ${last.seed})`;
}

/** A comparison of ends is worth something only where runs had settled. */
function settledText({ runs }: StudyResults): string {
  const moves = runs.flatMap(({ curves }) => {
    const points = curves.at(-1)?.points ?? [];
    if (points.length < 4) return [];
    const mean = (part: typeof points) => part.reduce((sum, { loss }) => sum + loss, 0) / part.length;
    const half = Math.floor(points.length / 2);
    return [mean(points.slice(half)) - mean(points.slice(0, half))];
  });
  if (moves.length === 0) return 'The last rounds are too short to say whether runs had settled.';
  const settled = moves.filter((move) => Math.abs(move) < SETTLED).length;
  return `In ${settled} of ${counted(moves.length, 'run')} the training loss of the last round's second half is within ${SETTLED} nats of that of its first: those had settled before their end was measured.`;
}
