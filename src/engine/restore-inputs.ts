/** Before a node runs: artifacts that it consumes and that were evicted, or are damaged, are computed again. */
import type { CacheRecord, RecordedArtifact } from '../cache/record.ts';
import { producersOf } from './dag-builder.ts';
import { SwpError } from '../base/failure.ts';
import { artifactOf } from './node-identity.ts';
import type { PlannedNode } from './node.ts';
import { placeOf } from './stage.ts';
import type { PlannedState } from './plan.ts';
import { recordOf, type Producers, type RunContext } from './run-context.ts';

/**
 * Makes the artifacts that a node consumes be there again, if they were evicted or are damaged.
 * @returns undefined if all of them are there; otherwise its producers as they are then, which may have failed
 */
export async function restoreInputs(
  node: PlannedNode,
  producers: Producers,
  context: RunContext,
): Promise<Producers | undefined> {
  const now = new Map(producers);
  let isChanged = false;
  for (const { key, artifact: name } of producersOf(node)) {
    const record = recordOf(now, key);
    if (record === undefined || (await isUsable(artifactOf(record, name), context))) continue;
    const ending = await context.restore(key, { kind: 'evicted', artifact: name, neededBy: placeOf(node.labels[0]!) });
    now.set(key, { ...now.get(key)!, ending });
    isChanged = true;
    const isGathered = !Object.values(node.inputs).some((input) => input.key === key);
    if (['failed', 'blocked', 'stopped'].includes(ending.kind) && !isGathered) break; // so the node cannot run
  }
  return isChanged ? now : undefined;
}

/** Whether all that a node consumes is still there when it has a slot. */
export async function inputsAreUsable(node: PlannedNode, producers: Producers, context: RunContext): Promise<boolean> {
  for (const { key, artifact: name } of producersOf(node)) {
    const record = recordOf(producers, key);
    if (record !== undefined && !(await isUsable(artifactOf(record, name), context))) return false;
  }
  return true;
}

/** Whether an artifact is there and whole. A damaged one is put aside. A dry run only looks whether it is there. */
async function isUsable(artifact: RecordedArtifact, { cache, executor, warn }: RunContext): Promise<boolean> {
  if (!cache.hasArtifact(artifact)) return false;
  if (!executor.capabilities.computes) return true;
  try {
    await cache.verify(artifact);
    return true;
  } catch (error) {
    if (!(error instanceof SwpError) || error.failure.kind !== 'content') throw error;
    const path = error.failure.path!; // of the artifact, or of the part that is damaged
    if (!path.startsWith(cache.directory)) throw error; // a file of the user's
    const aside = cache.moveAside(path);
    warn({ ...error.failure, remedy: `It is kept as ${aside}, and computed again. Check the disk.` });
    return false;
  }
}

/** Same recipe, same inputs, other bytes: another machine or library, or a stage that is not deterministic. */
export function warnOfOtherBits(
  { node }: PlannedState,
  before: CacheRecord,
  now: CacheRecord,
  { warn }: RunContext,
): void {
  const artifacts = Object.keys(now.artifacts).filter(
    (name) => before.artifacts[name]?.sha256 !== now.artifacts[name]!.sha256,
  );
  if (artifacts.length === 0) return;
  const where = ({ environment: { host, cpu, node } }: CacheRecord) =>
    `${String(host)}, ${String(cpu)}, Node ${String(node)}`;
  warn({
    kind: 'other-bits',
    stage: node.stage.name,
    node: placeOf(node.labels[0]!),
    artifacts,
    before: where(before),
    now: where(now),
  });
}
