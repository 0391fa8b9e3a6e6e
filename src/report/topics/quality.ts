/**
 * Question 3: how quality falls with sparsity, with and without protecting super weights, and whether there is a sweet
 * spot.
 */
import { comparisonsOf, isPruned, parameter } from '../arms.ts';
import { forestFigure } from '../figures/forest-plot.ts';
import { perplexityFigure } from '../figures/perplexity.ts';
import { increaseRows, lastRows, qualityCostFigure, type QualityGroup } from '../figures/quality-cost.ts';
import { differencesTable, survivalTestsTable } from '../page/comparison-tables.ts';
import { sweetSpotsTable } from '../page/sweet-spots-table.ts';
import type { StudyResults } from '../read-results.ts';
import { treatmentOf } from '../treatment.ts';
import { natsText } from '../verdict-text.ts';
import { counted, decimal, listed, percent } from '../wording.ts';
import { differencesText, gap, named, section } from './parts.ts';
import { TOPICS, type Answer } from './topic.ts';

/** An arm with this many levels shows how quality falls, whatever else it is compared in. */
const LADDER = 8;

export function qualityAnswer(results: StudyResults): Answer {
  const declared = comparisonsOf(results, 'quality');
  const groups = qualityGroups(results);
  const hasAny = (stage: string, name: string, value: string) =>
    results.study.experiments.some(
      (experiment) =>
        [parameter(experiment, stage, name)].flat().includes(value) || treatmentOf(experiment).includes(value),
    );
  return {
    topic: TOPICS[2]!,
    answer: sweetSpotText(results),
    brief: briefText(results),
    experiments: [...new Set([...groups.flatMap(({ ids }) => ids), ...declared.flatMap(({ arms }) => arms)])],
    content: () => ({
      sections: [
        ...section(
          qualityCostFigure(results, groups),
          `${sweetSpotText(results)} ${steepestText(results, groups)}`.trim(),
          [sweetSpotsTable(results)],
        ),
        ...section(
          forestFigure(results, {
            id: '3c-differences',
            title: 'Protecting, forcing, randomising: what each does to the final loss',
            comparisons: declared,
          }),
          differencesText(declared),
          [differencesTable(results, declared), survivalTestsTable(results, declared)],
        ),
        ...section(perplexityFigure(results), sparsestText(results)),
      ],
      gaps: [
        ...gap(
          !results.study.experiments.some(({ role }) => role === 'positive-control'),
          'This profile has no positive control: an arm with that role, trained alike and not pruned, would say what sparsity costs.',
        ),
        ...gap(
          !hasAny('prune', 'protect', 'reference') && !hasAny('prune', 'protect', 'detected'),
          'What protecting super weights does is not known here: protected twins (prune.protect) would show it.',
        ),
        ...gap(
          !hasAny('prune', 'criterion', 'random'),
          'The floor is not known here: an arm with random pruning (prune.criterion "random") at equal sparsity would show it.',
        ),
        ...gap(
          !hasAny('eval', 'restore', 'super-activation'),
          'What restoring the super activation brings back is not known here: an arm with eval.restore would show it.',
        ),
        ...gap(
          declared.length === 0,
          'No comparison of this profile is declared for this question: one with the topic "quality" would be tested here.',
        ),
      ],
    }),
  };
}

/**
 * Arms of this question's comparisons, by baseline; and together, ladders and the pruned arms that no comparison names.
 */
function qualityGroups(results: StudyResults): QualityGroup[] {
  const pruned = results.study.experiments
    .filter(
      (experiment) =>
        (isPruned(results, experiment) || experiment.role === 'ablation') &&
        increaseRows(results, experiment.id).length > 0,
    )
    .map(({ id }) => id);
  const byBaseline = new Map<string, Set<string>>();
  for (const { arms } of comparisonsOf(results, 'quality')) {
    const shown = arms.filter((id) => pruned.includes(id));
    if (shown.length < 2) continue;
    const group = byBaseline.get(arms[0]!) ?? new Set<string>();
    for (const id of shown) group.add(id);
    byBaseline.set(arms[0]!, group);
  }
  const groups = [...byBaseline].map(([baseline, ids]) => ({
    title: `${baseline} and its variants`,
    ids: [...ids].slice(0, 8),
  }));
  const elsewhere = new Set(results.comparisons.flatMap(({ topic, arms }) => (topic === 'quality' ? [] : arms)));
  const rest = pruned.filter(
    (id) =>
      !groups.some(({ ids }) => ids.includes(id)) &&
      (groups.length === 0 || !elsewhere.has(id) || roundsOf(results, id) >= LADDER),
  );
  return rest.length === 0
    ? groups
    : [
        ...groups,
        ...chunks(rest, 8).map((ids) => ({ title: groups.length === 0 ? 'Pruned arms' : 'Other pruned arms', ids })),
      ];
}

function roundsOf(results: StudyResults, id: string): number {
  return results.sweetSpots.find(({ experiment }) => experiment === id)?.levels.length ?? 0;
}

function chunks<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

function sweetSpotText({ sweetSpots, study: { analysis } }: StudyResults): string {
  const judged = sweetSpots.filter(({ levels }) => levels.length > 0);
  if (judged.length === 0)
    return 'No sweet spot can be sought: no pruned arm has a positive control that trains as it does.';
  const found = judged
    .flatMap(({ experiment, sweetSpot }) => (sweetSpot === null ? [] : [{ experiment, sparsity: sweetSpot.sparsity }]))
    .sort((a, b) => b.sparsity - a.sparsity);
  const bound = `the ${percent(analysis.confidence, 0)} upper bound of the increase in log-perplexity over the positive control stays under ${decimal(analysis.tolerance, 3)} nats`;
  const n = Math.max(0, ...judged.flatMap(({ levels }) => levels.map((level) => level.n)));
  if (found.length === 0)
    return `In none of ${counted(judged.length, 'arm')} is there a sparsity up to which ${bound} (n = ${n} at most): there is no sweet spot that these runs can show.`;
  const best = found[0]!;
  return `The largest sparsity up to which ${bound} is ${percent(best.sparsity)}, in ${best.experiment} (n = ${n} at most); ${found.length} of ${counted(judged.length, 'arm')} ${judged.length === 1 ? 'has' : 'have'} such a sweet spot.`;
}

function briefText({ sweetSpots, study: { analysis } }: StudyResults): string {
  const judged = sweetSpots.filter(({ levels }) => levels.length > 0);
  const [best] = judged
    .flatMap(({ experiment, sweetSpot }) => (sweetSpot === null ? [] : [{ experiment, sparsity: sweetSpot.sparsity }]))
    .sort((a, b) => b.sparsity - a.sparsity);
  const under = `under ${decimal(analysis.tolerance, 3)} nats`;
  if (judged.length === 0) return 'no pruned arm with a positive control';
  return best === undefined
    ? `no sweet spot ${under} in ${counted(judged.length, 'arm')}`
    : `sweet spot ${under} at ${percent(best.sparsity)} (${best.experiment})`;
}

/** The largest cost that was seen. */
function steepestText(results: StudyResults, groups: readonly QualityGroup[]): string {
  const ends = groups.flatMap(({ ids }) =>
    ids.flatMap((id) => {
      const last = lastRows(increaseRows(results, id));
      return last.length === 0
        ? []
        : [
            {
              id,
              n: last.length,
              sparsity: last[0]!.sparsity,
              mean: last.reduce((sum, { increase }) => sum + increase, 0) / last.length,
            },
          ];
    }),
  );
  const worst = [...ends].sort((a, b) => b.mean - a.mean)[0];
  return worst === undefined
    ? ''
    : `At the end the highest cost is ${natsText(worst.mean)} nats, in ${worst.id} at ${percent(worst.sparsity)} sparsity (n = ${counted(worst.n, 'pair')}).`;
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
