/**
 * What the report counts: distinct computations. Runs that are one computation are one replicate, whatever seeds and
 * arms name them, and arms that never acted are one arm with several names.
 */
import { groupBy } from '../base/groups.ts';
import { listed } from '../base/listed.ts';
import type { ExperimentDeclaration } from '../generated/aggregate.ts';
import type { Measurement, RunResult, WeightSurvival } from '../generated/results.ts';
import { distinct as byComputation } from '../science/results/computations.ts';
import { declarationOf, distinct, measuredEnd, namesOf, resultOf, runsOf, schemeOf } from './arms.ts';
import { ruleText, shortRuleText } from './causal-rule.ts';
import type { StudyResults } from './read-results.ts';
import { counted } from './wording.ts';

/** Of arms that are one, the first. @param arms in the order in which they are to be named */
export function distinctArms<Arm extends { id: string }>(results: StudyResults, arms: readonly Arm[]): Arm[] {
  const kept = new Set(
    distinct(
      results,
      arms.map(({ id }) => id),
    ),
  );
  return arms.filter(({ id }) => kept.has(id));
}

/** Whether an arm is shown under the name of another: its twin, declared before it or with more runs. */
export function isNamedElsewhere(results: StudyResults, id: string): boolean {
  return resultOf(results, id).sameAs !== null;
}

/** `A1 = A1-protect, G1 = G1-protect`: the arms of which some never acted; empty if there is none. */
export function twinsText(results: StudyResults): string {
  const originals = new Set(results.experiments.flatMap(({ sameAs }) => sameAs ?? []));
  return listed([...originals].map((id) => namesOf(results, id)));
}

/** The runs of a study, and the distinct computations among them. */
export function runCounts({ runs }: StudyResults): {
  total: number;
  complete: number;
  incomplete: number;
  distinct: number;
} {
  const complete = runs.filter(({ status }) => status === 'complete').length;
  return {
    total: runs.length,
    complete,
    incomplete: runs.length - complete,
    distinct: new Set(runs.map(({ computation }) => computation)).size,
  };
}

/** Distinct runs among those of some experiments. */
export function distinctRuns(results: StudyResults, ids: readonly string[]): number {
  return new Set(ids.flatMap((id) => runsOf(results, id).map(({ computation }) => computation))).size;
}

/** A measurement with the run that it is of. */
export interface Measured {
  run: RunResult;
  measured: Measurement;
}

/** One each of measurements that are one computation: the first of which the survival is known. */
function distinctOf(all: readonly Measured[]): Measured[] {
  return byComputation(all, ({ measured }) => measured).map(
    (same) => same.find(({ measured }) => measured.survival.weights.length > 0) ?? same[0],
  );
}

/** How the runs of some arms ended, each computation once. */
export function distinctEnds(results: StudyResults, ids: readonly string[]): Measured[] {
  const ends = ids.flatMap((id) =>
    runsOf(results, id).flatMap((run) => {
      const measured = measuredEnd(results, run);
      return measured === undefined ? [] : [{ run, measured }];
    }),
  );
  return distinctOf(ends);
}

/** How the primary super weight of each distinct run of some arms ended; runs of which it is not known are left out. */
export function distinctFates(
  results: StudyResults,
  ids: readonly string[],
): (Measured & { weight: WeightSurvival })[] {
  return distinctEnds(results, ids).flatMap((end) => {
    const [weight] = end.measured.survival.weights;
    return weight === undefined ? [] : [{ ...end, weight }];
  });
}

/** In how many distinct runs there was a super weight to follow, and in how many it survived, by kind. */
export interface FateCounts {
  n: number;
  kept: number;
  /** Neither kept nor pruned: there, but what it multiplies is always 0. */
  disconnected: number;
  functional: number;
  /** Found again at its place. */
  same: number;
  /** Those in which super weights were sought at the end, so that it could be found again. */
  sought: number;
}

export function fateCounts(fates: readonly { weight: WeightSurvival }[]): FateCounts {
  const count = (holds: (weight: WeightSurvival) => boolean) => fates.filter(({ weight }) => holds(weight)).length;
  return {
    n: fates.length,
    kept: count(({ kept }) => kept),
    disconnected: count(({ disconnected }) => disconnected),
    functional: count(({ functional }) => functional),
    same: count(({ redetection }) => redetection === 'same'),
    sought: count(({ redetection }) => redetection !== 'not-sought'),
  };
}

/** Behind `and`: `it was found again at its place in 2`, of those in which it was sought. */
export function foundAgainText({ n, same, sought }: FateCounts): string {
  if (sought === 0) return 'super weights were not sought again';
  return `it was found again at its place in ${same}${sought === n ? '' : ` of the ${sought} in which super weights were sought`}`;
}

/** Models in which super weights were sought before anything of theirs was pruned, alike in start and training. */
export interface ReferenceGroup {
  /** `pretrained`, `xavier after 3,500 steps`. */
  name: string;
  scheme: string;
  /** Training steps before; null where no run says it. */
  steps: number | null;
  /** Of the arms that follow what was found there. */
  ids: string[];
  /** Distinct models in which one was confirmed. */
  confirmed: number;
  /** Distinct models of which it is known. */
  known: number;
}

/**
 * The models in which the super weights of some arms were sought, each once: by the model's folder where a study has
 * several, by initialisation, by how long they had trained, for a super weight takes its time to emerge, and by the
 * rule that decides what is one, for a model that is judged by two rules is not two models.
 */
export function referenceGroups(results: StudyResults, arms: readonly ExperimentDeclaration[]): ReferenceGroup[] {
  const several = new Set(arms.map(({ model }) => model)).size > 1;
  const groups = new Map<string, { arm: ExperimentDeclaration; step: number | null; all: SoughtIn[] }>();
  for (const { id } of arms)
    for (const run of runsOf(results, id)) {
      const arm = declarationOf(results, id);
      const sought = soughtIn(run);
      if (sought === undefined) continue;
      const key = JSON.stringify([several ? arm.model : '', schemeOf(arm), sought.step, ruleText(results.study, [id])]);
      const group = groups.get(key) ?? { arm, step: sought.step, all: [] };
      group.all.push(sought);
      groups.set(key, group);
    }
  const named = [...groups.values()].map(({ arm, step, all }) => {
    const models = [...groupBy(all, ({ computation }) => computation).values()];
    const scheme = schemeOf(arm);
    const model = several && arm.model !== undefined ? `${arm.model}, ` : '';
    return {
      name: `${model}${scheme}${step === null || step === 0 ? '' : ` after ${counted(step, 'step')}`}`,
      scheme,
      steps: step,
      ids: [...new Set(all.map(({ experiment }) => experiment))],
      confirmed: models.filter((same) => same.some(({ confirmed }) => confirmed)).length,
      known: models.length,
    };
  });
  // Of groups that differ in the rule alone, each has it in its name.
  return named.map((group) =>
    named.some((other) => other !== group && other.name === group.name)
      ? { ...group, name: `${group.name}, ${shortRuleText(results.study, group.ids)}` }
      : group,
  );
}

interface SoughtIn {
  experiment: string;
  computation: string;
  step: number | null;
  confirmed: boolean;
}

/** Undefined where it is not known whether a super weight was there. */
function soughtIn({ experiment, seed, reference, measurements }: RunResult): SoughtIn | undefined {
  if (reference.status === 'unknown') return undefined;
  const sought = measurements.find(({ round, phase }) => round === reference.round && phase === reference.phase);
  return {
    experiment,
    computation: sought?.computation ?? `${experiment}/s${seed}`,
    step: sought?.step ?? null,
    confirmed: reference.status === 'confirmed',
  };
}
