/** Planned nodes: which of them a selector means, whom they serve, and how `--json` shows them. */
import { groupBy } from '../base/groups.ts';
import type { NodeState } from '../engine/event.ts';
import type { PlannedNode } from '../engine/node.ts';
import type { Plan, PlannedState } from '../engine/plan.ts';
import type { NodeLabel } from '../engine/stage.ts';
import { parseSelector, selectNodes, selectPlaces } from '../pipeline/selector.ts';
import { WHOLE_STUDY } from '../pipeline/whole-study.ts';
import type { NodeJson } from './node-rows.ts';
import { planProject, type Project } from './project.ts';

export { placeOf } from '../engine/stage.ts';

/** The nodes that the words of a selector mean; all of them for no words. */
export function selectPlanned(planned: Plan, words: readonly string[]): PlannedState[] {
  const all = [...planned.nodes.values()];
  if (words.length === 0) return all;
  const selected = new Set(
    selectNodes(
      all.map(({ node }) => node),
      parseSelector(words),
    ),
  );
  return all.filter(({ node }) => selected.has(node));
}

/** Of these nodes those that serve nothing else than what the words mean. */
export function wholly(selected: readonly PlannedState[], words: readonly string[]): PlannedState[] {
  const nodes = selected.map(({ node }) => node);
  const meant = groupBy(selectPlaces(nodes, parseSelector(words)), ({ node }) => node);
  return selected.filter(({ node }) => meant.get(node)?.length === node.labels.length);
}

/** Plans, and selects. */
export async function planNodes(project: Project, words: readonly string[]): Promise<PlannedState[]> {
  return selectPlanned(await planProject(project), words);
}

/** Whether a node stands for the whole study at this place, and for no run. */
export function isOfWholeStudy({ experiment }: NodeLabel): boolean {
  return experiment === WHOLE_STUDY;
}

/** The runs that a node serves, e.g. [{ experiment: 'A1', seed: 0 }]; none for a node of the whole study. */
export function runsOf({ labels }: PlannedNode): { experiment: string; seed: number }[] {
  const runs = new Map(
    labels
      .filter((label) => !isOfWholeStudy(label))
      .map(({ experiment, seed }) => [`${experiment}/${seed}`, { experiment, seed }]),
  );
  return [...runs.values()];
}

/** The experiments that a node serves. */
export function experimentsOf(node: PlannedNode): string[] {
  return [...new Set(runsOf(node).map(({ experiment }) => experiment))];
}

/** A node as `--json` shows it. */
export function nodeJson({ node, state, reason }: PlannedState): NodeJson {
  const [label] = node.labels;
  const gathered = Object.values(node.gathers).flat();
  const inputs = [...Object.values(node.inputs), ...gathered].map(({ key }) => key);
  return {
    key: node.key,
    stage: node.stage.name,
    round: label?.round ?? 0,
    step: label?.step ?? '',
    runs: runsOf(node),
    state,
    reason,
    inputs: [...new Set(inputs)],
  };
}

/** How many nodes are in each state. */
export function countStates(nodes: Iterable<{ state: NodeState }>): Record<NodeState, number> {
  const counts = { cached: 0, missing: 0, stale: 0, blocked: 0 };
  for (const { state } of nodes) counts[state]++;
  return counts;
}
