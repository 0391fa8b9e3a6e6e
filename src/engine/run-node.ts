/**
 * How one node comes to its result, once its producers have ended. `runNode` reads from top to bottom: identity,
 * existing results, inputs, slot, lease, run, publication. NodeEnding (run-context.ts) names the ways it can end.
 */
import type { Lease } from '../cache/lease-store.ts';
import type { LeaseHolder } from '../cache/stored-lease.ts';
import type { CacheRecord } from '../cache/record.ts';
import type { Reason } from './event.ts';
import { resourcesOf, type Slot } from './executor.ts';
import { findResult } from './existing-result.ts';
import { refuseChangedFiles } from './external-file.ts';
import { identify } from './node-identity.ts';
import type { PlannedNode } from './node.ts';
import type { PlannedState } from './plan.ts';
import { inputsAreUsable, restoreInputs, warnOfOtherBits } from './restore-inputs.ts';
import {
  blockedBy,
  failedWith,
  isAsPlanned,
  recordOf,
  type NodeEnding,
  type NodeWork,
  type Producers,
  type RunContext,
} from './run-context.ts';
import { openOutputFolder, runJob, type StageResult } from './run-job.ts';
import { placeOf } from './stage.ts';
import { pointOf } from './trajectory.ts';

/**
 * @param lost why a node that has a record runs nevertheless: an artifact of it that another one consumes is gone
 * @throws only for bugs in swp: whatever else goes wrong is the node's own failure
 */
export async function runNode(
  planned: PlannedState,
  producers: Producers,
  context: RunContext,
  lost?: Reason,
): Promise<NodeEnding> {
  const { node } = planned;
  const { executor, signal } = context;
  let startedAt: number | undefined;
  try {
    if (lost === undefined && isUntouched(planned, producers)) return { kind: 'cached', record: planned.record! };
    const reason = lost ?? reasonToRun(planned, producers);
    for (;;) {
      // In a dry run, what a producer would make is not known, nor whether this node would turn out equal to another.
      if (dependsOnDryRun(producers)) {
        await restoreInputs(node, producers, context);
        return { kind: 'would-run', reason };
      }

      // Identity: its keys follow from what its producers have made.
      const blocker = inputWithoutRecord(node, producers);
      if (blocker !== undefined) return blockedBy(blocker, producers);
      const work = describeWork(planned, producers, reason);

      // Existing results: of this recipe, or of another one with the same content.
      const existing = await findResult(work, context);
      if (existing !== undefined) return await useResult(existing, work, context);
      if (signal.aborted) return { kind: 'stopped', started: false };

      // Inputs: what was evicted, or is damaged, is computed again first; other bits make it another node.
      const restored = await restoreInputs(node, producers, context);
      if (restored !== undefined) {
        producers = restored;
        continue;
      }

      // Two recipes with the same content in this process: one computes it, the other one looks again.
      const twin = context.claims.heldBy(work.identity.contentKey);
      if (twin !== undefined) {
        await twin;
        continue;
      }
      using _claim = context.claims.take(work.identity.contentKey);

      // Slot: a free worker, for instance, and a GPU if it needs one.
      using slot = await reserveSlot(node, context);
      if (slot === undefined)
        return executor.capabilities.computes ? { kind: 'stopped', started: false } : { kind: 'would-run', reason };
      startedAt = performance.now();

      // Lease: one process at a time computes it. While it waits for another process, the node holds no slot.
      using lease = await takeLease(work, slot, context);
      if (lease === undefined) continue;

      // Meanwhile another process may have made the result, or evicted an input.
      const madeMeanwhile = await findResult(work, context);
      if (madeMeanwhile !== undefined) return await useResult(madeMeanwhile, work, context);
      if (!(await inputsAreUsable(node, producers, context))) continue;

      // Run.
      using folder = await openOutputFolder(context.cache);
      const made = await runJob(work, folder.path, slot, context);
      if (made === 'cancelled') return { kind: 'stopped', started: true };

      // Publication waits for the disk: the slot serves another node meanwhile.
      slot.release();
      return { kind: 'ran', record: await publish(made, work, context) };
    }
  } catch (error) {
    return failedWith(error, startedAt);
  }
}

/**
 * Computes a node whose record is there but has lost an artifact. Its producers have ended.
 * @param lost says what is gone
 */
export async function restoreNode(
  planned: PlannedState,
  producers: Producers,
  lost: Reason,
  context: RunContext,
): Promise<NodeEnding> {
  const ending = await runNode(planned, producers, context, lost);
  if (ending.kind !== 'ran') return ending;
  if (planned.record !== undefined) warnOfOtherBits(planned, planned.record, ending.record, context);
  return { kind: 'restored', record: ending.record };
}

/** Whether a node is cached and nothing that this run did can touch it. */
function isUntouched({ node, state }: PlannedState, producers: Producers): boolean {
  if (state !== 'cached') return false;
  const gathers = Object.keys(node.gathers).length > 0;
  return [...producers.values()].every(({ planned, ending }) => {
    if (ending === undefined) return true;
    // Equal recipes give equal results, until a run has shown something else.
    if (ending.kind === 'restored' || ending.kind === 'would-run') return true;
    if (ending.kind === 'cached' || ending.kind === 'reused') return isAsPlanned(planned, ending.record);
    // A producer that lost its artifacts and cannot make them again: the record was made of them all the same.
    return ending.kind !== 'ran' && ['missing', 'failed'].includes(planned.reason.kind) && !gathers;
  });
}

/** The reason of the plan; of a cached node, the first input that differs from the one that its record was made of. */
function reasonToRun({ node, state, reason, record }: PlannedState, producers: Producers): Reason {
  if (state !== 'cached') return reason;
  const made = record!.contentPreimage.inputs as Record<string, { sha256: string }>;
  for (const [input, { key, artifact }] of Object.entries(node.inputs))
    if (recordOf(producers, key)?.artifacts[artifact]?.sha256 !== made[input]?.sha256)
      return { kind: 'input-differs', input };
  return { kind: 'input-differs', input: Object.keys(node.gathers)[0]! };
}

function dependsOnDryRun(producers: Producers): boolean {
  return [...producers.values()].some(({ ending }) => ending?.kind === 'would-run');
}

/** The producer of a single input that has no result. Gathered inputs may be missing. */
function inputWithoutRecord({ inputs }: PlannedNode, producers: Producers): string | undefined {
  return Object.values(inputs).find(({ key }) => recordOf(producers, key) === undefined)?.key;
}

function describeWork(planned: PlannedState, producers: Producers, reason: Reason): NodeWork {
  const identity = identify(planned.node, (key) => recordOf(producers, key));
  return { planned, reason, producers, identity, point: pointOf(planned.node, identity.contentPreimage) };
}

/** Lets a result serve that is there already. */
async function useResult(
  source: CacheRecord,
  { planned: { node }, identity }: NodeWork,
  { cache, emit, executor }: RunContext,
): Promise<NodeEnding> {
  if (source.key === identity.key) return { kind: 'cached', record: source };
  if (!executor.capabilities.computes) return { kind: 'reused', record: source }; // a dry run writes nothing
  const record = await cache.alias(identity.key, identity.preimage, source);
  emit({
    event: 'node-start',
    key: node.key,
    stage: node.stage.name,
    label: node.labels[0]!,
    sharedBy: node.labels.length,
    reason: { kind: 'same-content', sourceKey: source.key },
  });
  return { kind: 'reused', record };
}

/** @returns undefined if the run was stopped meanwhile, or if the executor only makes a dry run */
function reserveSlot(
  node: PlannedNode,
  { executor, emit, signal, priorityOf, memoryPerNode }: RunContext,
): Promise<Slot | undefined> {
  const label = node.labels[0]!;
  return executor.reserve({
    place: placeOf(label),
    resources: { ...resourcesOf(node), ...(memoryPerNode !== undefined && { memoryBytes: memoryPerNode }) },
    priority: priorityOf(node.key),
    signal,
    onWait: (gpus) => emit({ event: 'gpu-wait', key: node.key, label, gpus }),
  });
}

/**
 * Takes the lease of a node's content; of its whole trajectory if it is on one, so that its stops build on one another.
 * If another process has it, gives the slot back and waits.
 * @returns undefined when the wait is over: the other process has made the result, or has failed, or is gone
 */
async function takeLease(work: NodeWork, slot: Slot, context: RunContext): Promise<Lease | undefined> {
  const { planned, identity, point } = work;
  const { leases } = context.cache;
  const name = point?.trajectory ?? identity.contentKey;
  const acquisition = await leases.acquire(name, placeOf(planned.node.labels[0]!));
  if (acquisition.kind === 'held') return acquisition.lease;
  slot.release();
  emitWait(planned.node, acquisition.holder, context);
  await leases.wait(name, async () => (await findResult(work, context)) !== undefined, context.signal);
  return undefined;
}

function emitWait(node: PlannedNode, { user, host, pid, since, place }: LeaseHolder, { emit }: RunContext): void {
  emit({
    event: 'node-wait',
    key: node.key,
    stage: node.stage.name,
    label: node.labels[0]!,
    holder: { user, host, pid, since, place },
  });
}

/** Under both keys, and as a stop of its trajectory. */
async function publish(
  made: StageResult,
  { planned: { node }, identity, point }: NodeWork,
  { cache, stages, environment }: RunContext,
): Promise<CacheRecord> {
  await refuseChangedFiles(node);
  const { code, packages } = await stages.load(node.stage.name);
  const record = await cache.publish({
    ...identity,
    ...made,
    stage: node.stage.name,
    environment: { ...(await environment()), code, packages },
  });
  if (point !== undefined) await cache.trajectories.addStop(point.trajectory, { at: point.at, key: record.key });
  return record;
}
