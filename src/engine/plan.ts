/**
 * Decides, before anything runs, what is there and what is missing, and says why. It reads only through two small
 * interfaces; it changes nothing.
 *
 * A node is cached if a record under its recipe key counts in this study and its artifacts exist, but for those that
 * may be evicted. It is not stale merely because an input must be computed again: equal recipes give equal results.
 * A node is blocked if something that it needs cannot be read: the DAG says so, and its recipe is not known.
 */
import type { CacheRecord } from '../cache/record.ts';
import type { Tombstone } from '../cache/study-state.ts';
import type { Dag } from './dag-builder.ts';
import type { NodeState, Reason } from './event.ts';
import { SwpError, type Failure } from '../base/failure.ts';
import type { PlannedNode } from './node.ts';
import { placeOf } from './stage.ts';

/** What planning asks of a cache. */
export interface RecordSource {
  record(key: string): Promise<CacheRecord | undefined>;
  /** Names of the record's artifacts that are not there. */
  absentArtifacts(record: CacheRecord): Promise<string[]>;
  /** Is told where the study has a file that artifacts may be made of. */
  declareExternal?(file: { sha256: string; path: string }): void;
}

/** What planning asks of a study's memory. */
export interface StudyView {
  lastKey(place: string): string | undefined;
  dismissed(recordId: string): Pick<Tombstone, 'why'> | undefined;
}

export interface PlannedState {
  node: PlannedNode;
  state: NodeState;
  reason: Reason;
  /** Of cached nodes, and of those that were invalidated or have lost artifacts. */
  record?: CacheRecord;
  /** Of cached nodes: artifacts that were evicted. They are made again when a node that runs asks for them. */
  evicted?: readonly string[];
}

export interface Plan {
  /** By recipe key, producers before consumers. */
  nodes: Map<string, PlannedState>;
  /** Damaged records: their nodes count as missing. */
  warnings: Failure[];
}

/** @throws SwpError of kind `file` if the cache cannot be read */
export async function plan(dag: Dag, cache: RecordSource, study: StudyView): Promise<Plan> {
  const nodes = new Map<string, PlannedState>();
  const warnings: Failure[] = [];
  for (const key of dag.nodes())
    for (const { sha256, path } of dag.getNodeAttributes(key).files)
      if (sha256 !== undefined) cache.declareExternal?.({ sha256, path });
  // DagBuilder adds producers first, and graphology keeps the order.
  for (const key of dag.nodes())
    nodes.set(key, { node: dag.getNodeAttributes(key), state: 'missing', reason: { kind: 'missing' } });
  await Promise.all(
    [...nodes.values()].map(async (planned) =>
      Object.assign(planned, whyBlocked(planned.node, dag) ?? (await examine(planned.node, cache, study, warnings))),
    ),
  );
  return { nodes, warnings };
}

/** @returns undefined for a node that can run */
function whyBlocked({ key, blocked }: PlannedNode, dag: Dag): Omit<PlannedState, 'node'> | undefined {
  if (blocked === undefined) return undefined;
  const { by, failure } = blocked;
  const reason: Reason =
    by === key
      ? { kind: 'missing-input', failure }
      : { kind: 'blocked', by: placeOf(dag.getNodeAttributes(by).labels[0]!), failure };
  return { state: 'blocked', reason };
}

async function examine(
  node: PlannedNode,
  cache: RecordSource,
  study: StudyView,
  warnings: Failure[],
): Promise<Omit<PlannedState, 'node'>> {
  const record = await readRecord(node.key, cache, warnings);
  if (record === undefined) return whyMissing(node, cache, study);
  const tombstone = study.dismissed(record.id);
  if (tombstone !== undefined)
    return {
      state: 'stale',
      reason: { kind: 'invalidated', ...(tombstone.why !== undefined && { why: tombstone.why }) },
      record,
    };
  const absent = await cache.absentArtifacts(record);
  if (isIncomplete(record, absent)) return { state: 'missing', reason: { kind: 'missing' }, record };
  return { state: 'cached', reason: { kind: 'cached' }, record, ...(absent.length > 0 && { evicted: absent }) };
}

/** Whether an artifact is absent that is never evicted: the node has to be computed again. */
export function isIncomplete(record: CacheRecord, absent: readonly string[]): boolean {
  return absent.some((name) => record.artifacts[name]!.evictable !== true);
}

/** New in this study, or another recipe at the same place? */
async function whyMissing(
  { key, labels, gathers }: PlannedNode,
  cache: RecordSource,
  study: StudyView,
): Promise<Omit<PlannedState, 'node'>> {
  for (const label of labels) {
    const previousKey = study.lastKey(placeOf(label));
    if (previousKey === undefined || previousKey === key) continue;
    if (Object.keys(gathers).length > 0 && (await hadHoles(previousKey, cache))) continue; // the whole was never there
    return { state: 'stale', reason: { kind: 'changed', previousKey } };
  }
  return { state: 'missing', reason: { kind: 'missing' } };
}

/** Whether a result was made without some of what it gathers: it has another key, though no recipe changed. */
async function hadHoles(key: string, cache: RecordSource): Promise<boolean> {
  const record = await readRecord(key, cache, []);
  const gathered = Object.values((record?.preimage.gathers ?? {}) as Record<string, { missing?: true }[]>).flat();
  return gathered.some(({ missing }) => missing === true);
}

/** A damaged record is as good as none: its node is computed again. */
async function readRecord(key: string, cache: RecordSource, warnings: Failure[]): Promise<CacheRecord | undefined> {
  try {
    return await cache.record(key);
  } catch (error) {
    if (!(error instanceof SwpError) || error.failure.kind !== 'content') throw error;
    warnings.push(error.failure);
    return undefined;
  }
}
