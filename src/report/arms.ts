/** What the declaration says of an experiment, as the report asks for it. */
import type { ExperimentDeclaration } from '../generated/aggregate.ts';
import type { ComparisonResult, ExperimentPoint, ExperimentResult, RunResult } from '../generated/results.ts';
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

/** The last planned moment; undefined if no run left anything. */
export function endOf(results: StudyResults, id: string): ExperimentPoint | undefined {
  return resultOf(results, id).points.at(-1);
}

/** A run's measurement at its experiment's end; undefined where it did not get there. */
export function measuredEnd(results: StudyResults, run: RunResult): RunResult['measurements'][number] | undefined {
  const end = endOf(results, run.experiment);
  return run.measurements.find(({ round, phase }) => round === end?.round && phase === end.phase);
}

/** A parameter as resolved: a list, one value per round, where rounds differ. */
export function parameter({ params }: ExperimentDeclaration, stage: string, name: string): unknown {
  return (params[stage] as Record<string, unknown> | undefined)?.[name];
}

export function schemeOf(experiment: ExperimentDeclaration): string {
  return String(parameter(experiment, 'init', 'scheme') ?? 'unknown');
}

export function isControl({ role }: ExperimentDeclaration): boolean {
  return role !== undefined && role.endsWith('control');
}

/** Whether the super weights are pruned by name in some round. */
export function isForced(experiment: ExperimentDeclaration): boolean {
  return [parameter(experiment, 'prune', 'force')].flat().some((each) => each !== undefined && each !== 'none');
}

/** Whether something is pruned at the experiment's end. */
export function isPruned(results: StudyResults, { id }: ExperimentDeclaration): boolean {
  return (endOf(results, id)?.sparsity.mean ?? 0) > 0;
}

export function comparisonsOf({ comparisons }: StudyResults, topic: TopicId): ComparisonResult[] {
  return comparisons.filter((comparison) => comparison.topic === topic);
}

/** Experiments of a topic's comparisons, in the order of their declaration. */
export function armsOf(results: StudyResults, topic: TopicId): ExperimentDeclaration[] {
  const ids = new Set(comparisonsOf(results, topic).flatMap(({ arms }) => arms));
  return results.study.experiments.filter(({ id }) => ids.has(id));
}
