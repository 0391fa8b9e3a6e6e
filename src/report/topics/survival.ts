/** Question 1: at which sparsities and budgets super weights survive, and how stable masks are. */
import type { ExperimentDeclaration } from '../../generated/aggregate.ts';
import { armsOf, comparisonsOf, declarationOf, endOf, isForced, measuredEnd, runsOf, schemeOf } from '../arms.ts';
import { baseRatesFigure } from '../figures/base-rates.ts';
import { compositionFigure } from '../figures/composition.ts';
import { emergenceFigure } from '../figures/emergence.ts';
import { forestFigure } from '../figures/forest-plot.ts';
import { maskOverlapFigure } from '../figures/mask-overlap.ts';
import { recoveryFigure } from '../figures/recovery.ts';
import { survivalFigure, survivalGridFigure } from '../figures/survival.ts';
import { differencesTable, survivalTestsTable } from '../page/comparison-tables.ts';
import { superWeightsTable } from '../page/super-weights-table.ts';
import type { StudyResults } from '../read-results.ts';
import { survivalSentences } from '../verdict-text.ts';
import { countText, counted, decimal, percent } from '../wording.ts';
import { emergenceText } from './emergence-text.ts';
import { differencesText, gap, isFollowed, magnitudeArms, named, range, section } from './parts.ts';
import { TOPICS, type Answer } from './topic.ts';

/**
 * Panels of small multiples at most: beyond, the eye compares nothing. All experiments are in the grid and the tables.
 */
const PANELS = 12;

export function survivalAnswer(results: StudyResults): Answer {
  const arms = magnitudeArms(results);
  const declared = comparisonsOf(results, 'survival');
  const shown = leading(results, [
    ...arms,
    ...results.study.experiments.filter((experiment) => isForced(experiment) || experiment.role === 'negative-control'),
  ]);
  const empty = arms.filter((arm) => !isFollowed(results, arm)).map(({ id }) => id);
  const tests = declared.flatMap(({ survivalTests }) => survivalTests);
  return {
    topic: TOPICS[0]!,
    answer: fateText(results, arms),
    brief: briefText(results, arms),
    experiments: [...new Set([...shown, ...armsOf(results, 'survival').map(({ id }) => id)])],
    content: () => {
      const overlap = maskOverlapFigure(
        results,
        leading(results, arms, () => true),
      );
      const recovery = recoveryFigure(results);
      const emergence = emergenceFigure(results, '1j-emergence');
      return {
        sections: [
          ...section(
            baseRatesFigure(results, [...shown, ...empty]),
            `${fateText(results, arms)} ${lossText(results, arms)}`.trim(),
            [survivalTestsTable(results, declared)],
          ),
          ...section(survivalFigure(results, shown.slice(0, 9)), rankText(results, arms), [superWeightsTable(results)]),
          ...section(
            survivalGridFigure(results),
            tests.length === 0
              ? 'No comparison of this study tests a survival: the counts stand for themselves.'
              : survivalSentences(tests),
          ),
          ...section(
            forestFigure(results, {
              id: '1k-differences',
              title: 'What the declared comparisons cost',
              comparisons: declared,
            }),
            differencesText(declared),
            [differencesTable(results, declared)],
          ),
          ...section(
            compositionFigure(
              results,
              '1i-composition',
              arms.map(({ id }) => id),
            ),
            compositionText(results, arms),
          ),
          ...section(overlap, overlapText(results, arms)),
          ...section(recovery, recoveryText(results)),
          ...section(emergence, emergenceText(results)),
        ],
        gaps: [
          ...gap(
            shown.length === 0,
            'In no pruned run of this profile was there a super weight to follow: arms that start from a pretrained model that holds one, or train long enough for one to emerge, would provide it.',
          ),
          ...gap(
            overlap.plots.length === 0,
            'How stable masks are is not known here: an arm that prunes with two seeds would show it.',
          ),
          ...gap(
            recovery.plots.length === 0,
            'Whether pruned positions come back is not known here: an arm with train.mask "release" and prune.of "cumulative" would show it.',
          ),
          ...gap(
            emergence.plots.length === 0,
            'When super weights appear in training is not known here: arms with the role "emergence" would show it.',
          ),
        ],
      };
    },
  };
}

/**
 * Those followed, in the order of declaration; where there are too many, those that no other experiment is a variant of
 * first.
 */
function leading(
  results: StudyResults,
  arms: readonly ExperimentDeclaration[],
  counts: (results: StudyResults, arm: ExperimentDeclaration) => boolean = isFollowed,
): string[] {
  const followed = arms.filter((arm) => counts(results, arm));
  const compared = new Set(armsOf(results, 'survival').map(({ id }) => id));
  const first = followed.filter(({ id, extends: base }) => compared.has(id) || base === undefined);
  const chosen =
    followed.length <= PANELS
      ? followed
      : [...first, ...followed.filter((arm) => !first.includes(arm))].slice(0, PANELS);
  return results.study.experiments.filter((experiment) => chosen.includes(experiment)).map(({ id }) => id);
}

function ends(results: StudyResults, arms: readonly ExperimentDeclaration[]) {
  return arms.flatMap(({ id }) => {
    const end = endOf(results, id);
    return end === undefined || end.survival.n === 0 || end.sparsity.mean === null
      ? []
      : [{ id, end, sparsity: end.sparsity.mean }];
  });
}

/** The ends of these arms taken together. */
function sums(known: ReturnType<typeof ends>) {
  const sum = (of: (survival: (typeof known)[number]['end']['survival']) => number) =>
    known.reduce((total, { end }) => total + of(end.survival), 0);
  return {
    n: sum(({ n }) => n),
    kept: sum(({ kept }) => kept.k),
    functional: sum(({ functional }) => functional.k),
    same: sum(({ redetectedSame }) => redetectedSame.k),
  };
}

function briefText(results: StudyResults, arms: readonly ExperimentDeclaration[]): string {
  const known = ends(results, arms);
  const { n, kept, functional, same } = sums(known);
  if (n === 0) return 'no super weight to follow';
  return `kept ${kept}/${n}, still matters ${functional}/${n}, found again ${same}/${n} (${counted(known.length, 'arm')}, to ${percent(Math.max(...known.map(({ sparsity }) => sparsity)))})`;
}

function fateText(results: StudyResults, arms: readonly ExperimentDeclaration[]): string {
  const known = ends(results, arms);
  if (known.length === 0) return 'In no run that was pruned by magnitude was there a super weight to follow.';
  const { n, kept, functional, same } = sums(known);
  const base = known.flatMap(({ end }) => end.baseRate.tensorKept.mean ?? []);
  const where =
    base.length === 0 ? '' : `, where ${range(base, (value) => percent(value, 0))} of all weights of its tensor were`;
  return `Pruned by magnitude to ${range(
    known.map(({ sparsity }) => sparsity),
    percent,
  )} sparsity (${counted(known.length, 'arm')}, ${counted(n, 'finished run')} that hold one), the super weight's mask bit was kept in ${kept} of ${n} runs${where}; zeroing it still hurt in ${functional}, and it was found again at its place in ${same}.`;
}

/** Where the first loss shows, by rising sparsity. */
function lossText(results: StudyResults, arms: readonly ExperimentDeclaration[]): string {
  const points = arms.flatMap(({ id }) =>
    endOf(results, id) === undefined
      ? []
      : results.experiments
          .find((each) => each.id === id)!
          .points.flatMap((point) =>
            point.phase === 'trained' && point.survival.n > 0 && (point.sparsity.mean ?? 0) > 0
              ? [{ id, ...point }]
              : [],
          ),
  );
  const lost = points
    .filter(({ survival }) => survival.functional.k < survival.functional.n)
    .sort((a, b) => a.sparsity.mean! - b.sparsity.mean!)[0];
  const runs = 'Runs of different arms that share a checkpoint are not independent of each other.';
  if (lost === undefined) return points.length === 0 ? '' : `After no retraining had it stopped mattering. ${runs}`;
  return `The lowest sparsity at which it had stopped mattering in some run is ${percent(lost.sparsity.mean!)} (${lost.id}: ${countText(lost.survival.functional)} left). ${runs}`;
}

function rankText(results: StudyResults, arms: readonly ExperimentDeclaration[]): string {
  const weights = arms.flatMap(({ id }) =>
    runsOf(results, id).flatMap((run) => measuredEnd(results, run)?.survival.weights[0] ?? []),
  );
  const kept = weights.filter((weight) => weight.kept);
  if (kept.length === 0) return 'At the end no followed super weight was kept.';
  const margins = kept.flatMap(({ margin }) => margin ?? []);
  return `In the ${counted(kept.length, 'run')} of arms pruned by magnitude that still keep it at the end, its magnitude rank is ${range(
    kept.map(({ rank }) => rank),
    (rank) => decimal(rank, 0),
  )}${margins.length === 0 ? '' : ` and its magnitude ${range(margins, (margin) => decimal(margin, 1))} times the last threshold`}: for a weight this large the mask bit alone says little. Zeroing it costs ${range(
    kept.map(({ effect }) => effect),
    (effect) => decimal(effect, 3),
  )} nats there.`;
}

function compositionText(results: StudyResults, arms: readonly ExperimentDeclaration[]): string {
  const gaps = arms.flatMap(({ id }) =>
    runsOf(results, id).flatMap((run) => {
      const pruning = run.measurements.flatMap((measured) => measured.pruning ?? []).at(-1);
      return pruning === undefined
        ? []
        : pruning.kinds.flatMap(({ kind, weights, pruned }) =>
            weights === 0 ? [] : [{ id, seed: run.seed, kind, share: pruned / weights, overall: pruning.sparsity }],
          );
    }),
  );
  const farthest = [...gaps].sort((a, b) => Math.abs(b.share - b.overall) - Math.abs(a.share - a.overall))[0];
  if (farthest === undefined) return 'Nothing was pruned by magnitude.';
  const { id, seed, kind, share, overall } = farthest;
  return `The kinds of tensor are not pruned alike: farthest from the whole is ${kind} in ${id} (${schemeOf(declarationOf(results, id))}, seed ${seed}), ${percent(share)} of whose weights are zero where ${percent(overall)} of all are. A survival in a spared tensor is partly the tensor's.`;
}

function overlapText(results: StudyResults, arms: readonly ExperimentDeclaration[]): string {
  const last = arms.flatMap(({ id }) => {
    const rounds = results.masks
      .filter(({ experiment, all }) => experiment === id && all.jaccard !== null && all.chance !== null)
      .sort((a, b) => a.round - b.round);
    return rounds
      .slice(-1)
      .map((agreement) => ({ id, agreement, beyond: agreement.all.jaccard! - agreement.all.chance! }));
  });
  if (last.length === 0) return 'No two masks can be compared with chance.';
  const sorted = [...last].sort((a, b) => b.beyond - a.beyond);
  const text = ({ id, agreement }: (typeof last)[number]) =>
    `${id} (Jaccard index ${decimal(agreement.all.jaccard!, 3)} against ${decimal(agreement.all.chance!, 3)} by chance, ${counted(agreement.pairs.length, 'pair')} of seeds)`;
  if (sorted.length === 1)
    return `After the last prune, masks of different seeds agree as follows in ${text(sorted[0]!)}.`;
  return `After the last prune, masks of different seeds agree most beyond chance in ${text(sorted[0]!)} and least in ${text(sorted.at(-1)!)}.`;
}

function recoveryText(results: StudyResults): string {
  const known = results.recovery.filter(
    ({ pruned, recovered }) => pruned !== null && pruned > 0 && recovered !== null && recovered > 0,
  );
  const ids = [...new Set(known.map(({ experiment }) => experiment))];
  const runs = new Set(known.map(({ experiment, seed }) => `${experiment} ${seed}`)).size;
  return `Where the mask was released in training (${named(ids)}; n = ${counted(runs, 'run')}), ${range(
    known.map(({ pruned, recovered }) => recovered! / pruned!),
    (share) => percent(share, 2),
  )} of the positions pruned before were kept by the next prune.`;
}
