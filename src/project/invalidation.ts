/** Dismisses results in this study, so that the next run computes them again. Deletes nothing. */
import type { Plan, PlannedState } from '../engine/plan.ts';
import { placeOf } from '../engine/stage.ts';
import { selectPlanned } from './nodes.ts';
import { planProject, type Project } from './project.ts';

export interface Invalidation {
  /** What the selectors mean. */
  selected: PlannedState[];
  /** With the nodes that depend on them, unless `only` was given. */
  meant: PlannedState[];
  /** Those of `meant` that had a result. */
  dismissed: PlannedState[];
}

export interface InvalidationOptions {
  /** Only the selected nodes, not those that depend on them. */
  only?: boolean;
  /** Status and repro repeat it. */
  why?: string | undefined;
  /** Change nothing. */
  dryRun?: boolean;
}

export async function invalidateNodes(
  project: Project,
  words: readonly string[],
  { only = false, why, dryRun = false }: InvalidationOptions,
): Promise<Invalidation> {
  const planned = await planProject(project);
  const selected = selectPlanned(planned, words);
  const meant = only ? selected : withDescendants(project, planned, selected);
  const dismissed = meant.filter(({ state }) => state === 'cached');
  if (!dryRun) {
    try {
      for (const { node, record } of dismissed) await project.state.dismiss(record!, node.labels.map(placeOf), why);
    } finally {
      await project.cache.scratch.clear();
    }
  }
  return { selected, meant, dismissed };
}

function withDescendants({ dag }: Project, planned: Plan, selected: PlannedState[]): PlannedState[] {
  const meant = new Set(selected.map(({ node }) => node.key));
  // the set grows while it is walked
  for (const key of meant) for (const consumer of dag.outNeighbors(key)) meant.add(consumer);
  return [...planned.nodes.values()].filter(({ node }) => meant.has(node.key));
}
