/** How large the cache grows at most while a run makes its nodes one after the other and evicts as it goes. */
import { producersOf } from '../engine/dag-builder.ts';
import type { PlannedNode } from '../engine/node.ts';
import { lastNodes, type KeptArtifacts } from '../engine/run-eviction.ts';

/** Bytes of one node's results. */
export interface NodeSizes {
  kept: number;
  evictable: number;
  /** Of `evictable`: what is of use only to go on from. */
  resuming: number;
}

/**
 * @param nodes to run, producers first
 * @param sizesOf of a node; where nothing was measured, 0
 */
export function cachePeak(
  nodes: readonly PlannedNode[],
  sizesOf: (node: PlannedNode) => NodeSizes,
  keep: KeptArtifacts,
): number {
  const until = lastUses(nodes, keep === 'last' ? lastNodes(nodes) : new Set());
  const going = nodes.map(() => 0);
  let [live, peak] = [0, 0];
  for (const [index, node] of nodes.entries()) {
    const { kept, evictable, resuming } = sizesOf(node);
    const large = keep === 'all' ? evictable : evictable - resuming;
    live += kept + large;
    peak = Math.max(peak, live);
    const end = until.get(node.key)!;
    if (keep !== 'all' && end < Infinity) going[end]! += large;
    live -= going[index]!;
  }
  return peak;
}

/**
 * By key: the place of the last node that consumes something large of it, be it through a virtual artifact.
 * @param staying keys of nodes whose results stay
 */
function lastUses(nodes: readonly PlannedNode[], staying: ReadonlySet<string>): Map<string, number> {
  const until = new Map(nodes.map(({ key }, index) => [key, staying.has(key) ? Infinity : index]));
  const stages = new Map(nodes.map(({ key, stage }) => [key, stage]));
  for (const [index, node] of [...nodes.entries()].reverse()) {
    const isVirtual = Object.values(node.stage.outputs).some(({ virtual, resuming }) => virtual && !resuming);
    const use = isVirtual ? until.get(node.key)! : index;
    for (const { key, artifact } of producersOf(node))
      if (stages.get(key)?.outputs[artifact]?.evictable === true) until.set(key, Math.max(until.get(key)!, use));
  }
  return until;
}
