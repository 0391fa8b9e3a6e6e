/** What nodes of a study need and lack: the reason why they, and what needs them, are blocked. */
import { basename, dirname } from 'node:path';
import type { Failure } from '../base/failure.ts';
import type { PlannedNode } from '../engine/node.ts';
import type { MissingInput } from './node-rows.ts';

/** Those of some nodes, in the order of the study. */
export function missingInputs(nodes: Iterable<PlannedNode>): MissingInput[] {
  const byCause = new Map<string, MissingInput>();
  for (const { key, blocked, labels } of nodes) {
    if (blocked === undefined) continue;
    const { by, failure } = blocked;
    const cause = causeOf(failure);
    const known = byCause.get(cause) ?? { failure, alsoMissing: [], places: [], nodes: 0 };
    byCause.set(cause, known);
    known.nodes++;
    if (by === key) known.places.push(...labels);
    if (known.failure.kind !== 'file' || failure.kind !== 'file') continue;
    const name = basename(failure.path);
    if (failure.path !== known.failure.path && !known.alsoMissing.includes(name)) known.alsoMissing.push(name);
  }
  return [...byCause.values()];
}

/** Files that are missing in one folder, to be made good in the same way, are told together. */
function causeOf(failure: Failure): string {
  if (failure.kind !== 'file') return JSON.stringify(failure);
  const { path, operation, code, remedy } = failure;
  return JSON.stringify([dirname(path), operation, code, remedy]);
}
