/** Computing one node: under a lease, so that only one process does it, in a worker, and published under both keys. */
import { rmSync } from 'node:fs';
import type { Lease, LeaseHolder } from '../cache/lease-store.ts';
import type { CacheRecord } from '../cache/record.ts';
import { countingRecord, recordByContent, wholeRecord } from './counting-record.ts';
import type { Reason } from './event.ts';
import { isUnchanged } from './external-file.ts';
import { SwpError } from '../base/failure.ts';
import { identify, type NodeIdentity } from './node-identity.ts';
import type { PlannedNode } from './node.ts';
import { placeOf } from './stage.ts';
import type { PlannedState } from './plan.ts';
import { inputsAreUsable, restoreInputs } from './restore-inputs.ts';
import { failedWith, recordOf, type Producers, type RunContext, type Settled } from './run-context.ts';
import type { GpuGrant } from './resources/gpu-slots.ts';
import type { Gpu } from '../base/nvidia-smi.ts';
import { prepareJob, prepareJourney, runStage, type Journey, type StageResult } from './run-stage.ts';
import { pointOf, startingPoint } from './trajectory.ts';

/** One node's work, once it is clear that it has to be done. */
export interface Work {
  planned: PlannedState;
  identity: NodeIdentity;
  reason: Reason;
  producers: Producers;
}

/** What a turn at a worker came to. */
type Turn =
  | { kind: 'settled'; settled: Settled }
  /** Another process is at it. */
  | { kind: 'busy'; holder: LeaseHolder }
  /** Something that it consumes was evicted while it waited for its turn. */
  | { kind: 'evicted' }
  /** The stage is done; what it made is still to be published. */
  | { kind: 'made'; result: StageResult; outputs: string; lease: Lease; journey: Journey | undefined; start: number };

/**
 * Computes a node when a worker is free, unless another process is at it: then its result serves. Publishing waits for
 * the disk, so the worker goes on with another node meanwhile.
 */
export async function compute(wanted: Work, context: RunContext): Promise<Settled> {
  const { inTurn, underWay } = context;
  const { contentKey } = wanted.identity;
  const settled = (async () => {
    for (let work = wanted; ;) {
      const gpu = await takeGpu(work.planned.node, context);
      if (gpu === 'stopped') return { outcome: 'blocked' } satisfies Settled;
      const turn = await inTurn(work.planned.node.key, () => takeTurn(work, context, gpu?.env)).finally(() =>
        gpu?.release(),
      );
      if (turn.kind === 'settled') return turn.settled;
      if (turn.kind === 'made') return publish(turn, work, context);
      if (turn.kind === 'busy') await waitForHolder(work, turn.holder, context);
      else {
        const restored = await restoreInputs(work.planned.node, work.producers, context);
        if ('outcome' in restored) return restored;
        const { producers } = restored;
        work = { ...work, producers, identity: identify(work.planned.node, (key) => recordOf(producers, key)) };
      }
    }
  })();
  underWay.set(contentKey, settled);
  try {
    return await settled;
  } finally {
    if (underWay.get(contentKey) === settled) underWay.delete(contentKey);
  }
}

/** Before a worker: a node that waits for a GPU holds up none that needs only a processor. */
async function takeGpu(
  node: PlannedNode,
  { gpus, emit, signal }: RunContext,
): Promise<GpuGrant | 'stopped' | undefined> {
  if ((node.stage.resources?.(node.params).gpus ?? 0) === 0) return undefined;
  const label = node.labels[0]!;
  const waiting = (all: Gpu[]) =>
    emit({
      event: 'gpu-wait',
      key: node.key,
      label,
      gpus: all.map(({ index, name, usedMemory }) => ({ index, name, usedMemory })),
    });
  return (await gpus.acquire(placeOf(label), waiting, signal)) ?? 'stopped';
}

/** What only one process at a time does: a trajectory as a whole, so that its stops build on one another. */
function leaseName({ planned: { node }, identity }: Work): string {
  return pointOf(node, identity.contentPreimage)?.trajectory ?? identity.contentKey;
}

async function takeTurn(work: Work, context: RunContext, env: Record<string, string> | undefined): Promise<Turn> {
  const { cache, signal } = context;
  const start = performance.now();
  let lease: Lease | undefined;
  let outputs: string | undefined;
  const end = (settled: Settled): Turn => {
    if (outputs !== undefined) rmSync(outputs, { recursive: true, force: true });
    lease?.release();
    return { kind: 'settled', settled };
  };
  try {
    if (signal.aborted) return end({ outcome: 'blocked' });
    const acquisition = await cache.leases.acquire(leaseName(work), placeOf(work.planned.node.labels[0]!));
    if (acquisition.kind === 'busy') return acquisition;
    ({ lease } = acquisition);
    const meanwhile = await madeMeanwhile(work, context);
    if (meanwhile !== undefined) return end(await reuse(work.planned.node, work.identity, meanwhile, context));
    if (!(await inputsAreUsable(work.planned.node, work.producers, context))) {
      lease.release();
      return { kind: 'evicted' };
    }
    outputs = await cache.scratch.node();
    const journey = await journeyOf(work, context);
    const result = await runIn(outputs, work, journey, context, env);
    if (result === 'stopped') return end({ outcome: 'blocked', started: true });
    return { kind: 'made', result, outputs, lease, journey, start };
  } catch (error) {
    return end(failedWith(error, start));
  }
}

/** While it waits, a node takes no worker. */
async function waitForHolder(
  work: Work,
  { user, host, pid, since, place }: LeaseHolder,
  context: RunContext,
): Promise<void> {
  const { node } = work.planned;
  context.emit({
    event: 'node-wait',
    key: node.key,
    stage: node.stage.name,
    label: node.labels[0]!,
    holder: { user, host, pid, since, place },
  });
  await context.cache.leases.wait(
    leaseName(work),
    async () => (await madeMeanwhile(work, context)) !== undefined,
    context.signal,
  );
}

/** What another process has published since this run looked. */
async function madeMeanwhile({ identity, reason }: Work, context: RunContext): Promise<CacheRecord | undefined> {
  const own = await countingRecord(identity.key, context);
  if (own?.contentKey === identity.contentKey) {
    const whole = reason.kind !== 'evicted' || !(await context.cache.absentArtifacts(own)).includes(reason.artifact);
    return whole ? own : undefined;
  }
  // What the user dismissed is to be computed, not found elsewhere.
  return reason.kind === 'invalidated' ? undefined : recordByContent(identity.contentKey, context);
}

/** Runs the stage in a worker, into a folder. */
async function runIn(
  outputs: string,
  { planned: { node }, identity, reason, producers }: Work,
  journey: Journey | undefined,
  context: RunContext,
  env: Record<string, string> | undefined,
): Promise<StageResult | 'stopped'> {
  const job = {
    ...(await prepareJob(node, outputs, (key) => recordOf(producers, key), context)),
    ...(journey && (await prepareJourney(journey, outputs, context.checkpointSeconds))),
  };
  await refuseChangedFiles(node);
  return runStage(node, identity.key, job, reason, context, journey, env);
}

async function publish(
  { result, outputs, lease, journey, start }: Extract<Turn, { kind: 'made' }>,
  { planned: { node }, identity }: Work,
  context: RunContext,
): Promise<Settled> {
  const { cache } = context;
  try {
    await refuseChangedFiles(node);
    const { code, packages } = await context.stages.load(node.stage.name);
    const environment = { ...(await context.environment()), code, packages };
    const record = await cache.publish({ ...identity, ...result, stage: node.stage.name, environment });
    if (journey !== undefined)
      await cache.trajectories.addStop(journey.point.trajectory, { at: journey.point.at, key: record.key });
    return { outcome: 'ran', record };
  } catch (error) {
    return failedWith(error, start);
  } finally {
    rmSync(outputs, { recursive: true, force: true });
    lease.release();
  }
}

/** Of a node that is on a trajectory: where it goes on. */
async function journeyOf(
  { planned: { node, record }, identity, reason }: Work,
  context: RunContext,
): Promise<Journey | undefined> {
  const point = pointOf(node, identity.contentPreimage);
  if (point === undefined) return undefined;
  const replaces = reason.kind === 'invalidated' ? record!.id : null;
  return {
    point,
    replaces,
    from: await startingPoint(point, context.cache, (key) => wholeRecord(key, context), replaces),
  };
}

/** External files are compared before and after, so that no record claims an input that it did not have. */
async function refuseChangedFiles(node: PlannedNode): Promise<void> {
  for (const file of node.files)
    if (!(await isUnchanged(file)))
      throw new SwpError({ kind: 'file-changed', path: file.path, stage: node.stage.name });
}

/** Lets another recipe's results serve. */
export async function reuse(
  node: PlannedNode,
  identity: NodeIdentity,
  source: CacheRecord,
  { cache, emit }: RunContext,
): Promise<Settled> {
  if (source.key === identity.key) return { outcome: 'cached', record: source }; // another process made it meanwhile
  const record = await cache.alias(identity.key, identity.preimage, source);
  emit({
    event: 'node-start',
    key: node.key,
    stage: node.stage.name,
    label: node.labels[0]!,
    sharedBy: node.labels.length,
    reason: { kind: 'same-content', sourceKey: source.key },
  });
  return { outcome: 'cached', record };
}
