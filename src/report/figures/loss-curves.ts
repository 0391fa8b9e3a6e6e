/** Training loss over the whole of each run, with its prunes. */
import { largest, smallest } from '../../base/extremes.ts';
import { sampleMean } from '../../base/sample-mean.ts';
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import type { CurveTrend } from '../../generated/results.ts';
import { declarationOf, distinct, withoutCopies } from '../arms.ts';
import type { Spec } from '../chart.ts';
import { isOfText } from '../above-floor.ts';
import type { StudyResults } from '../read-results.ts';
import { BLUE, FAINT, INK } from '../theme.ts';
import { named } from '../topics/parts.ts';
import { counted, decimal, percent } from '../wording.ts';
import { defineFigure, horizontalRule, panelTitle, smallMultiples, titled, type Figure } from './figure.ts';
import { legend } from './legend.ts';
import { markOf, ruleOf, type MarkStyle } from './mark-style.ts';

const TITLE = 'Loss curves';

/** Experiments drawn at most: a page is to be read, not scrolled. */
const PANELS = 24;

/** Points drawn per run: more than a panel has pixels would only make the page heavy. The data hold all. */
const DRAWN_POINTS = 300;

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
  const trained = arms.filter(({ id }) => rows.some(({ experiment }) => experiment === id));
  const untrained = arms.filter((arm) => !trained.includes(arm)).map(({ id }) => id);
  const all = trained.length;
  const drawn = trained.slice(0, PANELS);
  return {
    title: TITLE,
    caption:
      `${drawn.length < all ? `The first ${drawn.length} of ${all} experiments; the data hold all. ` : ''}${untrained.length === 0 ? '' : `No training of ${named(untrained)} left a curve. `}Training loss${isExcess(rows) ? ' above what the language itself loses on the same batches (symmetric log)' : ''} against the run's cumulative optimizer step, one line a run, the unit of replication (n = ${counted(withoutCopies(results.runs).filter(({ curves }) => curves.length > 0).length, 'run')}); vertical rules mark the prunes${isExcess(rows) ? ', the dashed rule the language itself' : results.floor === null ? '' : `, the dashed rule the entropy floor of ${decimal(results.floor, 4)} nats per token`}. ` +
      `${noveltyText(results)}${isExcess(rows) ? ', without what each batch happens to hold' : ', noisier than the validation loss'}. Axes differ between panels.`,
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

/** A language makes new sequences for ever; a text has an end, and the model may have been pretrained on it. */
function noveltyText(results: StudyResults): string {
  return isOfText(results)
    ? 'Batches are new until the training part of the text has been read once (its model may have been pretrained on it): this is their loss before they are trained on'
    : 'Every batch is new, so this is an estimate on unseen data';
}

type CurveRow = ReturnType<typeof curveRows>[number];

function curveRows(results: StudyResults) {
  return results.runs.flatMap(({ experiment, seed, curves }) =>
    curves.flatMap(({ round, points, key }) =>
      points.map(({ step, loss, excess, learningRate }) => ({
        experiment,
        seed,
        round,
        step,
        loss,
        excess,
        learningRate,
        key,
      })),
    ),
  );
}

/** Whether losses can be shown above what the language itself loses on the same batches. */
function isExcess(rows: readonly CurveRow[]): boolean {
  return rows.every(({ excess }) => excess !== null);
}

/** Nats above the language: where a rule stands, and how far apart small values are drawn. */
const EXCESS_TICKS = [0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];
const EXCESS_CONSTANT = 0.01;

function panels(results: StudyResults, experiments: readonly ExperimentDeclaration[], rows: CurveRow[]): Spec {
  const ofExcess = isExcess(rows);
  const floor = ofExcess ? 0 : results.floor;
  const specs = experiments.map((experiment, i) => {
    const own = results.runs
      .filter((run) => run.experiment === experiment.id)
      .flatMap(({ seed }) => thinned(rows.filter((row) => row.experiment === experiment.id && row.seed === seed)));
    const losses = own.map(({ loss, excess }) => (ofExcess ? excess! : loss));
    const low = Math.min(smallest(losses), floor ?? Infinity);
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
      field: ofExcess ? 'excess' : 'loss',
      type: 'quantitative',
      scale: ofExcess
        ? { type: 'symlog', constant: EXCESS_CONSTANT, domain: [low, 1.1 * high], nice: false }
        : { domain: [low - margin, high + margin], zero: false, nice: false },
      axis: {
        ...(ofExcess ? { values: EXCESS_TICKS.filter((tick) => tick <= 1.1 * high), format: '~g' } : { tickCount: 4 }),
        title: titled(i, experiments.length).y
          ? ofExcess
            ? ['nats above floor', '(symmetric log)']
            : 'nats per token'
          : null,
      },
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
        ...(floor === null ? [] : [horizontalRule(floor, y, FLOOR)]),
      ],
    };
  });
  return {
    vconcat: [
      legend([
        { text: 'a run', styles: [RUN] },
        { text: 'a prune', styles: [PRUNE] },
        ...(floor === null
          ? []
          : [{ text: ofExcess ? 'the language itself, on the same batches' : 'entropy floor', styles: [FLOOR] }]),
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
    return {
      ...members.at(-1)!,
      loss: sampleMean(members.map(({ loss }) => loss)),
      excess: isExcess(members) ? sampleMean(members.map(({ excess }) => excess!)) : null,
    };
  });
}

function finalText(rows: CurveRow[], experiment: string): string {
  const own = rows.filter((row) => row.experiment === experiment);
  const last = own.at(-1);
  return last === undefined ? `${experiment} none` : `${experiment} ${decimal(last.loss, 3)} (seed ${last.seed})`;
}

/** A comparison of ends is worth something only where runs had settled. */
function settledText({ runs: all, study: { analysis } }: StudyResults): string {
  const runs = withoutCopies(all);
  const trends = runs.flatMap(({ curves }) => curves.at(-1)?.trend ?? []);
  const short = runs.filter(({ curves }) => curves.length > 0 && curves.at(-1)?.trend === null).length;
  if (trends.length === 0) return 'The last rounds are too short to say whether runs had settled.';
  const count = (state: CurveTrend['state']) => trends.filter((trend) => trend.state === state).length;
  const byLoss = trends.filter(({ basis }) => basis === 'loss').length;
  const what =
    byLoss === 0
      ? 'the training loss above the language on the same batches'
      : byLoss === trends.length
        ? 'the training loss itself, with the noise of what each batch holds, as this text has no known probabilities,'
        : 'the training loss, above the language on the same batches where that is known,';
  return `In ${count('settled')} of ${counted(trends.length, 'run')} ${what} had settled before its end was measured: from the first half of the last round to the second it changed by less than ${analysis.tolerance} nats, with its whole ${percent(analysis.confidence, 0)} interval. In ${count('moving')} it still moved (the interval leaves 0 out and reaches further); in ${count('open')} its noise leaves both open.${short === 0 ? '' : ` The last round of ${counted(short, 'other run')} is too short to say.`}`;
}
