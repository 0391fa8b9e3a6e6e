/** Computing one node: under a lease, so that only one process does it, in a worker, and published under both keys. */
import { rm } from 'node:fs/promises';
import type { LeaseHolder } from '../cache/lease-store.ts';
import type { CacheRecord } from '../cache/record.ts';
import { countingRecord, recordByContent, wholeRecord } from './counting-record.ts';
import type { Reason } from './event.ts';
import { isUnchanged } from './external-file.ts';
import { SwpError } from './failure.ts';
import type { NodeIdentity } from './node-identity.ts';
import type { PlannedNode } from './node.ts';
import { placeOf } from './place.ts';
import type { PlannedState } from './plan.ts';
import { failedWith, recordOf, type Producers, type RunContext, type Settled } from './run-context.ts';
import { prepareJob, prepareJourney, runStage, type Journey } from './run-stage.ts';
import { pointOf, startingPoint } from './trajectory.ts';

/** One node's work, once it is clear that it has to be done. */
export interface Work {
  planned: PlannedState;
  identity: NodeIdentity;
  reason: Reason;
  producers: Producers;
}

/** Computes a node when a worker is free, unless another process is at it: then its result serves. */
export async function compute(work: Work, context: RunContext): Promise<Settled> {
  const { inTurn, underWay } = context;
  const { contentKey } = work.identity;
  const settled = (async () => {
    for (;;) {
      const outcome = await inTurn(work.planned.node.key, () => underLease(work, context));
      if (outcome.outcome !== 'busy') return outcome;
      await waitForHolder(work, outcome.holder, context);
    }
  })();
  underWay.set(contentKey, settled);
  try {
    return await settled;
  } finally {
    if (underWay.get(contentKey) === settled) underWay.delete(contentKey);
  }
}

/** What only one process at a time does: a trajectory as a whole, so that its stops build on one another. */
function leaseName({ planned: { node }, identity }: Work): string {
  return pointOf(node, identity.contentPreimage)?.trajectory ?? identity.contentKey;
}

async function underLease(work: Work, context: RunContext): Promise<Settled | { outcome: 'busy'; holder: LeaseHolder }> {
  const { cache, signal } = context;
  if (signal.aborted) return { outcome: 'blocked' };
  const start = performance.now();
  try {
    const acquisition = await cache.leases.acquire(leaseName(work), placeOf(work.planned.node.labels[0]!));
    if (acquisition.kind === 'busy') return { outcome: 'busy', holder: acquisition.holder };
    try {
      const meanwhile = await madeMeanwhile(work, context);
      return meanwhile === undefined ? await runAndPublish(work, context) : await reuse(work.planned.node, work.identity, meanwhile, context);
    } finally {
      await acquisition.lease.release();
    }
  } catch (error) {
    return failedWith(error, start);
  }
}

/** While it waits, a node takes no worker. */
async function waitForHolder(work: Work, { user, host, pid, since, place }: LeaseHolder, context: RunContext): Promise<void> {
  const { node } = work.planned;
  context.emit({ event: 'node-wait', key: node.key, stage: node.stage.name, label: node.labels[0]!, holder: { user, host, pid, since, place } });
  await context.cache.leases.wait(leaseName(work), async () => (await madeMeanwhile(work, context)) !== undefined, context.signal);
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

/** Runs the stage in a worker and publishes what it made. */
async function runAndPublish({ planned, identity, reason, producers }: Work, context: RunContext): Promise<Settled> {
  const { node } = planned;
  const { cache } = context;
  const outputs = await cache.scratch.node();
  try {
    const journey = await journeyOf(planned, identity, reason, context);
    const job = {
      ...(await prepareJob(node, outputs, (key) => recordOf(producers, key), context)),
      ...(journey && (await prepareJourney(journey, outputs, context.checkpointSeconds))),
    };
    await refuseChangedFiles(node);
    const result = await runStage(node, identity.key, job, reason, context, journey);
    if (result === 'stopped') return { outcome: 'blocked', started: true };
    await refuseChangedFiles(node);
    const environment = await context.environment();
    const record = await cache.publish({ ...identity, ...result, stage: node.stage.name, environment });
    if (journey !== undefined) await cache.trajectories.addStop(journey.point.trajectory, { at: journey.point.at, key: record.key });
    return { outcome: 'ran', record };
  } finally {
    await rm(outputs, { recursive: true, force: true });
  }
}

/** Of a node that is on a trajectory: where it goes on. */
async function journeyOf({ node, record }: PlannedState, identity: NodeIdentity, reason: Reason, context: RunContext): Promise<Journey | undefined> {
  const point = pointOf(node, identity.contentPreimage);
  if (point === undefined) return undefined;
  const replaces = reason.kind === 'invalidated' ? record!.id : null;
  return { point, replaces, from: await startingPoint(point, context.cache, (key) => wholeRecord(key, context), replaces) };
}

/** External files are compared before and after, so that no record claims an input that it did not have. */
async function refuseChangedFiles(node: PlannedNode): Promise<void> {
  for (const file of node.files)
    if (!(await isUnchanged(file))) throw new SwpError({ kind: 'file-changed', path: file.path, stage: node.stage.name });
}

/** Lets another recipe's results serve. */
export async function reuse(node: PlannedNode, identity: NodeIdentity, source: CacheRecord, { cache, emit }: RunContext): Promise<Settled> {
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
