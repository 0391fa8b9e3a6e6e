/** What is recorded of nodes: records, the paths of artifacts, and logs. */
import { SwpError, type Failure } from '../base/failure.ts';
import { attemptLogs } from '../cache/node-log.ts';
import type { CacheRecord } from '../cache/record.ts';
import type { PlannedState } from '../engine/plan.ts';
import { placeOf, type NodeLabel } from '../engine/stage.ts';
import type { Project } from './project.ts';

export interface RecordedNode {
  planned: PlannedState;
  record: CacheRecord | undefined;
  /** Absolute paths of files in the cache, by name. */
  artifacts: Record<string, string>;
  /** Absolute path of what its worker wrote. */
  log?: string;
  /** Why the record cannot be shown, where there is one. */
  damage?: Failure;
}

/** Of a blocked node: what its place in the study had last. */
export async function readRecord({ cache, state }: Project, planned: PlannedState): Promise<RecordedNode> {
  let damage: Failure | undefined;
  const { blocked, key, labels } = planned.node;
  const recorded = blocked === undefined ? key : (state.lastKey(placeOf(labels[0]!)) ?? key);
  const record =
    planned.record ??
    (await cache.record(recorded).catch((error: unknown) => {
      if (!(error instanceof SwpError) || error.failure.kind !== 'content') throw error;
      damage = error.failure;
      return undefined;
    }));
  const artifacts = Object.entries(record?.artifacts ?? {}).map(([name, artifact]) => [
    name,
    cache.artifactPath(artifact),
  ]);
  return {
    planned,
    record,
    artifacts: Object.fromEntries(artifacts) as Record<string, string>,
    ...(damage !== undefined && { damage }),
    ...(record?.log !== undefined && { log: `${cache.directory}/${record.log}` }),
  };
}

export interface LoggedNode {
  key: string;
  place: string;
  label: NodeLabel;
  /** Absolute paths, the oldest attempt first. */
  logs: string[];
}

/** @param all attempts, and not only the last one */
export function logsOf({ cache }: Project, nodes: readonly PlannedState[], all: boolean): LoggedNode[] {
  const logsOfKey = attemptLogs(cache.directory);
  return nodes.map(({ node: { key, labels } }) => {
    const label = labels[0]!;
    const attempts = logsOfKey(key);
    return { key, place: placeOf(label), label, logs: all ? attempts : attempts.slice(-1) };
  });
}
