/** Brings a DAG up to date: every node waits for its producers, then comes to its result (run-node.ts). */
import { isDeepStrictEqual } from 'node:util';
import type { Cache } from '../cache/cache.ts';
import type { CacheRecord } from '../cache/record.ts';
import type { StudyState } from '../cache/study-state.ts';
import type { Failure } from '../base/failure.ts';
import { failureOf } from '../base/file-failure.ts';
import type { JsonObject } from '../base/json.ts';
import { producersOf, type Dag } from './dag-builder.ts';
import type { Evicted, EventSink, NodeCounts, Reason, SwpEvent } from './event.ts';
import type { Executor } from './executor.ts';
import { expectedRestores, isToRun, neededKeys, neededNodes, type Wanted } from './needed-nodes.ts';
import { longestWays } from './longest-way.ts';
import { plan as makePlan, type Plan, type PlannedState } from './plan.ts';
import { lastNodes, RunEviction, type KeptArtifacts } from './run-eviction.ts';
import { Claims, collectProducers, isAsPlanned, type NodeEnding, type RunContext } from './run-context.ts';
import { computeNode } from './run-job.ts';
import { restoreNode, runNode } from './run-node.ts';
import type { PlannedNode } from './node.ts';
import { placeOf, type NodeLabel, type StageDefinition } from './stage.ts';
import type { StageLoader } from './stage-loader.ts';
import { chainStops } from './trajectory.ts';

/** At this interval checkpoints cost next to nothing, and a killed run loses a minute. */
const CHECKPOINT_SECONDS = 60;

export interface RunOptions extends Wanted {
  dag: Dag;
  cache: Cache;
  study: StudyState;
  stages: StageLoader;
  /** Runs the nodes' jobs. Whoever made it closes it, once the run has ended. */
  executor: Executor;
  /** Where and with what nodes run, for their records; asked once, when the first one has run. */
  environment: () => Promise<JsonObject>;
  emit: EventSink;
  /** Stops the run; its reason, if a string such as `SIGINT`, becomes `stopped`. */
  signal: AbortSignal;
  /** If the caller has planned already. */
  plan?: Plan;
  /** Seconds between two checkpoints of a long node; 60 if absent. */
  checkpointSeconds?: number;
  /** Bytes that a node may take; no limit if absent. */
  memoryPerNode?: number;
  /** Which large artifacts stay that no planned node needs any more; all if absent. */
  keep?: KeptArtifacts;
  /** How many nodes the executor runs at a time; 1 if absent. */
  slots?: number;
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
  /** What was evicted as the run went; absent if nothing was. */
  evicted?: Evicted;
  /** Of a dry run: the nodes that would run, each with the reason, producers first. */
  wouldRun: PlannedState[];
}

/**
 * Emits everything but the summary, which the caller writes once it has rendered what it wants to say. When it ends,
 * also by a bug in swp, no job is running and no unpublished file is left. With an executor that computes nothing, the
 * cache is only read.
 * @throws SwpError of kind `file` if the cache cannot be read
 */
export async function run(options: RunOptions): Promise<RunResult> {
  const { dag, cache, study, emit, signal, executor } = options;
  const start = performance.now();
  const plan = options.plan ?? (await makePlan(dag, cache, study));
  const needed = neededNodes(plan, options);
  emitPlan(needed, plan, emit);
  const endings = new Map<string, NodeEnding>();
  let evicted: Evicted = { artifacts: 0, bytes: 0 };
  const warnings = [...plan.warnings];
  // None of this makes a result: where the system refuses it, that is said, and what happens to the nodes counts.
  const attempt = async (work: () => void | Promise<void>) => {
    try {
      await work();
    } catch (error) {
      const failure = failureOf(error);
      if (failure === undefined) throw error;
      if (!warnings.some((known) => isDeepStrictEqual(known, failure))) warnings.push(failure);
    }
  };
  try {
    const isAllCached = needed.every(({ state }) => state === 'cached');
    if (!isAllCached && executor.capabilities.computes) await attempt(() => study.begin(plan.nodes.keys()));
    const restoring = new Map<string, Promise<NodeEnding>>();
    const { keep = 'all' } = options;
    const eviction = new RunEviction({ plan, cache, study, keep }, endings, restoring);
    if (!isAllCached) {
      await runAll(needed, plan, endings, createContext(options, warnings), eviction, restoring);
      await attempt(() => eviction.settled());
      evicted = eviction.evicted;
    } else for (const { node, record } of needed) endings.set(node.key, { kind: 'cached', record: record! });
  } finally {
    if (executor.capabilities.computes) await attempt(() => rememberPlaces(needed, endings, study));
    await attempt(() => cache.leases.close());
    await attempt(() => cache.scratch.clear());
  }
  const ended = [...plan.nodes.values()].filter(({ node }) => endings.has(node.key));
  const result = summarise(ended, endings, warnings, signal, (performance.now() - start) / 1000);
  return evicted.artifacts === 0 ? result : { ...result, evicted };
}

/** A run's context, but for what only the run itself can do. */
type SharedContext = Omit<RunContext, 'restore' | 'compute' | 'unwanted'>;

function createContext(options: RunOptions, warnings: Failure[]): SharedContext {
  const { cache, study, stages, executor, emit, signal } = options;
  let environment: Promise<JsonObject> | undefined;
  return {
    cache,
    study,
    stages,
    executor,
    emit,
    signal,
    checkpointSeconds: options.checkpointSeconds ?? CHECKPOINT_SECONDS,
    memoryPerNode: options.memoryPerNode,
    environment: () => (environment ??= options.environment()),
    priorityOf: startOrder(options),
    warn: (warning) => void warnings.push(warning),
    claims: new Claims(),
  };
}

/** So many nodes of each stage go before all others, the first of them in workers that have yet to load the stage. */
const FIRST_OF_STAGE = 4;

/**
 * Nodes with most behind them go first, but before all others a few of each stage, as soon as they can run: a stage
 * that fails is then known at once, and how long the stages take is, too. Where there are more runs than slots, so that
 * no slot is left idle for it, what only reads large artifacts goes before what makes more of them: a run that is
 * stopped has then measured what it made, and artifacts that need not stay can go.
 */
function startOrder({ dag, slots = 1 }: RunOptions): RunContext['priorityOf'] {
  const nodesBehind = longestWays(dag, () => 1);
  const nodes = dag.mapNodes((_, node) => node);
  const readersFirst = lastNodes(nodes).size > slots;
  const asked = new Map<string, number>();
  return (node) => {
    const { key, stage } = node;
    const before = asked.get(stage.name) ?? 0;
    asked.set(stage.name, before + 1);
    const isAhead = before < FIRST_OF_STAGE || (readersFirst && onlyReadsLarge(node, dag));
    return nodesBehind.get(key)! + (isAhead ? dag.order : 0);
  };
}

/** Whether a node reads artifacts that may be evicted, and makes none. */
function onlyReadsLarge({ inputs, stage }: PlannedNode, dag: RunOptions['dag']): boolean {
  const isLarge = (producer: StageDefinition, artifact: string) => producer.outputs[artifact]?.evictable === true;
  return (
    !Object.keys(stage.outputs).some((artifact) => isLarge(stage, artifact)) &&
    Object.values(inputs).some(({ key, artifact }) => isLarge(dag.getNodeAttributes(key).stage, artifact))
  );
}

/** Every node waits for its producers, and a stop of a trajectory for the stop before it, from which it goes on. */
async function runAll(
  needed: PlannedState[],
  plan: Plan,
  endings: Map<string, NodeEnding>,
  shared: SharedContext,
  eviction: RunEviction,
  restoring: Map<string, Promise<NodeEnding>>,
): Promise<void> {
  const byKey = new Map(needed.map((planned) => [planned.node.key, planned]));
  const abandoned = new AbortController();
  const context: RunContext = {
    ...shared,
    signal: AbortSignal.any([shared.signal, abandoned.signal]),
    restore,
    compute: (work, slot) => computeNode(work, slot, context),
    unwanted: (node) => eviction.unwanted(node),
  };
  const stopBefore = chainStops(needed.filter(isToRun).map(({ node }) => node));
  const running = new Map<string, Promise<void>>();

  /** Runs a needed node once; undefined for one that is not needed. */
  function runOnce(key: string): Promise<void> | undefined {
    const planned = byKey.get(key);
    // Not at once: the stops of a trajectory, each of which starts the one before it, may be more than the stack holds.
    if (planned !== undefined && !running.has(key))
      running.set(
        key,
        Promise.resolve().then(() => runAfterProducers(planned)),
      );
    return running.get(key);
  }

  async function runAfterProducers(planned: PlannedState): Promise<void> {
    const { node } = planned;
    const awaited = new Set(producersOf(node).map(({ key }) => key));
    const before = stopBefore.get(node.key);
    if (before !== undefined) awaited.add(before);
    await Promise.all([...awaited].map(runOnce));
    end(planned, await runNode(planned, collectProducers(node, plan.nodes, endings), context));
  }

  function end(planned: PlannedState, ending: NodeEnding): void {
    endings.set(planned.node.key, ending);
    emitEnd(planned, ending, context);
    eviction.ended(ending);
  }

  function restore(key: string, reason: Reason): Promise<NodeEnding> {
    const known = restoring.get(key);
    if (known !== undefined) return known;
    const result = restoreAfterProducers(plan.nodes.get(key)!, reason).then((ending) => {
      if ('record' in ending) restoring.delete(key); // it may be evicted once more
      return ending;
    });
    restoring.set(key, result);
    return result;
  }

  /** Its producers may not be among the nodes that the run needed so far. */
  async function restoreAfterProducers(planned: PlannedState, reason: Reason): Promise<NodeEnding> {
    const { node } = planned;
    const producers = neededKeys(
      plan,
      producersOf(node).map(({ key }) => key),
    );
    for (const key of producers) {
      const producer = plan.nodes.get(key)!;
      if (producer.state !== 'cached') byKey.set(key, producer);
    }
    await Promise.all([...producers].map(runOnce));
    const ending = await restoreNode(planned, collectProducers(node, plan.nodes, endings), reason, context);
    end(planned, ending);
    return ending;
  }

  try {
    await Promise.all([...byKey.keys()].map(runOnce));
  } catch (bug) {
    // Nobody waits for the other nodes any more: they must not write into a cache that this run has left.
    abandoned.abort();
    await Promise.allSettled(running.values());
    throw bug;
  }
}

function emitPlan(needed: PlannedState[], plan: Plan, emit: EventSink): void {
  const restores = expectedRestores(plan, needed);
  const toRun = needed.filter((planned) => isToRun(planned) || restores.has(planned.node.key));
  emit(planEvent(needed.length, toRun, needed.filter(({ state }) => state === 'blocked').length));
}

/**
 * @param total nodes that were asked for
 * @param blocked how many of them cannot run
 */
export function planEvent(
  total: number,
  toRun: readonly Pick<PlannedState, 'node'>[],
  blocked: number,
): Extract<SwpEvent, { event: 'plan' }> {
  const stages = Object.create(null) as Record<string, number>; // no prototype: a stage may be called "constructor"
  for (const { node } of toRun) stages[node.stage.name] = (stages[node.stage.name] ?? 0) + 1;
  const nodes = { total, cached: total - toRun.length - blocked, toRun: toRun.length, ...(blocked > 0 && { blocked }) };
  return { event: 'plan', nodes, stages };
}

type Outcome = Extract<SwpEvent, { event: 'node-end' }>['outcome'];

/** How endings count, and what events call them. A node that would run has neither. */
const OUTCOMES: Record<Exclude<NodeEnding['kind'], 'would-run'>, Outcome> = {
  cached: 'cached',
  reused: 'cached',
  ran: 'ran',
  restored: 'ran',
  failed: 'failed',
  blocked: 'blocked',
  stopped: 'blocked',
};

function emitEnd(planned: PlannedState, ending: NodeEnding, { emit, signal }: RunContext): void {
  const { node } = planned;
  if (ending.kind === 'would-run') return;
  if (ending.kind === 'cached' && isAsPlanned(planned, ending.record)) return; // nothing happened
  if (ending.kind === 'stopped' && !ending.started) return;
  const outcome = OUTCOMES[ending.kind];
  emit({
    event: 'node-end',
    key: node.key,
    stage: node.stage.name,
    label: node.labels[0]!,
    outcome,
    seconds:
      ending.kind === 'failed' ? ending.seconds : outcome === 'ran' && 'record' in ending ? ending.record.seconds : 0,
    ...('record' in ending && { metrics: ending.record.metrics }),
    ...(ending.kind === 'failed' && { failure: ending.failure }),
    ...(ending.kind === 'stopped' && { failure: { kind: 'stopped', signal: stopReason(signal) } }),
    ...(ending.kind === 'blocked' && { blockedBy: ending.by, ...(node.blocked && { failure: node.blocked.failure }) }),
  });
}

/** The study remembers which recipe each of its places had, to tell a changed node from a new one. */
async function rememberPlaces(
  needed: PlannedState[],
  endings: ReadonlyMap<string, NodeEnding>,
  study: StudyState,
): Promise<void> {
  for (const { node } of needed) {
    const ending = endings.get(node.key);
    if (ending !== undefined && 'record' in ending)
      for (const label of node.labels) study.settle(placeOf(label), ending.record.key);
  }
  await study.save();
}

function summarise(
  ended: PlannedState[],
  endings: ReadonlyMap<string, NodeEnding>,
  warnings: Failure[],
  signal: AbortSignal,
  seconds: number,
): RunResult {
  const counts = { cached: 0, ran: 0, failed: 0, blocked: 0 };
  const failures: NodeFailure[] = [];
  const records = new Map<string, CacheRecord>();
  const wouldRun: PlannedState[] = [];
  for (const planned of ended) {
    const { node } = planned;
    const ending = endings.get(node.key)!;
    if ('record' in ending) records.set(node.key, ending.record);
    if (ending.kind === 'would-run') wouldRun.push({ ...planned, reason: ending.reason });
    else counts[OUTCOMES[ending.kind]]++;
    if (ending.kind === 'failed')
      failures.push({ key: node.key, stage: node.stage.name, label: node.labels[0]!, failure: ending.failure });
  }
  const stopped = signal.aborted && counts.blocked > 0 ? { stopped: stopReason(signal) } : {};
  return { total: ended.length, ...counts, seconds, ...stopped, failures, warnings, records, wouldRun };
}

/** What stopped a run, as events and results call it. */
export function stopReason({ reason }: AbortSignal): string {
  return typeof reason === 'string' ? reason : 'stop';
}
