/** Sparsity against validation perplexity, all experiments in one picture. */
import { largest, smallest } from '../../base/extremes.ts';
import { listed } from '../../base/listed.ts';
import { declarationOf, distinct, isControl, namesOf, replicatesOf } from '../arms.ts';
import type { Spec } from '../chart.ts';
import { distinctArms } from '../computations.ts';
import type { StudyResults } from '../read-results.ts';
import { startsText } from '../starting-models.ts';
import { INK, SOFT } from '../theme.ts';
import { named } from '../topics/parts.ts';
import { counted, decimal, perplexitySpreadText, perplexityText, percent } from '../wording.ts';
import { defineFigure, FULL_WIDTH, logTicks, horizontalRule, type Figure } from './figure.ts';
import { legend } from './legend.ts';
import { markOf, ruleOf, type MarkStyle } from './mark-style.ts';
import { COLOURED, seriesEntries, seriesStyles, type SeriesStyle } from './series.ts';

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
  if (rows.every(({ perplexity }) => perplexity === null))
    return { title: TITLE, caption: 'Nothing to draw: no evaluation left a perplexity.', plots: [] };
  const seeds = largest([...shown].map((id) => replicatesOf(results, id).length));
  const { others } = chosenSeries(results, [...shown]);
  return {
    title: TITLE,
    caption:
      `Validation perplexity (logarithmic) against the fraction of prunable weights that are zero. Lines and filled marks: mean over seeds after retraining, bars ± 1 SD; hollow marks: mean right after the prune; faint marks: every run. ` +
      `${others.length === 0 ? '' : `In colour: the ${COLOURED} arms that end highest; in grey, and in the data: ${others.map((id) => namesOf(results, id)).join(', ')}. `}` +
      `Up to ${counted(seeds, 'distinct run')} per experiment; a run is the unit of replication. ${startsText(results, [...shown])}`.trimEnd(),
    plots: [{ name: 'sparsity-perplexity', alt: overviewAlt(results), spec: overview(results, rows), rows }],
  };
}

interface ChosenSeries {
  /** In the order of the legend: controls, then the arms that end highest. */
  named: string[];
  /** Drawn in grey. */
  others: string[];
  styles: Map<string, SeriesStyle>;
}

/** Arms that are the same computations are one series; of the others, those that end highest are told apart. */
function chosenSeries(results: StudyResults, shown: readonly string[]): ChosenSeries {
  const ids = distinct(results, shown);
  const declared = ids.map((id) => declarationOf(results, id));
  const end = (id: string) => results.experiments.find((each) => each.id === id)?.points.at(-1)?.perplexity.mean ?? 0;
  const controls = declared.filter(isControl).map(({ id }) => id);
  const arms = ids.filter((id) => !controls.includes(id)).sort((a, b) => end(b) - end(a));
  const named = [...controls, ...arms.slice(0, COLOURED)];
  const others = ids.filter((id) => !named.includes(id));
  const styles = seriesStyles([...named, ...others].map((id) => declarationOf(results, id)));
  return { named, others, styles };
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
        surprisal: evaluation.surprisal,
        excess: evaluation.excess,
        excessStandardError: evaluation.excessStandardError,
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

/** The language's own perplexity on the tokens that all evaluations share; where it is not known, that of all text. */
function floorOf({ floor, surprisal }: StudyResults): { perplexity: number; of: string } | undefined {
  if (surprisal !== null) return { perplexity: Math.exp(surprisal), of: 'the language itself on these tokens' };
  return floor === null ? undefined : { perplexity: Math.exp(floor), of: 'entropy floor' };
}

const FLOOR: MarkStyle = { shape: 'line', color: INK, dash: [5, 3], width: 1 };

/** Perplexities more than this many times the lowest stand at the upper end of the axis. */
const REACH = 1e6;

/** Means with their spread; hollow marks just pruned, filled ones retrained; faint marks per run. */
function overview(results: StudyResults, rows: EvaluationRow[]): Spec {
  const shown = shownIn(results);
  const { named, others, styles } = chosenSeries(results, [...shown]);
  const drawn = [...others, ...named]; // the named ones on top
  const floor = floorOf(results);
  const bars = results.experiments
    .filter(({ id }) => shown.has(id))
    .flatMap(({ points }) =>
      points.flatMap(({ phase, perplexity: { mean, sd } }) =>
        phase === 'trained' && mean !== null ? [mean + (sd ?? 0)] : [],
      ),
    );
  const values = [
    ...rows.flatMap(({ perplexity }) => perplexity ?? []),
    ...bars,
    ...(floor === undefined ? [] : [floor.perplexity]),
  ];
  const lowest = smallest(values);
  // What has lost all it knew, or more than a number holds, stands at the upper end and takes no room from the others.
  const ordinary = largest(values.filter((value) => value <= REACH * lowest));
  const isBeyond = values.some((value) => value > ordinary) || rows.some(({ perplexity }) => perplexity === null);
  const highest = isBeyond ? 2 * ordinary : ordinary;
  const place = (value: number | null) => (value === null || value > ordinary ? highest : value);
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
          perplexity: place(perplexity.mean!),
          // a deviation above the mean has no logarithm
          low: place(Math.max(perplexity.mean! - (perplexity.sd ?? 0), domain[0]!)),
          high: place(perplexity.mean! + (perplexity.sd ?? 0)),
          label: `${id}, ${phase === 'pruned' ? 'just pruned' : 'retrained'}: sparsity ${percent(sparsity.mean!)}, perplexity ${perplexityText(perplexity.mean!)}${perplexity.sd === null ? '' : ` ± ${perplexityText(perplexity.sd)}`} (n = ${perplexity.n})`,
        })),
    );
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
    axis: {
      title: 'validation perplexity (log)',
      values: [...logTicks(domain[0]!, isBeyond ? 0.8 * highest : domain[1]!), ...(isBeyond ? [highest] : [])],
      ...(isBeyond
        ? { labelExpr: `datum.value === ${highest} ? 'beyond' : format(datum.value, '~g')` }
        : { format: '~g' }),
    },
  };
  const ofPhase = (id: string, phase: string) =>
    means.filter((point) => point.experiment === id && point.phase === phase);
  const hasLine = (id: string) => new Set(ofPhase(id, 'trained').map(({ sparsity }) => sparsity)).size > 1;
  const description = { field: 'label', type: 'nominal' };
  const series = drawn.flatMap((id): Spec[] => {
    const { line, point } = styles.get(id)!;
    const isNamed = named.includes(id);
    return [
      {
        data: {
          values: rows
            .filter((row) => row.experiment === id && row.phase !== 'start')
            .map((row) => ({ ...row, perplexity: place(row.perplexity) })),
        },
        mark: { ...markOf({ ...point, opacity: 0.35 }, 12), aria: false },
        encoding: { x, y },
      },
      ...(hasLine(id)
        ? [
            {
              data: { values: ofPhase(id, 'trained') },
              mark: markOf(line),
              encoding: { x, y, order: { field: 'level', type: 'quantitative' } },
            },
          ]
        : []),
      {
        data: { values: ofPhase(id, 'trained') },
        mark: ruleOf({ ...line, dash: [1, 0], width: 1.2 }),
        encoding: { x, y: { field: 'low', type: 'quantitative' }, y2: { field: 'high' } },
      },
      {
        data: { values: ofPhase(id, 'trained') },
        mark: markOf(point, isNamed ? 46 : 24),
        encoding: { x, y, description },
      },
      {
        data: { values: ofPhase(id, 'pruned') },
        mark: markOf(justPruned(point), isNamed ? 46 : 24),
        encoding: { x, y, description },
      },
    ];
  });
  const plot: Spec = {
    width: FULL_WIDTH - 60,
    height: 380,
    layer: [
      ...series,
      ...(floor === undefined
        ? []
        : [
            horizontalRule(floor.perplexity, y, FLOOR),
            {
              data: { values: [{ value: floor.perplexity, text: `${floor.of} ${perplexityText(floor.perplexity)}` }] },
              mark: { type: 'text', align: 'right', baseline: 'top', dy: 4, x: 'width', color: SOFT, aria: false },
              encoding: { y: { ...y, field: 'value' }, text: { field: 'text' } },
            },
          ]),
    ],
  };
  const pruned = named.find((id) => ofPhase(id, 'pruned').length > 0);
  return {
    vconcat: [
      legend([
        ...seriesEntries(
          [...named, ...others].map((id) => ({ id, text: namesOf(results, id) })),
          styles,
          hasLine,
        ),
        ...(pruned === undefined
          ? []
          : [{ text: 'hollow: just pruned', styles: [justPruned(styles.get(pruned)!.point)] }]),
      ]),
      plot,
    ],
    spacing: 12,
  };
}

function justPruned(retrained: MarkStyle): MarkStyle {
  return { ...retrained, hollow: true };
}

function overviewAlt(results: StudyResults): string {
  const shown = shownIn(results);
  const ends = results.experiments
    .filter(({ id }) => shown.has(id))
    .map(({ id, points }) => {
      const end = points.at(-1);
      return end === undefined || end.loss.mean === null || end.sparsity.mean === null
        ? `${id} did not get to its end`
        : `${id} ${percent(end.sparsity.mean)}: ${perplexitySpreadText({ ...end, perplexity: { ...end.perplexity, sd: null } })}`;
    });
  return `Sparsity against validation perplexity. At the end: ${ends.join('; ')}.`;
}

function sparsestText(results: StudyResults): string {
  const ends = distinctArms(results, results.experiments).flatMap(({ id, points }) => {
    const end = points.at(-1);
    return end === undefined || end.sparsity.mean === null || end.loss.mean === null || end.sparsity.mean === 0
      ? []
      : [{ id: namesOf(results, id), sparsity: end.sparsity.mean, n: end.loss.n }];
  });
  const within =
    results.floor === null
      ? ''
      : ` The exact entropy floor of this language is ${decimal(results.floor, 4)} nats: no model can go below it on average.${results.surprisal === null ? '' : ` These held-out tokens have a floor of their own, ${decimal(results.surprisal, 4)} nats: what the language itself loses on them.`}`;
  if (ends.length === 0) return `No pruned arm reached its end.${within}`;
  const sparsest = [...ends].sort((a, b) => b.sparsity - a.sparsity).slice(0, 3);
  return `The sparsest ${sparsest.length === 1 ? 'arm ends' : 'arms end'} at ${listed(sparsest.map(({ id, sparsity, n }) => `${percent(sparsity)} (${id}, n = ${n})`))}; ${counted(ends.length, 'pruned arm')} in all${
    ends.length > 3
      ? `, ${named(
          ends.map(({ id }) => id),
          5,
        )}`
      : ''
  }.${within}`;
}
