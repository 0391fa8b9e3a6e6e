/** What nodes of a study need and lack: the reason why they, and what needs them, are blocked. */
import { basename, dirname } from 'node:path';
import type { Failure } from '../base/failure.ts';
import type { PlannedState } from '../engine/plan.ts';
import type { MissingInput } from './node-rows.ts';

/** Those of some nodes, in the order of the study. */
export function missingInputs(nodes: Iterable<PlannedState>): MissingInput[] {
  const byCause = new Map<string, MissingInput>();
  for (const { node, reason } of nodes) {
    if (reason.kind !== 'missing-input' && reason.kind !== 'blocked') continue;
    const { failure } = reason;
    const cause = causeOf(failure);
    const known = byCause.get(cause) ?? { failure, alsoMissing: [], places: [], nodes: 0 };
    byCause.set(cause, known);
    known.nodes++;
    if (reason.kind === 'missing-input') known.places.push(...node.labels);
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
