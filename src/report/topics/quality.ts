/**
 * Question 3: how quality falls with sparsity, with and without protecting super weights, and whether there is a sweet
 * spot.
 */
import { largest } from '../../base/extremes.ts';
import { isPositiveControl } from '../../science/positive-control.ts';
import {
  ownStepValues,
  paramValues,
  type ParamName,
  type ParamValue,
  type StageName,
} from '../../science/study-declaration.ts';
import type { SweetSpot } from '../../generated/results.ts';
import { comparisonsOf, distinct, isPruned, namesOf, resultOf } from '../arms.ts';
import { distinctArms } from '../computations.ts';
import { retrainingTexts } from '../control-text.ts';
import { increaseRows } from '../increase.ts';
import type { StudyResults } from '../read-results.ts';
import { counted, exactPercent, percent } from '../wording.ts';
import { gap, named } from './parts.ts';
import type { Topic } from './topic.ts';

/** An arm with this many levels shows how quality falls, whatever else it is compared in. */
const LADDER = 8;

export const quality: Topic = {
  id: 'quality',
  name: 'Quality',
  question: 'How does quality fall with sparsity, with and without protecting super weights?',
  answer: sweetSpotText,
  context: retrainingOfControls,
  brief: briefText,
  comparisons: (results) => comparisonsOf(results, 'quality'),
  experiments: (results) => [
    ...new Set([
      ...qualityGroups(results).flatMap(({ ids }) => ids),
      ...comparisonsOf(results, 'quality').flatMap(({ arms }) => arms),
    ]),
  ],
  gaps: (results) => [
    ...gap(
      !results.study.experiments.some(isPositiveControl),
      'This profile has no positive control: an arm with that role, trained alike and not pruned, would say what sparsity costs.',
    ),
    ...gap(
      results.study.experiments.some(isPositiveControl) && uncontrolled(results).length > 0,
      `What pruning costs is not known of ${named(uncontrolled(results).map((id) => namesOf(results, id)))}, which ${uncontrolled(results).length === 1 ? 'has' : 'have'} no control. ${uncontrolledText(results)}`,
    ),
    ...gap(
      !hasAny(results, 'prune', 'protect', 'reference') && !hasAny(results, 'prune', 'protect', 'detected'),
      'What protecting super weights does is not known here: protected twins (prune.protect) would show it.',
    ),
    ...gap(
      !hasAny(results, 'prune', 'criterion', 'random'),
      'What the criterion is worth is not known here: an arm with random pruning (prune.criterion "random") at equal sparsity would show it.',
    ),
    ...gap(
      !hasAny(results, 'eval', 'restore', 'super-activation'),
      'What restoring the super activation brings back is not known here: an arm with eval.restore would show it.',
    ),
    ...gap(
      comparisonsOf(results, 'quality').length === 0,
      'No comparison of this profile is declared for this question: one with the topic "quality" would be tested here.',
    ),
  ],
};

/** Pruned arms without a control; of arms that are one, the first. */
function uncontrolled(results: StudyResults): string[] {
  const without = results.sweetSpots.flatMap(({ experiment, control }) =>
    control === null ? [{ id: experiment }] : [],
  );
  return distinctArms(results, without).map(({ id }) => id);
}

/** Why the first of them has none, and what would help. */
function uncontrolledText(results: StudyResults): string {
  const [first] = uncontrolled(results);
  const why = first === undefined ? null : resultOf(results, first).noControl;
  const because = first === undefined || why === null ? '' : `Of ${first}: ${why}. `;
  return `${because}A positive control that starts and trains exactly alike would show it.`;
}

/** Whether a parameter has this value in some experiment, be it in a single step. */
function hasAny<Stage extends StageName, Name extends ParamName<Stage>>(
  { study }: StudyResults,
  stage: Stage,
  name: Name,
  value: ParamValue<Stage, Name>,
): boolean {
  return study.experiments.some((experiment) =>
    [...paramValues(experiment, stage, name), ...ownStepValues(study, experiment, stage, name)].includes(value),
  );
}

/** Arms that are drawn together: a baseline and its controlled variants. */
export interface QualityGroup {
  title: string;
  ids: readonly string[];
}

/**
 * Arms of this question's comparisons, by baseline; and together, ladders and the pruned arms that no comparison names.
 */
export function qualityGroups(results: StudyResults): QualityGroup[] {
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
  // The sentence on sweet spots names them, so the figure shows them.
  const spotted = new Set(results.sweetSpots.flatMap((each) => (each.sweetSpot === null ? [] : [each.experiment])));
  const named = groups.flatMap(({ ids }) => ids);
  const others = pruned.filter(
    (id) =>
      !named.includes(id) &&
      (groups.length === 0 || !elsewhere.has(id) || roundsOf(results, id) >= LADDER || spotted.has(id)),
  );
  // One that is the same computations as a named arm is drawn there.
  const rest = distinct(results, [...named, ...others]).filter((id) => !named.includes(id));
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

/** Sweet spots of arms that have levels; of arms that are one, the first. */
function judgedSpots(results: StudyResults): (SweetSpot & { name: string })[] {
  const judged = results.sweetSpots
    .filter(({ levels }) => levels.length > 0)
    .map((spot) => ({ ...spot, id: spot.experiment, name: namesOf(results, spot.experiment) }));
  return distinctArms(results, judged);
}

/** The largest sweet spot, and every arm whose own reads the same. */
function bestSpot(judged: readonly (SweetSpot & { name: string })[]): { name: string; sparsity: number } | undefined {
  const spots = judged
    .flatMap(({ name, sweetSpot }) => (sweetSpot === null ? [] : [{ name, sparsity: sweetSpot.sparsity }]))
    .sort((a, b) => b.sparsity - a.sparsity);
  const [best] = spots;
  if (best === undefined) return undefined;
  const as = spots.filter(({ sparsity }) => percent(sparsity) === percent(best.sparsity));
  return { name: named(as.map(({ name }) => name)), sparsity: best.sparsity };
}

export function sweetSpotText(results: StudyResults): string {
  const { analysis } = results.study;
  const judged = judgedSpots(results);
  if (judged.length === 0)
    return 'No sweet spot can be sought: no pruned arm has a positive control that trains as it does.';
  const best = bestSpot(judged);
  const found = judged.filter(({ sweetSpot }) => sweetSpot !== null).length;
  const bound = `the ${exactPercent(analysis.confidence)} upper bound of the increase in log-perplexity over the positive control stays under ${String(analysis.tolerance)} nats`;
  const n = Math.max(0, largest(judged.flatMap(({ levels }) => levels.map((level) => level.n))));
  if (best === undefined)
    return `${judged.length === 1 ? `In ${judged[0]!.name} there is no sparsity` : `In none of ${counted(judged.length, 'arm')} is there a sparsity`} up to which ${bound} (n = ${n} at most): there is no sweet spot that these runs can show.`;
  return `The largest sparsity up to which ${bound} is ${percent(best.sparsity)}, in ${best.name} (n = ${n} at most); ${found} of ${counted(judged.length, 'arm')} ${judged.length === 1 ? 'has' : 'have'} such a sweet spot. A cost below that is not shown to be none.`;
}

/** What the controls of these arms lost or gained by retraining alone. */
export function retrainingOfControls(results: StudyResults): string {
  return retrainingTexts(
    results,
    judgedSpots(results).map(({ control }) => control),
  );
}

function briefText(results: StudyResults): string {
  const judged = judgedSpots(results);
  const best = bestSpot(judged);
  const under = `under ${String(results.study.analysis.tolerance)} nats`;
  if (judged.length === 0) return 'no pruned arm with a positive control';
  return best === undefined
    ? `no sweet spot ${under} in ${counted(judged.length, 'arm')}`
    : `sweet spot ${under} at ${percent(best.sparsity)} (${best.name})`;
}
