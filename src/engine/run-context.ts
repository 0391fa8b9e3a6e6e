/** How a node's run can end, and what the nodes of one run share. */
import type { Cache } from '../cache/cache.ts';
import type { CacheRecord } from '../cache/record.ts';
import type { StudyState } from '../cache/study-state.ts';
import type { Failure } from '../base/failure.ts';
import { failureOf } from '../base/file-failure.ts';
import type { JsonObject } from '../base/json.ts';
import { producersOf } from './dag-builder.ts';
import type { EventSink, Reason, SwpEvent } from './event.ts';
import type { Executor, Slot } from './executor.ts';
import type { NodeIdentity } from './node-identity.ts';
import type { PlannedNode } from './node.ts';
import type { PlannedState } from './plan.ts';
import type { StageLoader } from './stage-loader.ts';
import type { TrajectoryPoint } from './trajectory.ts';

export type NodeEnding =
  /** Its record was there before, or another process has made it meanwhile. */
  | { kind: 'cached'; record: CacheRecord }
  /** Another recipe has the same content: its results serve. */
  | { kind: 'reused'; record: CacheRecord }
  | { kind: 'ran'; record: CacheRecord }
  /** It ran because artifacts were gone; what was made of them before stands. */
  | { kind: 'restored'; record: CacheRecord }
  | { kind: 'failed'; failure: Failure; seconds: number }
  /** Something that it needs is missing: `by` is the key of the node that failed first, or that lacks a file. */
  | { kind: 'blocked'; by: string }
  /** The run was stopped, before this node started or while it was running. */
  | { kind: 'stopped'; started: boolean }
  /** In a dry run: it would run. */
  | { kind: 'would-run'; reason: Reason };

/** What the nodes of one run share. */
export interface RunContext {
  cache: Cache;
  study: StudyState;
  stages: StageLoader;
  executor: Executor;
  emit: EventSink;
  signal: AbortSignal;
  /** Where and with what nodes run, for their records; the same for all of them. */
  environment(): Promise<JsonObject>;
  /** Seconds between two checkpoints of a node that is on a trajectory. */
  checkpointSeconds: number;
  /** Bytes that a node may take; no limit if absent. */
  memoryPerNode: number | undefined;
  /** Of nodes that wait for a slot, the one with the greatest number comes first. */
  priorityOf(node: PlannedNode): number;
  /**
   * Computes a node again because artifacts of it that another one consumes are gone.
   * @returns how that ended; callers who ask at the same time share one run
   */
  restore(key: string, reason: Reason): Promise<NodeEnding>;
  /**
   * Runs a node's job in a slot and publishes what it made.
   * @returns `cancelled` if the user stopped the run meanwhile
   */
  compute(work: NodeWork, slot: Slot): Promise<CacheRecord | 'cancelled'>;
  /** Outputs that a node need not keep. */
  unwanted(node: PlannedNode): string[];
  /** Notes what went wrong and cost no result. */
  warn(warning: Failure): void;
  claims: Claims;
}

/** A node that has to come to a result, once its producers have ended. */
export interface NodeWork {
  planned: PlannedState;
  reason: Reason;
  producers: Producers;
  identity: NodeIdentity;
  /** Absent for a node that is on no trajectory. */
  point: TrajectoryPoint | undefined;
}

type StartEvent = Extract<SwpEvent, { event: 'node-start' }>;

/** @param how what only the start of some nodes has */
export function startEvent(
  { planned: { node }, reason }: Pick<NodeWork, 'planned' | 'reason'>,
  how: Pick<StartEvent, 'worker' | 'job' | 'resumedAt' | 'interrupted'>,
): StartEvent {
  const { key, stage, labels } = node;
  return { event: 'node-start', key, stage: stage.name, label: labels[0]!, sharedBy: labels.length, reason, ...how };
}

/** Content keys that this process computes: recipes that turn out the same at the same time wait for one another. */
export class Claims {
  readonly #claims = new Map<string, Promise<void>>();

  /** Resolves when the node that computes this content has ended; undefined if none does. */
  heldBy(contentKey: string): Promise<void> | undefined {
    return this.#claims.get(contentKey);
  }

  /** To be disposed of when the content is computed, or cannot be. */
  take(contentKey: string): Disposable {
    let resolve!: () => void;
    this.#claims.set(contentKey, new Promise<void>((resolved) => (resolve = resolved)));
    return {
      [Symbol.dispose]: () => {
        this.#claims.delete(contentKey);
        resolve();
      },
    };
  }
}

/** A node's producers by key; `ending` is absent for one that this run did not need. */
export type Producers = ReadonlyMap<string, { planned: PlannedState; ending?: NodeEnding }>;

export function collectProducers(
  node: PlannedNode,
  plan: ReadonlyMap<string, PlannedState>,
  endings: ReadonlyMap<string, NodeEnding>,
): Producers {
  return new Map(
    producersOf(node).map(({ key }) => {
      const ending = endings.get(key);
      return [key, { planned: plan.get(key)!, ...(ending !== undefined && { ending }) }];
    }),
  );
}

/** The record of a producer; undefined where it has none, or failed, or was not run. */
export function recordOf(producers: Producers, key: string): CacheRecord | undefined {
  const { planned, ending } = producers.get(key)!;
  if (ending === undefined) return planned.state === 'cached' ? planned.record : undefined;
  return 'record' in ending ? ending.record : undefined;
}

/** Whether a node has the result that the plan found: nothing has happened to it. */
export function isAsPlanned({ state, record: planned }: PlannedState, record: CacheRecord): boolean {
  return state === 'cached' && planned!.id === record.id;
}

/** The ending of a node whose producer `key` has no result: names the node that failed first. */
export function blockedBy(key: string, producers: Producers): NodeEnding {
  const ending = producers.get(key)?.ending;
  if (ending?.kind === 'blocked') return ending;
  return ending?.kind === 'stopped' ? { kind: 'stopped', started: false } : { kind: 'blocked', by: key };
}

/**
 * @param startedAt by performance.now(); undefined if it failed before it had a slot
 * @throws anything but an SwpError or an error of the system: that is a bug
 */
export function failedWith(error: unknown, startedAt: number | undefined): NodeEnding {
  const failure = failureOf(error);
  if (failure === undefined) throw error;
  const seconds = startedAt === undefined ? 0 : (performance.now() - startedAt) / 1000;
  return { kind: 'failed', failure, seconds };
}
