/** Which arms are pruned by a criterion, and by which: what the report may say of them depends on it. */
import { listed } from '../base/listed.ts';
import type { ExperimentDeclaration, StudyDeclaration } from '../generated/aggregate.ts';
import { foreignPruningStages, paramOf, paramValues, pruningStages } from '../science/study-declaration.ts';
import { armsOf, isControl, isForced, isPruned, resultOf } from './arms.ts';
import type { PruneParams } from '../generated/prune.ts';
import type { StudyResults } from './read-results.ts';

/** The stage of swp that prunes. */
const PRUNE = 'prune';

type Criterion = NonNullable<PruneParams['criterion']>;

/** Criteria that are controls for the others. */
const CONTROL_CRITERIA: readonly Criterion[] = ['random', 'shuffled'];

/** Small multiples in a figure at most: more cannot be compared by eye. Tables and the grid hold all experiments. */
export const PANELS = 12;

/**
 * Arms that a criterion prunes: one of the stage prune, or that of a stage of the study's own. Controls, forced and
 * random prunes, transplanted and released masks are left out, and arms whose super weights are spared by name: there,
 * a kept mask bit says nothing.
 */
export function prunedArms(results: StudyResults): ExperimentDeclaration[] {
  return results.study.experiments.filter(
    (experiment) =>
      isPruned(results, experiment) &&
      !isControl(experiment) &&
      !isForced(experiment) &&
      experiment.role !== 'emergence' &&
      (foreignPruningStages(results.study, experiment).length > 0 || isPrunedByCriterion(results.study, experiment)) &&
      !isProtected(experiment) &&
      !isTransplanted(experiment),
  );
}

function isPrunedByCriterion(study: StudyDeclaration, experiment: ExperimentDeclaration): boolean {
  const criteria = paramValues(experiment, 'prune', 'criterion');
  return (
    pruningStages(study, experiment).includes(PRUNE) &&
    !criteria.some((criterion) => CONTROL_CRITERIA.includes(criterion))
  );
}

/** The criteria of the stage prune that these arms go by; those that are controls for others are left out. */
export function criteriaOf(study: StudyDeclaration, arms: readonly ExperimentDeclaration[]): Criterion[] {
  const pruned = arms.filter((arm) => pruningStages(study, arm).includes(PRUNE));
  const criteria = new Set(pruned.flatMap((arm) => paramValues(arm, 'prune', 'criterion')));
  return [...criteria].filter((criterion) => !CONTROL_CRITERIA.includes(criterion));
}

/**
 * What prunes these arms, in words: `by magnitude`, `by the study's own stage "wanda"`, or both; `by a criterion` where
 * nothing but controls is pruned.
 * @param arms some of `prunedArms`; if there are none, what prunes in the study is said
 */
export function prunedBy(study: StudyDeclaration, arms: readonly ExperimentDeclaration[]): string {
  const stages = arms.length === 0 ? pruningStages(study) : arms.flatMap((arm) => pruningStages(study, arm));
  const foreign = [...new Set(stages.filter((stage) => stage !== PRUNE))].map((stage) => `"${stage}"`);
  const own =
    foreign.length === 0 ? [] : [`by the study's own ${foreign.length === 1 ? 'stage' : 'stages'} ${listed(foreign)}`];
  const criteria = criteriaOf(study, arms.length === 0 ? study.experiments : arms);
  const words = [...criteria.map((name) => `by ${name}`), ...own];
  return words.length === 0 ? 'by a criterion' : words.join(' or ');
}

/** `global threshold`; of another criterion `global, criterion wanda`, of a stage of its own `stage "wanda"`. */
export function thresholdText(study: StudyDeclaration, experiment: ExperimentDeclaration): string {
  const foreign = foreignPruningStages(study, experiment);
  if (foreign.length > 0) return stagesText(foreign);
  const scope = scopeText(experiment);
  return hasThreshold(study, experiment)
    ? `${scope} threshold`
    : `${scope}, criterion ${[...new Set(paramValues(experiment, PRUNE, 'criterion'))].join('/')}`;
}

/** Whether in some round all below a magnitude are pruned; other criteria have no threshold that compares tensors. */
export function hasThreshold(study: StudyDeclaration, experiment: ExperimentDeclaration): boolean {
  const criteria = paramValues(experiment, PRUNE, 'criterion');
  return (
    foreignPruningStages(study, experiment).length === 0 && (criteria.length === 0 || criteria.includes('magnitude'))
  );
}

/** `global`, `layerwise`, or the stage that prunes instead: the shorter form, for labels. */
export function scopeOf(study: StudyDeclaration, experiment: ExperimentDeclaration): string {
  const foreign = foreignPruningStages(study, experiment);
  return foreign.length > 0 ? stagesText(foreign) : scopeText(experiment);
}

function scopeText(experiment: ExperimentDeclaration): string {
  return paramValues(experiment, 'prune', 'scope').join('/') || 'unknown';
}

/** `stage "wanda"`. */
function stagesText(stages: readonly string[]): string {
  return `${stages.length === 1 ? 'stage' : 'stages'} ${listed(stages.map((stage) => `"${stage}"`))}`;
}

function isProtected(experiment: ExperimentDeclaration): boolean {
  return paramValues(experiment, 'prune', 'protect').some((protect) => protect !== 'none');
}

/**
 * Whether its masks are shuffled, put on fresh weights or not enforced: then it is not the criterion alone that decides
 * what is kept.
 */
function isTransplanted(experiment: ExperimentDeclaration): boolean {
  return (
    paramValues(experiment, 'rewind', 'mask').includes('shuffle') ||
    paramValues(experiment, 'rewind', 'to').includes('fresh') ||
    paramValues(experiment, 'train', 'mask').includes('release')
  );
}

/** Whether there was a super weight to follow in one of its runs. */
export function isFollowed(results: StudyResults, { id }: ExperimentDeclaration): boolean {
  return resultOf(results, id).reference.confirmed > 0;
}

/** Of the pruned, forced and negative-control arms those that are followed: what the page on survival draws. */
export function followedArms(results: StudyResults): string[] {
  return leading(
    results,
    [
      ...prunedArms(results),
      ...results.study.experiments.filter((each) => isForced(each) || each.role === 'negative-control'),
    ].filter((arm) => isFollowed(results, arm)),
  );
}

/** As many arms as a figure can draw, in the order of declaration; variants of others are left out first. */
export function leading(results: StudyResults, arms: readonly ExperimentDeclaration[]): string[] {
  const compared = new Set(armsOf(results, 'survival').map(({ id }) => id));
  const first = arms.filter(({ id, extends: base }) => compared.has(id) || base === undefined);
  const chosen =
    arms.length <= PANELS ? arms : [...first, ...arms.filter((arm) => !first.includes(arm))].slice(0, PANELS);
  return results.study.experiments.filter((experiment) => chosen.includes(experiment)).map(({ id }) => id);
}

/** Layerwise arms have a threshold of their own in every tensor. */
export function isLayerwise(experiment: ExperimentDeclaration): boolean {
  return paramOf(experiment, 'prune', 'scope') === 'layerwise';
}
