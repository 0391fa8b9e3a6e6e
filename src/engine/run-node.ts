/**
 * How one node comes to its result, once its producers are settled:
 *
 *     the record under its recipe key, if it was made of these very inputs
 *     or else the record of another recipe with the same content (early cutoff)
 *     or else a run of the stage in a worker, published under both keys
 */
import { rm } from 'node:fs/promises';
import type { Cache } from '../cache/cache.ts';
import type { CacheRecord, RecordedArtifact } from '../cache/record.ts';
import type { StudyState } from '../cache/study-state.ts';
import { producersOf } from './dag-builder.ts';
import type { EventSink, Reason } from './event.ts';
import { isUnchanged } from './external-file.ts';
import { SwpError, type Failure } from './failure.ts';
import type { JsonObject } from './json.ts';
import { artifactOf, identify, type NodeIdentity } from './node-identity.ts';
import type { PlannedNode } from './node.ts';
import { placeOf } from './place.ts';
import { isIncomplete, type PlannedState } from './plan.ts';
import { prepareJob, prepareJourney, runStage, type Journey } from './run-stage.ts';
import { pointOf, startingPoint } from './trajectory.ts';
import type { StageLoader } from './stage-loader.ts';
import type { WorkerPool } from './worker-pool.ts';

/** What became of a node. */
export type Settled =
  /** `restored`: it ran because artifacts were gone; what was made of them before stands. */
  | { outcome: 'cached' | 'ran'; record: CacheRecord; restored?: true }
  | { outcome: 'failed'; failure: Failure; seconds: number }
  /** `by`: key of the failed input; absent when the run was stopped. `started`: it was running then. */
  | { outcome: 'blocked'; by?: string; started?: boolean };

/** What the nodes of one run share. */
export interface RunContext {
  cache: Cache;
  study: StudyState;
  stages: StageLoader;
  pool: WorkerPool;
  emit: EventSink;
  signal: AbortSignal;
  environment(): Promise<JsonObject>;
  /** Seconds between two checkpoints of a node that is on a trajectory. */
  checkpointSeconds: number;
  /**
   * Computes a node again because artifacts of it that another one consumes are gone.
   * @returns once for every caller, what became of it
   */
  restore(key: string, reason: Reason): Promise<Settled>;
  /** What went wrong and costs no result. */
  warn(warning: Failure): void;
  /** Waits for a free worker; the longest way to the end of the DAG goes first. */
  inTurn<Result>(key: string, work: () => Promise<Result>): Promise<Result>;
  /** Work under way, by content key: recipes that turn out the same at the same time wait for one another. */
  underWay: Map<string, Promise<unknown>>;
}

/** A node's producers by key; `settled` is absent for one that this run did not need. */
export type Producers = ReadonlyMap<string, { planned: PlannedState; settled?: Settled }>;

/** @throws only for bugs in swp: whatever else goes wrong is the node's own failure */
export async function runNode(planned: PlannedState, producers: Producers, context: RunContext): Promise<Settled> {
  try {
    return await settle(planned, producers, context);
  } catch (error) {
    return failedWith(error, performance.now());
  }
}

async function settle(planned: PlannedState, producers: Producers, context: RunContext): Promise<Settled> {
  const { node } = planned;
  if (planned.state === 'cached' && standsUntouched(node, producers)) return { outcome: 'cached', record: planned.record! };
  const blocker = Object.values(node.inputs).find(({ key }) => recordOf(producers, key) === undefined);
  if (blocker !== undefined) return blockedBy(blocker.key, producers);

  const identity = identify(node, (key) => recordOf(producers, key));
  const own = identity.key === node.key ? recordIfCached(planned) : await countingRecord(identity.key, context);
  if (own?.contentKey === identity.contentKey) return { outcome: 'cached', record: own };
  if (context.signal.aborted) return { outcome: 'blocked' };

  const reason = planned.state === 'cached' ? whyNotCached(planned, producers) : planned.reason;
  const found = reason.kind === 'invalidated' ? undefined : await recordByContent(identity.contentKey, context);
  if (found !== undefined) return reuse(node, identity, found, context);
  const restored = await restoreInputs(node, producers, context);
  if ('outcome' in restored) return restored;
  return computeOnce(planned, identify(node, (key) => recordOf(restored.producers, key)), reason, restored.producers, context);
}

/**
 * Computes a node whose result is known but not whole any more. What it was made of is settled.
 * @param reason says what is gone
 */
export async function restoreNode(planned: PlannedState, producers: Producers, reason: Reason, context: RunContext): Promise<Settled> {
  try {
    const restored = await restoreInputs(planned.node, producers, context);
    if ('outcome' in restored) return restored;
    const identity = identify(planned.node, (key) => recordOf(restored.producers, key));
    const settled = await computeOnce(planned, identity, reason, restored.producers, context);
    if (settled.outcome !== 'ran') return settled;
    if (planned.record !== undefined) warnOfOtherBits(planned, planned.record, settled.record, context);
    return { ...settled, restored: true };
  } catch (error) {
    return failedWith(error, performance.now());
  }
}

/** Unless another recipe with the same content is being computed: then its results serve. */
async function computeOnce(planned: PlannedState, identity: NodeIdentity, reason: Reason, producers: Producers, context: RunContext): Promise<Settled> {
  const { node } = planned;
  // What the user dismissed, or what is gone, is to be computed, not found again.
  if (reason.kind === 'invalidated' || reason.kind === 'evicted') return compute(planned, identity, reason, producers, context);
  for (;;) {
    const source = await recordByContent(identity.contentKey, context);
    if (source !== undefined) return reuse(node, identity, source, context);
    const twin = context.underWay.get(identity.contentKey);
    if (twin === undefined) return compute(planned, identity, reason, producers, context);
    await twin;
  }
}

/**
 * Makes the artifacts that a node consumes be there again, if they were evicted or are damaged.
 * @returns its producers as they are then, or what keeps the node from running
 */
async function restoreInputs(node: PlannedNode, producers: Producers, context: RunContext): Promise<{ producers: Producers } | Settled> {
  const now = new Map(producers);
  for (const { key, artifact: name } of producersOf(node)) {
    const record = recordOf(now, key);
    if (record === undefined || (await isUsable(artifactOf(record, name), context))) continue;
    const settled = await context.restore(key, { kind: 'evicted', artifact: name, neededBy: placeOf(node.labels[0]!) });
    now.set(key, { ...now.get(key)!, settled });
    const gathered = !Object.values(node.inputs).some((input) => input.key === key);
    if (!('record' in settled) && !gathered) return blockedBy(key, now);
  }
  return { producers: now };
}

/** Whether an artifact is there and whole. A damaged one is put aside. */
async function isUsable(artifact: RecordedArtifact, { cache, warn }: RunContext): Promise<boolean> {
  if (!cache.hasArtifact(artifact)) return false;
  try {
    await cache.verify(artifact);
    return true;
  } catch (error) {
    if (!(error instanceof SwpError) || error.failure.kind !== 'content') throw error;
    const aside = await cache.setAside(artifact);
    warn({ ...error.failure, remedy: `It is kept as ${aside}, and computed again. Check the disk.` });
    return false;
  }
}

/** Same recipe, same inputs, other bytes: another machine or library, or a stage that is not deterministic. */
function warnOfOtherBits({ node }: PlannedState, before: CacheRecord, now: CacheRecord, { warn }: RunContext): void {
  const artifacts = Object.keys(now.artifacts).filter((name) => before.artifacts[name]?.sha256 !== now.artifacts[name]!.sha256);
  if (artifacts.length === 0) return;
  const where = ({ environment: { host, cpu, node } }: CacheRecord) => `${String(host)}, ${String(cpu)}, Node ${String(node)}`;
  warn({ kind: 'other-bits', stage: node.stage.name, node: placeOf(node.labels[0]!), artifacts, before: where(before), now: where(now) });
}

/** Runs the stage, when a worker is free, and publishes what it made. */
async function compute(
  planned: PlannedState,
  identity: NodeIdentity,
  reason: Reason,
  producers: Producers,
  context: RunContext,
): Promise<Settled> {
  const { node } = planned;
  const { cache, inTurn, signal, underWay } = context;
  const work = inTurn(node.key, async (): Promise<Settled> => {
    if (signal.aborted) return { outcome: 'blocked' };
    const start = performance.now();
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
    } catch (error) {
      return failedWith(error, start);
    } finally {
      await rm(outputs, { recursive: true, force: true });
    }
  });
  underWay.set(identity.contentKey, work);
  try {
    return await work;
  } finally {
    if (underWay.get(identity.contentKey) === work) underWay.delete(identity.contentKey);
  }
}

/** Of a node that is on a trajectory: where it goes on. */
async function journeyOf({ node, record }: PlannedState, identity: NodeIdentity, reason: Reason, context: RunContext): Promise<Journey | undefined> {
  const point = pointOf(node, identity.contentPreimage);
  if (point === undefined) return undefined;
  const replaces = reason.kind === 'invalidated' ? record!.id : null;
  return { point, replaces, from: await startingPoint(point, context.cache, (key) => wholeRecord(key, context), replaces) };
}

/** @param start by performance.now() */
function failedWith(error: unknown, start: number): Settled {
  if (!(error instanceof SwpError)) throw error;
  return { outcome: 'failed', failure: error.failure, seconds: (performance.now() - start) / 1000 };
}

/** Lets another recipe's results serve. */
async function reuse(node: PlannedNode, identity: NodeIdentity, source: CacheRecord, { cache, emit }: RunContext): Promise<Settled> {
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

/** External files are compared before and after, so that no record claims an input that it did not have. */
async function refuseChangedFiles(node: PlannedNode): Promise<void> {
  for (const file of node.files)
    if (!(await isUnchanged(file))) throw new SwpError({ kind: 'file-changed', path: file.path, stage: node.stage.name });
}

/** Whether nothing that this run did can touch a cached node. */
function standsUntouched(node: PlannedNode, producers: Producers): boolean {
  const gathers = Object.keys(node.gathers).length > 0;
  return [...producers.values()].every(({ planned, settled }) => {
    if (settled === undefined) return true;
    if ('restored' in settled) return true;
    if (settled.outcome === 'cached') return settled.record === planned.record;
    // A producer that only lost its artifacts, and cannot make them again, still was what the record says.
    return settled.outcome !== 'ran' && planned.reason.kind === 'missing' && !gathers;
  });
}

/** The first producer whose artifact is other than the one that the record was made of. */
function whyNotCached({ node, record }: PlannedState, producers: Producers): Reason {
  const made = record!.contentPreimage.inputs as Record<string, { sha256: string }>;
  for (const [input, { key, artifact }] of Object.entries(node.inputs))
    if (recordOf(producers, key)?.artifacts[artifact]?.sha256 !== made[input]?.sha256) return { kind: 'input-differs', input };
  return { kind: 'input-differs', input: Object.keys(node.gathers)[0]! };
}

function recordIfCached({ state, record }: PlannedState): CacheRecord | undefined {
  return state === 'cached' ? record : undefined;
}

function recordOf(producers: Producers, key: string): CacheRecord | undefined {
  const { planned, settled } = producers.get(key)!;
  if (settled === undefined) return recordIfCached(planned);
  return 'record' in settled ? settled.record : undefined;
}

/** Names the node that failed in the first place, and not one that it blocked. */
function blockedBy(key: string, producers: Producers): Settled {
  const settled = producers.get(key)?.settled;
  if (settled?.outcome === 'blocked') return settled.by === undefined ? { outcome: 'blocked' } : { outcome: 'blocked', by: settled.by };
  return { outcome: 'blocked', by: key };
}

async function recordByContent(contentKey: string, context: RunContext): Promise<CacheRecord | undefined> {
  const key = await context.cache.keyByContent(contentKey);
  const record = key === undefined ? undefined : await countingRecord(key, context);
  return record?.contentKey === contentKey ? record : undefined;
}

/** A record that counts and has its artifacts, but for those that were evicted. */
async function countingRecord(key: string, context: RunContext): Promise<CacheRecord | undefined> {
  const record = await wholeRecord(key, context);
  return record === undefined || isIncomplete(record, await context.cache.absentArtifacts(record)) ? undefined : record;
}

/** A record that is whole and not dismissed in this study. */
async function wholeRecord(key: string, { cache, study }: RunContext): Promise<CacheRecord | undefined> {
  const record = await cache.record(key).catch((error: unknown) => {
    if (error instanceof SwpError && error.failure.kind === 'content') return undefined; // as in planning
    throw error;
  });
  return record === undefined || study.dismissed(record.id) !== undefined ? undefined : record;
}

/** The producers of a node, as `settle` wants them. */
export function collectProducers(
  node: PlannedNode,
  plan: ReadonlyMap<string, PlannedState>,
  settled: ReadonlyMap<string, Settled>,
): Producers {
  return new Map(
    producersOf(node).map(({ key }) => {
      const outcome = settled.get(key);
      return [key, { planned: plan.get(key)!, ...(outcome !== undefined && { settled: outcome }) }];
    }),
  );
}
