/** Which nodes a run has to bring up to date. */
import { producersOf } from './dag-builder.ts';
import type { Reason } from './event.ts';
import { placeOf } from './stage.ts';
import type { Plan, PlannedState } from './plan.ts';

export interface Wanted {
  /** Keys of the nodes wanted, with whatever they need; all nodes if absent. */
  targets?: Iterable<string> | undefined;
  /** Keys of gathering nodes to bring up to date besides, over whatever results there are: these are not asked for. */
  gather?: Iterable<string> | undefined;
}

/** Whether a node has no result and can come to one. */
export function isToRun({ state }: Pick<PlannedState, 'state'>): boolean {
  return state !== 'cached' && state !== 'blocked';
}

/**
 * Cached nodes that will probably have to run, since a node that runs consumes artifacts of them that were evicted.
 * Probably: a node to run may turn out to be equal to another one, and then it consumes nothing.
 * @returns why, by key
 */
export function expectedRestores(plan: Plan, needed: readonly PlannedState[]): Map<string, Reason> {
  const restores = new Map<string, Reason>();
  const open = needed.filter(isToRun).map(({ node }) => node);
  for (let node = open.pop(); node !== undefined; node = open.pop())
    for (const { key, artifact } of producersOf(node)) {
      const producer = plan.nodes.get(key)!;
      if (!producer.evicted?.includes(artifact) || restores.has(key)) continue;
      restores.set(key, { kind: 'evicted', artifact, neededBy: placeOf(node.labels[0]!) });
      open.push(producer.node);
    }
  return restores;
}

/** @returns producers first */
export function neededNodes(plan: Plan, { targets, gather = [] }: Wanted): PlannedState[] {
  if (targets === undefined) return [...plan.nodes.values()];
  const needed = neededKeys(plan, targets);
  for (const key of gather) needed.add(key);
  return [...plan.nodes.values()].filter(({ node }) => needed.has(node.key));
}

/** Of these nodes and all that they need, in no order: it takes no longer than there are such nodes. */
export function neededKeys(plan: Plan, targets: Iterable<string>): Set<string> {
  const needed = new Set<string>();
  const open = [...targets];
  for (let key = open.pop(); key !== undefined; key = open.pop()) {
    if (needed.has(key)) continue;
    needed.add(key);
    const { state, node } = plan.nodes.get(key)!;
    if (state !== 'cached') for (const producer of producersOf(node)) open.push(producer.key);
  }
  return needed;
}
