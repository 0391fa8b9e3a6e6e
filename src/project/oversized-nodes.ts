/** Nodes that this machine has too little memory for, told before anything runs. */
import type { Failure } from '../base/failure.ts';
import { machineMemory } from '../base/machine-memory.ts';
import { memoryNeed, tooLarge } from '../engine/memory-need.ts';
import type { PlannedNode } from '../engine/node.ts';
import { placeOf } from '../engine/stage.ts';

/**
 * @param nodes whose model can be read; the others are told elsewhere
 * @param room bytes of memory; those of this machine by default
 * @returns one failure for all nodes of a stage that take the same, with the place of the first of them
 */
export async function oversizedNodes(
  nodes: readonly PlannedNode[],
  root: string,
  room: number = machineMemory(),
): Promise<Failure[]> {
  const found = new Map<string, Failure>();
  for (const node of nodes) {
    const need = await memoryNeed(node, root).catch(() => undefined);
    if (need === undefined || need.bytes <= room) continue;
    const kind = JSON.stringify([node.stage.name, need.bytes]);
    if (!found.has(kind)) found.set(kind, await tooLarge(placeOf(node.labels[0]!), need, room));
  }
  return [...found.values()];
}
