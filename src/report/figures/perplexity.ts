/** Figure 2: sparsity against validation perplexity; and every run's way there, just pruned and retrained. */
import type { Spec } from '../chart.ts';
import type { StudyResults } from '../read-results.ts';
import { FAINT, INK, seriesStyles, SOFT } from '../theme.ts';
import { counted, decimal, experimentPhrase, perplexityText, percent, scalingText } from '../wording.ts';
import { FULL_WIDTH, logTicks, horizontalRule, smallMultiples, titled, type Figure } from './figure.ts';
import { roundChannel, strip, withinRun } from './run-axis.ts';

const TITLE = 'Sparsity and validation perplexity';

export function perplexityFigure(results: StudyResults): Figure {
  const rows = evaluationRows(results);
  if (rows.length === 0) return { title: TITLE, caption: 'Nothing to draw: no evaluation left a result.', plots: [] };
  const seeds = Math.max(...results.study.experiments.map((experiment) => experiment.seeds.length));
  return {
    title: TITLE,
    caption:
      `Validation perplexity (logarithmic) against the fraction of prunable weights that are zero. Lines and filled marks: mean over seeds after retraining, bars ± 1 SD; hollow marks: mean right after the prune; faint marks: every run. ` +
      `Below: every run through its rounds, in nats per token above ${results.floor === null ? 'the lowest loss of the study' : `the entropy floor of ${decimal(results.floor, 4)}`} (symmetric log), where arms that perplexity cannot tell apart separate; hollow: just pruned, filled: retrained; grey rule: the mean of the unpruned control. ` +
      `Up to ${counted(seeds, 'run')} per experiment; a run (one seed, which for pretrained arms is one independently trained model) is the unit of replication. ${scalingText(results.study)}`,
    plots: [
      { id: '2a-sparsity-perplexity', alt: overviewAlt(results), spec: overview(results, rows), rows },
      {
        id: '2b-loss-above-floor',
        alt: 'Small multiples, one per experiment: loss above the entropy floor of each run at every round, right after each prune and after retraining.',
        spec: sawtooth(results, rows),
        rows,
      },
    ],
  };
}

type EvaluationRow = ReturnType<typeof evaluationRows>[number];

function evaluationRows(results: StudyResults) {
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

/** Means with their spread; hollow marks just pruned, filled ones retrained; faint marks per run. */
function overview(results: StudyResults, rows: EvaluationRow[]): Spec {
  const styles = seriesStyles(results.study.experiments);
  const ids = [...styles.keys()];
  const floor = results.floor === null ? undefined : Math.exp(results.floor);
  const bars = results.experiments.flatMap(({ points }) =>
    points.flatMap(({ phase, perplexity: { mean, sd } }) => (phase === 'trained' && mean !== null ? [mean + (sd ?? 0)] : [])),
  );
  const values = [...rows.map(({ perplexity }) => perplexity), ...bars, ...(floor === undefined ? [] : [floor])];
  const [lowest, highest] = [Math.min(...values), Math.max(...values)];
  // Room for the floor's label below its rule, whatever the range: a fixed share of a logarithmic axis.
  const domain = [lowest * Math.min(0.92, (lowest / highest) ** 0.07), highest * 1.03];
  const means = results.experiments.flatMap(({ id, points }) =>
    points
      .filter(({ phase, perplexity, sparsity }) => phase !== 'start' && perplexity.mean !== null && sparsity.mean !== null)
      .map(({ phase, level, perplexity, sparsity }) => ({
        experiment: id,
        phase,
        level,
        sparsity: sparsity.mean!,
        perplexity: perplexity.mean!,
        low: Math.max(perplexity.mean! - (perplexity.sd ?? 0), domain[0]!), // a deviation above the mean has no logarithm
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

/** One panel an experiment, one line a run, in nats above the floor. */
function sawtooth(results: StudyResults, rows: EvaluationRow[]): Spec {
  const base = results.floor ?? Math.min(...rows.map(({ loss }) => loss));
  const excess = rows.map((row) => ({ ...row, excess: row.loss - base, at: withinRun(row) }));
  const top = Math.max(...excess.map((row) => row.excess)) * 1.1;
  const bottom = Math.min(0, ...excess.map((row) => row.excess));
  const styles = seriesStyles(results.study.experiments);
  const control = results.study.experiments.find(({ role }) => role === 'positive-control');
  const controlLoss = results.experiments.find(({ id }) => id === control?.id)?.points.at(-1)?.loss.mean ?? null;
  const ticks = [0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10].filter((tick) => tick <= top);
  const panels = results.study.experiments.map((experiment, i) => {
    const own = excess.filter((row) => row.experiment === experiment.id);
    const color = styles.get(experiment.id)!.color;
    const x = roundChannel(experiment.rounds, titled(i, results.study.experiments.length).x);
    const y = {
      field: 'excess',
      type: 'quantitative',
      scale: { type: 'symlog', constant: 0.01, domain: [bottom, top], nice: false },
      axis: {
        values: ticks,
        labelOverlap: false,
        format: '~g',
        title: titled(i, results.study.experiments.length).y ? 'nats above floor' : null,
      },
    };
    const description = { field: 'label', type: 'nominal' };
    const labelled = own.map((row) => ({
      ...row,
      label: `${experiment.id} seed ${row.seed}, round ${row.round} ${row.phase}: +${decimal(row.excess, 4)} nats`,
    }));
    return {
      title: { text: experiment.id, subtitle: experimentPhrase(experiment) },
      layer: [
        ...(controlLoss === null || experiment.id === control?.id ? [] : [horizontalRule(controlLoss - base, y, FAINT, [1, 0])]),
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
        ...(controlLoss === null
          ? []
          : [{ text: `mean of ${control!.id} at its end`, shape: 'stroke', filled: false, color: FAINT }]),
      ]),
      smallMultiples(panels, 130),
    ],
    spacing: 10,
  };
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
