/** Dismisses results in this study, so that the next run computes them again. Deletes nothing. */
import { SwpError } from '../base/failure.ts';
import type { Plan, PlannedState } from '../engine/plan.ts';
import { placeOf } from '../engine/stage.ts';
import { selectPlanned } from './nodes.ts';
import { planProject, type Project } from './project.ts';

export interface Invalidation {
  /** What the selectors mean. */
  selected: PlannedState[];
  /** With what follows from it, unless that was not wanted. */
  meant: PlannedState[];
  /** Those of `meant` that had a result. */
  dismissed: PlannedState[];
}

export interface InvalidationOptions {
  /** Not what follows from the selected nodes. */
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
  if (!dryRun)
    for (const { node, record } of dismissed) {
      if (record === undefined)
        throw new SwpError({ kind: 'usage', message: `${node.key} is cached without a record.` });
      await project.state.dismiss(record, node.labels.map(placeOf), why);
    }
  return { selected, meant, dismissed };
}

function withDescendants({ dag }: Project, planned: Plan, selected: PlannedState[]): PlannedState[] {
  const meant = new Set(selected.map(({ node }) => node.key));
  // the set grows while it is walked
  for (const key of meant) for (const consumer of dag.outNeighbors(key)) meant.add(consumer);
  return [...planned.nodes.values()].filter(({ node }) => meant.has(node.key));
}
