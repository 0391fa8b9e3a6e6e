/** What the nodes of one run share, and what became of each. */
import type { Cache } from '../cache/cache.ts';
import type { CacheRecord } from '../cache/record.ts';
import type { StudyState } from '../cache/study-state.ts';
import { producersOf } from './dag-builder.ts';
import type { EventSink, Reason } from './event.ts';
import { SwpError, type Failure } from '../base/failure.ts';
import type { JsonObject } from '../base/json.ts';
import type { PlannedNode } from './node.ts';
import type { PlannedState } from './plan.ts';
import type { GpuSlots } from './resources/gpu-slots.ts';
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
  /** GPUs, one node each. */
  gpus: GpuSlots;
  /** Waits for a free worker; the longest way to the end of the DAG goes first. */
  inTurn<Result>(key: string, work: () => Promise<Result>): Promise<Result>;
  /** Work under way, by content key: recipes that turn out the same at the same time wait for one another. */
  underWay: Map<string, Promise<unknown>>;
}

/** A node's producers by key; `settled` is absent for one that this run did not need. */
export type Producers = ReadonlyMap<string, { planned: PlannedState; settled?: Settled }>;

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

export function recordIfCached({ state, record }: PlannedState): CacheRecord | undefined {
  return state === 'cached' ? record : undefined;
}

export function recordOf(producers: Producers, key: string): CacheRecord | undefined {
  const { planned, settled } = producers.get(key)!;
  if (settled === undefined) return recordIfCached(planned);
  return 'record' in settled ? settled.record : undefined;
}

/** Names the node that failed in the first place, and not one that it blocked. */
export function blockedBy(key: string, producers: Producers): Settled {
  const settled = producers.get(key)?.settled;
  if (settled?.outcome === 'blocked')
    return settled.by === undefined ? { outcome: 'blocked' } : { outcome: 'blocked', by: settled.by };
  return { outcome: 'blocked', by: key };
}

/** @param start by performance.now() */
export function failedWith(error: unknown, start: number): Settled {
  if (!(error instanceof SwpError)) throw error;
  return { outcome: 'failed', failure: error.failure, seconds: (performance.now() - start) / 1000 };
}
