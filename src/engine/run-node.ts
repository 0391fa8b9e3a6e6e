/**
 * How one node comes to its result, once its producers have ended. `runNode` reads from top to bottom: identity,
 * existing results, inputs, and the attempt to compute it: slot, lease, run. NodeEnding (run-context.ts) names the ways
 * in which it can end.
 */
import { memoryNeed } from './memory-need.ts';
import { stopLease } from '../cache/lease-files.ts';
import type { Lease } from '../cache/lease-store.ts';
import type { LeaseHolder } from '../cache/stored-lease.ts';
import type { CacheRecord } from '../cache/record.ts';
import { systemClock } from '../base/clock.ts';
import { SwpError } from '../base/failure.ts';
import { failureOf } from '../base/file-failure.ts';
import type { Reason } from './event.ts';
import { resourcesOf, type Delegate, type Slot } from './executor.ts';
import { findResult } from './existing-result.ts';
import { LineSplitter } from './line-splitter.ts';
import { identify } from './node-identity.ts';
import type { PlannedNode } from './node.ts';
import type { PlannedState } from './plan.ts';
import { inputsAreUsable, restoreInputs, warnOfOtherBits } from './restore-inputs.ts';
import {
  blockedBy,
  failedWith,
  isAsPlanned,
  recordOf,
  startEvent,
  type NodeEnding,
  type NodeWork,
  type Producers,
  type RunContext,
} from './run-context.ts';
import { placeOf } from './stage.ts';
import { pointOf } from './trajectory.ts';

/** NFS clients look up names anew after a minute at most; https://man7.org/linux/man-pages/man5/nfs.5.html, acdirmax. */
const LATE_FILES_MS = 90_000;
const LOOK_EVERY_MS = 1_000;

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
  if (node.blocked !== undefined) return { kind: 'blocked', by: node.blocked.by };
  const told = new Set<string>();
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
      if (context.signal.aborted) return { kind: 'stopped', started: false };

      // Inputs: what was evicted, or is damaged, is computed again first; other bits make it another node.
      const restored = await restoreInputs(node, producers, context);
      if (restored !== undefined) {
        producers = restored;
        continue;
      }

      // Computing: what it waits for, it waits for here, when the attempt has given everything back.
      const attempt = await attemptToCompute(work, context);
      if (attempt.kind === 'ended') return attempt.ending;
      if (attempt.kind === 'twin') await attempt.ended;
      if (attempt.kind === 'busy') await waitForHolder(attempt, work, told, context);
    }
  } catch (error) {
    return failedWith(error, undefined);
  }
}

/** What an attempt at computing a node came to. It holds nothing any more. */
type Attempt =
  | { kind: 'ended'; ending: NodeEnding }
  /** Another recipe of this run has the same content and is at it. */
  | { kind: 'twin'; ended: Promise<void> }
  /** Another process has this lease, and what it makes is of use. */
  | { kind: 'busy'; name: string; holder: LeaseHolder }
  /** An input was evicted meanwhile. */
  | { kind: 'again' };

/**
 * Takes what computing a node needs: its content's claim in this run, a slot, and the lease. It waits for nothing but
 * the slot, and holds nothing else meanwhile that another process needs.
 */
async function attemptToCompute(work: NodeWork, context: RunContext): Promise<Attempt> {
  const { node } = work.planned;
  const { claims, executor } = context;
  const ended = (ending: NodeEnding): Attempt => ({ kind: 'ended', ending });

  // Two recipes with the same content in this process: one computes it, the other one looks again.
  const twin = claims.heldBy(work.identity.contentKey);
  if (twin !== undefined) return { kind: 'twin', ended: twin };
  using _claim = claims.take(work.identity.contentKey);

  // Slot: a free worker, for instance, and a GPU if it needs one. Or a delegate, which computes it elsewhere.
  using slot = await reserveSlot(node, context);
  if (slot === undefined)
    return ended(
      executor.capabilities.computes ? { kind: 'stopped', started: false } : { kind: 'would-run', reason: work.reason },
    );
  const startedAt = performance.now();
  try {
    // Elsewhere: the delegate takes the lease and publishes.
    if ('follow' in slot) return ended(await followDelegate(work, slot, context));
    // Lease: one process at a time computes it. What another one has published by now is taken before it is asked for,
    // and what was published just before it was had, after that.
    const published = await findResult(work, context);
    if (published !== undefined) return ended(await useResult(published, work, context));
    const acquisition = await takeLease(work, context);
    if (acquisition.kind === 'busy') return acquisition;
    using _lease = acquisition.lease;
    const madeMeanwhile = await findResult(work, context);
    if (madeMeanwhile !== undefined) return ended(await useResult(madeMeanwhile, work, context));

    // Run, unless an input was evicted meanwhile.
    if (!(await inputsAreUsable(node, work.producers, context))) return { kind: 'again' };
    const record = await context.compute(work, slot);
    return ended(record === 'cancelled' ? { kind: 'stopped', started: true } : { kind: 'ran', record });
  } catch (error) {
    // An input may be evicted just before the job has it by a name of its own.
    if (failureOf(error)?.kind === 'file' && !(await inputsAreUsable(node, work.producers, context)))
      return { kind: 'again' };
    return ended(failedWith(error, startedAt));
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
    if (ending === undefined || planned.state === 'blocked') return true; // a result that it never was made of
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
  { planned, identity }: NodeWork,
  { cache, emit, executor }: RunContext,
): Promise<NodeEnding> {
  if (source.key === identity.key) {
    const hasRun = (await executor.hasComputed?.(planned.node.key)) === true;
    return { kind: hasRun ? 'ran' : 'cached', record: source };
  }
  if (!executor.capabilities.computes) return { kind: 'reused', record: source }; // a dry run writes nothing
  const record = await cache.alias(identity.key, identity.preimage, source);
  emit(startEvent({ planned, reason: { kind: 'same-content', sourceKey: source.key } }, {}));
  return { kind: 'reused', record };
}

/**
 * A delegate brings the node to its result; here it is told how that goes, and the result is taken from the cache. What
 * has been published counts, whatever became of the delegate.
 * @throws SwpError for whatever goes wrong with the node or the delegate
 */
async function followDelegate(work: NodeWork, delegate: Delegate, context: RunContext): Promise<NodeEnding> {
  const { key } = work.planned.node;
  const { emit, signal } = context;
  let started = false;
  const lines = new LineSplitter((line) => emit({ event: 'node-log', key, line }));
  const outcome = await delegate.follow((event) => {
    if (event.kind === 'output') lines.push(event.text);
    else if (event.kind === 'progress') emit({ event: 'node-progress', key, progress: event.progress });
    else if (event.kind === 'checkpoint-kept') emit({ event: 'node-checkpoint', key, at: event.at });
    else {
      const { kind: _, slot: worker, ...how } = event;
      started = true;
      emit(startEvent(work, { worker, ...how }));
    }
  }, signal);
  lines.end();
  let result = await findResult(work, context);
  // A file server may show what another machine has written a little later.
  for (
    let waited = 0;
    result === undefined && outcome.kind === 'done' && waited < LATE_FILES_MS;
    waited += LOOK_EVERY_MS
  ) {
    await systemClock.sleep(LOOK_EVERY_MS, signal);
    if (signal.aborted) return { kind: 'stopped', started };
    result = await findResult(work, context);
  }
  if (result !== undefined && outcome.kind === 'done' && outcome.ran) return { kind: 'ran', record: result };
  if (result !== undefined) return useResult(result, work, context);
  if (outcome.kind === 'cancelled') return { kind: 'stopped', started };
  if (outcome.kind === 'failed') throw new SwpError(outcome.failure);
  throw new SwpError({
    kind: 'content',
    path: context.cache.directory,
    message: `The job has made ${placeOf(work.planned.node.labels[0]!)}, but its result is not here`,
    remedy: 'Give jobs and this machine the same cache, on a file system that they share.',
  });
}

/** @returns undefined if the run was stopped meanwhile, or if the executor only makes a dry run */
async function reserveSlot(
  node: PlannedNode,
  { cache, executor, emit, signal, stages, priorityOf, memoryPerNode, unwanted }: RunContext,
): Promise<Slot | Delegate | undefined> {
  const label = node.labels[0]!;
  const expectedMemory = await memoryNeed(node, stages.root);
  const bytes = await node.stage.disk?.(node.params, stages.root, unwanted(node));
  return executor.reserve({
    key: node.key,
    place: placeOf(label),
    resources: {
      ...resourcesOf(node),
      ...(expectedMemory !== undefined && { expectedMemory }),
      ...(bytes !== undefined && { expectedDisk: { bytes, folder: cache.directory } }),
      ...(memoryPerNode !== undefined && { memoryBytes: memoryPerNode }),
    },
    priority: priorityOf(node),
    signal,
    onWait: (gpus) => emit({ event: 'gpu-wait', key: node.key, label, gpus }),
  });
}

/**
 * Takes the lease of a node's content, unless another process is computing it, or a nearer stop of its trajectory from
 * which it can go on. Who computes a farther stop is of no use: its result is beyond this one.
 */
async function takeLease(
  { planned, identity, point }: NodeWork,
  { cache: { leases } }: RunContext,
): Promise<{ kind: 'held'; lease: Lease } | Extract<Attempt, { kind: 'busy' }>> {
  const name = point === undefined ? identity.contentKey : stopLease(point.trajectory, point.at);
  const acquisition = await leases.acquire(name, placeOf(planned.node.labels[0]!));
  if (acquisition.kind === 'busy') return { ...acquisition, name };
  if (point === undefined) return acquisition;
  try {
    const before = await leases.holderBefore(point.trajectory, point.at);
    if (before === undefined) return acquisition;
    acquisition.lease.release();
    return { kind: 'busy', ...before };
  } catch (error) {
    acquisition.lease.release();
    throw error;
  }
}

/**
 * Waits until the result is there, or the lease is free, or its holder is dead.
 * @param told holders of which this node has said already that it waits for them
 */
async function waitForHolder(
  { name, holder }: Extract<Attempt, { kind: 'busy' }>,
  work: NodeWork,
  told: Set<string>,
  context: RunContext,
): Promise<void> {
  const who = `${holder.user} ${holder.host} ${holder.pid}`;
  if (!told.has(who)) emitWait(work.planned.node, holder, context);
  told.add(who);
  await context.cache.leases.wait(name, async () => (await findResult(work, context)) !== undefined, context.signal);
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
