/** Sparsity against validation perplexity, all experiments in one picture. */
import { largest, smallest } from '../../base/extremes.ts';
import { listed } from '../../base/listed.ts';
import { isControl } from '../arms.ts';
import type { Spec } from '../chart.ts';
import type { StudyResults } from '../read-results.ts';
import { FAINT, seriesStyles, SOFT } from '../theme.ts';
import { named } from '../topics/parts.ts';
import { counted, decimal, perplexityText, percent } from '../wording.ts';
import { defineFigure, FULL_WIDTH, logTicks, horizontalRule, type Figure } from './figure.ts';
import { strip } from './run-axis.ts';

const TITLE = 'Sparsity and validation perplexity';

export const perplexity = defineFigure({
  plots: ['sparsity-perplexity'],
  shows: 'validation perplexity against sparsity, of all experiments that are pruned and the controls',
  draw,
  finding: sparsestText,
});

function draw(results: StudyResults): Figure<'sparsity-perplexity'> {
  const shown = shownIn(results);
  const rows = evaluationRows(results).filter(({ experiment }) => shown.has(experiment));
  if (rows.length === 0) return { title: TITLE, caption: 'Nothing to draw: no evaluation left a result.', plots: [] };
  const seeds = largest(results.study.experiments.map((experiment) => experiment.seeds.length));
  return {
    title: TITLE,
    caption:
      `Validation perplexity (logarithmic) against the fraction of prunable weights that are zero. Lines and filled marks: mean over seeds after retraining, bars ± 1 SD; hollow marks: mean right after the prune; faint marks: every run. ` +
      `Up to ${counted(seeds, 'run')} per experiment; a run (one seed, which for pretrained arms is one independently trained model) is the unit of replication.`,
    plots: [{ name: 'sparsity-perplexity', alt: overviewAlt(results), spec: overview(results, rows), rows }],
  };
}

export type EvaluationRow = ReturnType<typeof evaluationRows>[number];

export function evaluationRows(results: StudyResults) {
  return results.runs.flatMap(({ experiment, seed, measurements }) =>
    measurements.flatMap((measured) => {
      const { evaluation, sparsity, round, phase, level, step, keys } = measured;
      if (evaluation === null) return [];
      return {
        experiment,
        seed,
        round,
        phase,
        level,
        step,
        sparsity,
        loss: evaluation.loss,
        standardError: evaluation.standardError,
        perplexity: evaluation.perplexity,
        retrievalAccuracy: evaluation.retrievalAccuracy,
        floor: results.floor,
        key: keys['evaluation'] ?? null,
      };
    }),
  );
}

/** Arms that are neither pruned nor a control have nothing to show by sparsity. */
function shownIn({ experiments, study }: StudyResults): Set<string> {
  return new Set(
    study.experiments
      .filter(
        (experiment) =>
          isControl(experiment) ||
          experiments.some(
            (each) => each.id === experiment.id && each.points.some(({ sparsity }) => (sparsity.mean ?? 0) > 0),
          ),
      )
      .map(({ id }) => id),
  );
}

/** Means with their spread; hollow marks just pruned, filled ones retrained; faint marks per run. */
function overview(results: StudyResults, rows: EvaluationRow[]): Spec {
  const shown = shownIn(results);
  const styles = seriesStyles(results.study.experiments.filter(({ id }) => shown.has(id)));
  const ids = [...styles.keys()];
  const floor = results.floor === null ? undefined : Math.exp(results.floor);
  const bars = results.experiments
    .filter(({ id }) => shown.has(id))
    .flatMap(({ points }) =>
      points.flatMap(({ phase, perplexity: { mean, sd } }) =>
        phase === 'trained' && mean !== null ? [mean + (sd ?? 0)] : [],
      ),
    );
  const values = [...rows.map(({ perplexity }) => perplexity), ...bars, ...(floor === undefined ? [] : [floor])];
  const [lowest, highest] = [smallest(values), largest(values)];
  // Room for the floor's label below its rule, whatever the range: a fixed share of a logarithmic axis.
  const domain = [lowest * Math.min(0.92, (lowest / highest) ** 0.07), highest * 1.03];
  const means = results.experiments
    .filter(({ id }) => shown.has(id))
    .flatMap(({ id, points }) =>
      points
        .filter(
          ({ phase, perplexity, sparsity }) => phase !== 'start' && perplexity.mean !== null && sparsity.mean !== null,
        )
        .map(({ phase, level, perplexity, sparsity }) => ({
          experiment: id,
          phase,
          level,
          sparsity: sparsity.mean!,
          perplexity: perplexity.mean!,
          // a deviation above the mean has no logarithm
          low: Math.max(perplexity.mean! - (perplexity.sd ?? 0), domain[0]!),
          high: perplexity.mean! + (perplexity.sd ?? 0),
          label: `${id}, ${phase === 'pruned' ? 'just pruned' : 'retrained'}: sparsity ${percent(sparsity.mean!)}, perplexity ${perplexityText(perplexity.mean!)}${perplexity.sd === null ? '' : ` ± ${perplexityText(perplexity.sd)}`} (n = ${perplexity.n})`,
        })),
    );
  const color = {
    field: 'experiment',
    type: 'nominal',
    scale: { domain: ids, range: ids.map((id) => styles.get(id)!.color) },
    legend: null,
  };
  const shape = {
    field: 'experiment',
    type: 'nominal',
    scale: { domain: ids, range: ids.map((id) => styles.get(id)!.shape) },
    legend: null,
  };
  const strokeDash = {
    field: 'experiment',
    type: 'nominal',
    scale: { domain: ids, range: ids.map((id) => styles.get(id)!.dash) },
    legend: null,
  };
  const x = {
    field: 'sparsity',
    type: 'quantitative',
    scale: { domain: [0, 1], nice: false },
    axis: {
      format: '.0%',
      title: 'sparsity: the fraction of prunable weights that are zero',
      values: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1],
      grid: false,
    },
  };
  const y = {
    field: 'perplexity',
    type: 'quantitative',
    scale: { type: 'log', domain, nice: false },
    axis: { title: 'validation perplexity', values: logTicks(domain[0]!, domain[1]!), format: '~g' },
  };
  const trained = { filter: "datum.phase === 'trained'" };
  const plot: Spec = {
    width: FULL_WIDTH - 60,
    height: 380,
    layer: [
      ...(floor === undefined
        ? []
        : [
            horizontalRule(floor, y, SOFT),
            {
              data: { values: [{ value: floor, text: `entropy floor ${perplexityText(floor)}` }] },
              mark: { type: 'text', align: 'right', baseline: 'top', dy: 4, x: 'width', color: SOFT, aria: false },
              encoding: { y: { ...y, field: 'value' }, text: { field: 'text' } },
            },
          ]),
      {
        data: { values: rows.filter(({ phase }) => phase !== 'start') },
        mark: { type: 'point', size: 12, opacity: 0.4, filled: true, aria: false },
        encoding: { x, y, color, shape },
      },
      {
        data: { values: means },
        transform: [trained],
        mark: { type: 'line', strokeWidth: 1.6, aria: false },
        encoding: { x, y, color, strokeDash, order: { field: 'level', type: 'quantitative' } },
      },
      {
        data: { values: means },
        transform: [trained],
        mark: { type: 'rule', strokeWidth: 1.2, aria: false },
        encoding: { x, y: { field: 'low', type: 'quantitative' }, y2: { field: 'high' }, color },
      },
      {
        data: { values: means },
        transform: [trained],
        mark: { type: 'point', size: 46, filled: true, opacity: 1 },
        encoding: { x, y, color, shape, description: { field: 'label', type: 'nominal' } },
      },
      {
        data: { values: means },
        transform: [{ filter: "datum.phase === 'pruned'" }],
        mark: { type: 'point', size: 46, filled: false, strokeWidth: 1.4, opacity: 1 },
        encoding: { x, y, color, shape, description: { field: 'label', type: 'nominal' } },
      },
    ],
  };
  const legend = ids.map((id) => ({ text: id, filled: true, ...styles.get(id)! }));
  const states = [
    { text: 'filled: retrained', shape: 'circle', filled: true, color: FAINT },
    { text: 'hollow: just pruned', shape: 'circle', filled: false, color: FAINT },
  ];
  return { vconcat: [strip([...legend, ...states]), plot], spacing: 12 };
}

function overviewAlt(results: StudyResults): string {
  const ends = results.experiments.map(({ id, points }) => {
    const end = points.at(-1);
    return end === undefined || end.perplexity.mean === null || end.sparsity.mean === null
      ? `${id} did not get to its end`
      : `${id} ${percent(end.sparsity.mean)}: ${perplexityText(end.perplexity.mean)}`;
  });
  return `Sparsity against validation perplexity. At the end, after retraining: ${ends.join('; ')}.`;
}

function sparsestText(results: StudyResults): string {
  const ends = results.experiments.flatMap(({ id, points }) => {
    const end = points.at(-1);
    return end === undefined || end.sparsity.mean === null || end.perplexity.mean === null || end.sparsity.mean === 0
      ? []
      : [{ id, sparsity: end.sparsity.mean, n: end.perplexity.n }];
  });
  const within =
    results.floor === null
      ? ''
      : ` The exact entropy floor of this language is ${decimal(results.floor, 4)} nats: no model can go below it on average.`;
  if (ends.length === 0) return `No pruned arm reached its end.${within}`;
  const sparsest = [...ends].sort((a, b) => b.sparsity - a.sparsity).slice(0, 3);
  return `The sparsest arms end at ${listed(sparsest.map(({ id, sparsity, n }) => `${percent(sparsity)} (${id}, n = ${n})`))}; ${counted(ends.length, 'pruned arm')} in all${
    ends.length > 3
      ? `, ${named(
          ends.map(({ id }) => id),
          5,
        )}`
      : ''
  }.${within}`;
}
