/** Brings a DAG up to date: every node waits for its producers, then comes to its result (run-node.ts). */
import PQueue from 'p-queue';
import type { Cache } from '../cache/cache.ts';
import type { CacheRecord } from '../cache/record.ts';
import type { StudyState } from '../cache/study-state.ts';
import { producersOf, type Dag } from './dag-builder.ts';
import { collectEnvironment } from './environment.ts';
import type { EventSink, NodeCounts, Reason } from './event.ts';
import { SwpError, type Failure } from '../base/failure.ts';
import type { JsonObject } from '../base/json.ts';
import { expectedRestores, neededNodes, type Wanted } from './needed-nodes.ts';
import { longestWays } from './longest-way.ts';
import { placeOf } from './stage.ts';
import { plan as makePlan, type Plan, type PlannedState } from './plan.ts';
import { collectProducers, type RunContext, type Settled } from './run-context.ts';
import { restoreNode, runNode } from './run-node.ts';
import type { NodeLabel } from './stage.ts';
import { GpuSlots } from './resources/gpu-slots.ts';
import type { StageLoader } from './stage-loader.ts';
import { chainStops } from './trajectory.ts';
import { WorkerPool } from './worker-pool.ts';

/** Seldom enough to cost next to nothing, often enough that a killed run loses a minute. */
export const CHECKPOINT_SECONDS = 60;

export interface RunOptions extends Wanted {
  dag: Dag;
  cache: Cache;
  study: StudyState;
  stages: StageLoader;
  /** Nodes at a time, at least 1; `usableCpus()` is a good number. */
  jobs: number;
  emit: EventSink;
  /** Stops the run; its reason, if a string such as `SIGINT`, becomes `stopped`. */
  signal: AbortSignal;
  /** If the caller has planned already. */
  plan?: Plan;
  /** The project whose git commit the records name; the working directory if absent. */
  root?: string;
  /** Seconds between two checkpoints of a long node; 60 if absent. */
  checkpointSeconds?: number;
  /** GPUs for nodes that need one; `auto` if absent. */
  gpus?: GpuSlots;
  /** Bytes that a node may take; no limit if absent. */
  memoryPerNode?: number;
  /** Path of the built worker; the installed one if absent. */
  worker?: string;
}

export interface NodeFailure {
  key: string;
  stage: string;
  label: NodeLabel;
  failure: Failure;
}

export interface RunResult extends NodeCounts {
  seconds: number;
  /** What stopped the run, if something did. */
  stopped?: string;
  failures: NodeFailure[];
  /**
   * What went wrong and cost no result: damaged records, which were computed again, or a study's memory not written.
   */
  warnings: Failure[];
  /**
   * Of every node that has a result now, by the key in the DAG. A gathering node with holes has a record of another
   * key.
   */
  records: Map<string, CacheRecord>;
}

/**
 * Emits everything but the summary, which the caller writes once it has rendered what it wants to say. When it returns,
 * no worker is alive and no unpublished file is left.
 * @throws SwpError of kind `file` if the cache cannot be read
 */
export async function run(options: RunOptions): Promise<RunResult> {
  const { dag, cache, study, emit, signal } = options;
  const start = performance.now();
  const plan = options.plan ?? (await makePlan(dag, cache, study));
  const needed = neededNodes(plan, options);
  emitPlan(needed, plan, emit);
  const pool = new WorkerPool(options.jobs, options.worker, options.memoryPerNode);
  const gpus = options.gpus ?? new GpuSlots({ choice: 'auto' });
  const stop = () => void pool.close();
  signal.addEventListener('abort', stop);
  const settled = new Map<string, Settled>();
  const warnings = [...plan.warnings];
  try {
    if (needed.some(({ state }) => state !== 'cached'))
      await settleAll(needed, plan, settled, createContext({ ...options, gpus }, pool, warnings));
    else for (const { node, record } of needed) settled.set(node.key, { outcome: 'cached', record: record! });
  } finally {
    signal.removeEventListener('abort', stop);
    await pool.close();
    await rememberPlaces(needed, settled, study).catch((error: unknown) => {
      if (!(error instanceof SwpError)) throw error;
      warnings.push(error.failure); // it only explains; what the nodes themselves met is worth more
    });
    cache.leases.close();
    await gpus.close();
    await cache.scratch.clear();
  }
  return summarise(
    plan,
    new Set([...needed.map(({ node }) => node.key), ...settled.keys()]),
    warnings,
    settled,
    signal,
    (performance.now() - start) / 1000,
  );
}

function createContext(
  options: RunOptions & { gpus: GpuSlots },
  pool: WorkerPool,
  warnings: Failure[],
): Omit<RunContext, 'restore'> {
  const { dag, cache, study, stages, emit, signal, jobs, root = process.cwd() } = options;
  const queue = new PQueue({ concurrency: jobs });
  const nodesBehind = longestWays(dag, () => 1);
  let environment: Promise<JsonObject> | undefined;
  return {
    cache,
    study,
    stages,
    pool,
    emit,
    signal,
    checkpointSeconds: options.checkpointSeconds ?? CHECKPOINT_SECONDS,
    environment: () => (environment ??= collectEnvironment(root)),
    inTurn: (key, work) => queue.add(work, { priority: nodesBehind.get(key)! }),
    underWay: new Map(),
    gpus: options.gpus,
    warn: (warning) => void warnings.push(warning),
  };
}

/** Every node waits for its producers, and a stop of a trajectory for the stop before it, from which it goes on. */
async function settleAll(
  needed: PlannedState[],
  plan: Plan,
  settled: Map<string, Settled>,
  shared: Omit<RunContext, 'restore'>,
): Promise<void> {
  const byKey = new Map(needed.map((planned) => [planned.node.key, planned]));
  const context: RunContext = { ...shared, restore };
  const restored = new Map<string, Promise<Settled>>();
  const stopBefore = chainStops(needed.filter(({ state }) => state !== 'cached').map(({ node }) => node));
  const pending = new Map<string, Promise<void>>();
  const settle = (key: string): Promise<void> | undefined => {
    const planned = byKey.get(key);
    if (planned !== undefined && !pending.has(key)) pending.set(key, settleNode(planned));
    return pending.get(key);
  };
  const settleNode = async (planned: PlannedState) => {
    const { node } = planned;
    const awaited = new Set(producersOf(node).map(({ key }) => key));
    const before = stopBefore.get(node.key);
    if (before !== undefined) awaited.add(before);
    await Promise.all([...awaited].map(settle));
    const outcome = await runNode(planned, collectProducers(node, plan.nodes, settled), context);
    settled.set(node.key, outcome);
    emitEnd(planned, outcome, context);
  };
  await Promise.all([...byKey.keys()].map(settle));

  function restore(key: string, reason: Reason): Promise<Settled> {
    const known = restored.get(key);
    if (known !== undefined) return known;
    const result = restoreOnce(plan.nodes.get(key)!, reason).then((settled) => {
      if ('record' in settled) restored.delete(key); // it may be evicted once more
      return settled;
    });
    restored.set(key, result);
    return result;
  }

  /** What it was made of may be outside of what the run needed so far. */
  async function restoreOnce(planned: PlannedState, reason: Reason): Promise<Settled> {
    const { key } = planned.node;
    const producers = neededNodes(plan, { targets: producersOf(planned.node).map((producer) => producer.key) });
    for (const producer of producers) if (producer.state !== 'cached') byKey.set(producer.node.key, producer);
    await Promise.all(producers.map((producer) => settle(producer.node.key)));
    const outcome = await restoreNode(planned, collectProducers(planned.node, plan.nodes, settled), reason, context);
    settled.set(key, outcome);
    emitEnd(planned, outcome, context);
    return outcome;
  }
}

function emitPlan(needed: PlannedState[], plan: Plan, emit: EventSink): void {
  const stages: Record<string, number> = {};
  const restores = expectedRestores(plan, needed);
  const toRun = needed.filter(({ node, state }) => state !== 'cached' || restores.has(node.key));
  for (const { node } of toRun) stages[node.stage.name] = (stages[node.stage.name] ?? 0) + 1;
  emit({
    event: 'plan',
    nodes: { total: needed.length, cached: needed.length - toRun.length, toRun: toRun.length },
    stages,
  });
}

function emitEnd({ node, record }: PlannedState, settled: Settled, { emit, signal }: RunContext): void {
  if (settled.outcome === 'cached' && settled.record === record) return; // nothing happened
  if (settled.outcome === 'blocked' && settled.by === undefined && !settled.started) return; // stopped before it began
  emit({
    event: 'node-end',
    key: node.key,
    stage: node.stage.name,
    label: node.labels[0]!,
    outcome: settled.outcome,
    seconds: settled.outcome === 'ran' ? settled.record.seconds : settled.outcome === 'failed' ? settled.seconds : 0,
    ...('record' in settled && { metrics: settled.record.metrics }),
    ...(settled.outcome === 'failed' && { failure: settled.failure }),
    ...(settled.outcome === 'blocked' &&
      settled.by === undefined && { failure: { kind: 'stopped', signal: stopReason(signal) } }),
    ...(settled.outcome === 'blocked' && settled.by !== undefined && { blockedBy: settled.by }),
  });
}

/** The study remembers which recipe each of its places had, to tell a changed node from a new one. */
async function rememberPlaces(needed: PlannedState[], settled: Map<string, Settled>, study: StudyState): Promise<void> {
  for (const { node } of needed) {
    const result = settled.get(node.key);
    if (result !== undefined && 'record' in result)
      for (const label of node.labels) study.settle(placeOf(label), result.record.key);
  }
  await study.save();
}

function summarise(
  plan: Plan,
  keys: Set<string>,
  warnings: Failure[],
  settled: Map<string, Settled>,
  signal: AbortSignal,
  seconds: number,
): RunResult {
  const counts = { cached: 0, ran: 0, failed: 0, blocked: 0 };
  const failures: NodeFailure[] = [];
  const records = new Map<string, CacheRecord>();
  for (const key of keys) {
    const { node } = plan.nodes.get(key)!;
    const result = settled.get(key)!;
    counts[result.outcome]++;
    if ('record' in result) records.set(node.key, result.record);
    if (result.outcome === 'failed')
      failures.push({ key: node.key, stage: node.stage.name, label: node.labels[0]!, failure: result.failure });
  }
  const stopped = signal.aborted && counts.blocked > 0 ? { stopped: stopReason(signal) } : {};
  return { total: keys.size, ...counts, seconds, ...stopped, failures, warnings, records };
}

function stopReason({ reason }: AbortSignal): string {
  return typeof reason === 'string' ? reason : 'stop';
}
