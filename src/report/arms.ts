/** Experiments of a study with their declaration, their results and their runs. */
import type { ExperimentDeclaration } from '../generated/aggregate.ts';
import type {
  ComparisonResult,
  ExperimentPoint,
  ExperimentResult,
  MeasuredPruning,
  RunResult,
} from '../generated/results.ts';
import { paramOf, paramValues } from '../science/study-declaration.ts';
import type { StudyResults } from './read-results.ts';
import type { TopicId } from './topics/topic.ts';

export function declarationOf(results: StudyResults, id: string): ExperimentDeclaration {
  return results.study.experiments.find((experiment) => experiment.id === id)!;
}

export function resultOf(results: StudyResults, id: string): ExperimentResult {
  return results.experiments.find((experiment) => experiment.id === id)!;
}

export function runsOf(results: StudyResults, id: string): RunResult[] {
  return results.runs.filter(({ experiment }) => experiment === id);
}

/** The runs of an experiment that are replicates: copies of an earlier one of them are left out. */
export function replicatesOf(results: StudyResults, id: string): RunResult[] {
  return withoutCopies(runsOf(results, id));
}

/** Of runs, or points of runs, that are one computation those of the first. */
export function withoutCopies<Run extends Pick<RunResult, 'experiment' | 'seed' | 'computation'>>(
  runs: readonly Run[],
): Run[] {
  const firsts = new Map<string, Run>();
  return runs.filter((run) => {
    const first = firsts.get(run.computation) ?? run;
    firsts.set(run.computation, first);
    return first.experiment === run.experiment && first.seed === run.seed;
  });
}

/** The last planned moment; undefined if no run left anything. */
export function endOf(results: StudyResults, id: string): ExperimentPoint | undefined {
  return resultOf(results, id).points.at(-1);
}

/** A run's measurement at its experiment's end; undefined where it did not get there. */
export function measuredEnd(results: StudyResults, run: RunResult): RunResult['measurements'][number] | undefined {
  const end = endOf(results, run.experiment);
  return run.measurements.find(({ round, phase }) => round === end?.round && phase === end.phase);
}

/**
 * Cumulative training steps after which the super weights that an experiment follows were sought: whether one had the
 * time to emerge. Null where no run says it.
 */
export function stepsBeforeReference(results: StudyResults, id: string): number | null {
  for (const { reference, measurements } of runsOf(results, id)) {
    const sought = measurements.find(({ round, phase }) => round === reference.round && phase === reference.phase);
    if (sought !== undefined && sought.step !== null) return sought.step;
  }
  return null;
}

/** What the last prune of each distinct run did; runs of which none is known are left out. */
export function lastPrunings(results: StudyResults, id: string): MeasuredPruning[] {
  const last = runsOf(results, id).flatMap(
    ({ measurements }) =>
      measurements.flatMap(({ pruning, computation }) => (pruning === null ? [] : [{ pruning, computation }])).at(-1) ??
      [],
  );
  return [...new Map(last.map(({ pruning, computation }) => [computation, pruning])).values()];
}

/** How the models start; `unknown` where no stage `init` says it. */
export function schemeOf(experiment: ExperimentDeclaration): string {
  return paramOf(experiment, 'init', 'scheme') ?? 'unknown';
}

export function isControl({ role }: Pick<ExperimentDeclaration, 'role'>): boolean {
  return role !== undefined && role.endsWith('control');
}

/** Whether the super weights are pruned by name in some round. */
export function isForced(experiment: ExperimentDeclaration): boolean {
  return paramValues(experiment, 'prune', 'force').some((force) => force !== 'none');
}

/** Whether something is pruned at the experiment's end. */
export function isPruned(results: StudyResults, { id }: ExperimentDeclaration): boolean {
  return (endOf(results, id)?.sparsity.mean ?? 0) > 0;
}

/** The comparisons that are declared for a question. */
export function comparisonsOf({ comparisons }: StudyResults, topic: TopicId): ComparisonResult[] {
  return comparisons.filter((comparison) => comparison.topic === topic);
}

/** Experiments of a topic's comparisons, in the order of their declaration. */
export function armsOf(results: StudyResults, topic: TopicId): ExperimentDeclaration[] {
  const ids = new Set(comparisonsOf(results, topic).flatMap(({ arms }) => arms));
  return results.study.experiments.filter(({ id }) => ids.has(id));
}

/** `A1 = A1-protect`: an experiment with all those that turned out to be the same computations. */
export function namesOf(results: StudyResults, id: string): string {
  const same = sameOf(results, id);
  return [id, ...same.filter((other) => other !== id)].join(' = ');
}

/** Experiments without those that are the same computations as an earlier one: what is drawn, is drawn once. */
export function distinct(results: StudyResults, ids: readonly string[]): string[] {
  return ids.filter((id, i) => !sameOf(results, id).some((other) => ids.slice(0, i).includes(other)));
}

/** All experiments that are the same computations as this one, itself included, in the order of declaration. */
function sameOf({ experiments }: StudyResults, id: string): string[] {
  const first = (experiment: ExperimentResult) => experiment.sameAs ?? experiment.id;
  const own = experiments.find((experiment) => experiment.id === id);
  return own === undefined
    ? [id]
    : experiments.filter((experiment) => first(experiment) === first(own)).map((experiment) => experiment.id);
}
