/** Which nodes a run has to bring up to date. */
import { producersOf } from './dag-builder.ts';
import type { Plan, PlannedState } from './plan.ts';

export interface Wanted {
  /** Keys of the nodes wanted, with whatever they need; all nodes if absent. */
  targets?: Iterable<string> | undefined;
  /** Keys of gathering nodes to bring up to date besides, over whatever results there are: these are not asked for. */
  gather?: Iterable<string> | undefined;
}

/** @returns producers first */
export function neededNodes(plan: Plan, { targets, gather = [] }: Wanted): PlannedState[] {
  if (targets === undefined) return [...plan.nodes.values()];
  const needed = new Set<string>();
  const open = [...targets];
  for (let key = open.pop(); key !== undefined; key = open.pop()) {
    if (needed.has(key)) continue;
    needed.add(key);
    const { state, node } = plan.nodes.get(key)!;
    if (state !== 'cached') open.push(...producersOf(node).map((producer) => producer.key));
  }
  for (const key of gather) needed.add(key);
  return [...plan.nodes.values()].filter(({ node }) => needed.has(node.key));
}
