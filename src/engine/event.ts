/** What happens during a run: one closed union, read by the live view, the plain lines and `--json` alike. */
import type { Failure } from '../base/failure.ts';
import type { JsonObject } from '../base/json.ts';
import type { Metrics, NodeLabel, Progress } from './stage.ts';

/** Why a node is, or is not, run. Recorded where the decision is made. */
export type Reason =
  | { kind: 'cached' }
  /** It cannot run: a file, say, that it needs cannot be read. */
  | { kind: 'missing-input'; failure: Failure }
  /** It cannot run, since the node at the place `by`, which it needs, lacks something. */
  | { kind: 'blocked'; by: string; failure: Failure }
  /** The last attempt at this very recipe failed. */
  | { kind: 'failed'; message: string; at: string }
  /** No record under this key, and none ever for this place in the study. */
  | { kind: 'missing' }
  /** This place in the study had another key before: `previousKey`. */
  | { kind: 'changed'; previousKey: string }
  /** `swp invalidate` in this study. */
  | { kind: 'invalidated'; why?: string }
  /** The recipe is new but the inputs' content and parameters equal those of `sourceKey`: its results serve. */
  | { kind: 'same-content'; sourceKey: string }
  /** Its result is known, but an artifact that `neededBy` consumes was evicted, or is damaged. */
  | { kind: 'evicted'; artifact: string; neededBy: string }
  /** There is a record, but an input that was computed again came out different from the one it was made of. */
  | { kind: 'input-differs'; input: string };

/** Another process that is computing a node. */
export interface WorkHolder {
  user: string;
  host: string;
  pid: number;
  /** ISO 8601, by its clock. */
  since: string;
  /** The node's place in its study, such as `A1/s0/r2/train`. */
  place: string;
}

/** A node's state as status and dag show it. `blocked`: something that it needs is missing or damaged. */
export type NodeState = 'cached' | 'missing' | 'stale' | 'blocked';

export interface NodeCounts {
  total: number;
  /** Results that were there before, by recipe key or by content key. */
  cached: number;
  ran: number;
  failed: number;
  /** Not run because an input failed, something that the node needs is missing, or the run was stopped. */
  blocked: number;
}

/** `lost`: the cluster does not know the job any more, and the job left no word. */
export type JobState =
  | 'queued'
  | 'running'
  | 'done'
  | 'failed'
  | 'out-of-memory'
  | 'time-limit'
  | 'node-failure'
  | 'cancelled'
  | 'preempted'
  | 'requeued'
  | 'lost';

export type SwpEvent =
  /**
   * Comes first. `stages`: nodes to run by stage. Nodes that are cached now have no further events. `blocked`: nodes
   * that cannot run as things are, if there are any.
   */
  | {
      event: 'plan';
      nodes: { total: number; cached: number; toRun: number; blocked?: number };
      stages: Record<string, number>;
    }
  /**
   * `worker`: which slot of the pool, from 0; absent for a node that another one's results serve. `job`: the cluster's
   * name of the job that computes it. `resumedAt`: length of its trajectory from which it goes on; `interrupted` if
   * that is where an earlier run was stopped.
   */
  | {
      event: 'node-start';
      key: string;
      stage: string;
      label: NodeLabel;
      sharedBy: number;
      reason: Reason;
      worker?: number;
      job?: string;
      resumedAt?: number;
      interrupted?: boolean;
    }
  /**
   * Somebody else is computing it, or a nearer stop of its trajectory: this run waits for the result. It comes once for
   * each holder.
   */
  | { event: 'node-wait'; key: string; stage: string; label: NodeLabel; holder: WorkHolder }
  /** It needs a GPU, and others use all that there are. */
  | {
      event: 'gpu-wait';
      key: string;
      label: NodeLabel;
      gpus: { index: number; name: string; usedMemory: number | null }[];
    }
  /**
   * Something about a job of a cluster has changed. `id`: what the cluster calls it; `bundle`: what it computes, for
   * people; `reason`: why it waits, or ended so, in the cluster's words; `node`: the machine.
   */
  | {
      event: 'job';
      id: string;
      bundle: string;
      state: JobState;
      reason?: string;
      node?: string;
      /** Path of what it wrote. */
      log?: string;
    }
  | { event: 'node-progress'; key: string; progress: Progress }
  | { event: 'node-log'; key: string; line: string }
  /** The node's state is kept: if the run is killed, it goes on from here. */
  | { event: 'node-checkpoint'; key: string; at: number }
  | {
      event: 'node-end';
      key: string;
      stage: string;
      label: NodeLabel;
      outcome: 'ran' | 'cached' | 'failed' | 'blocked';
      seconds: number;
      metrics?: Metrics;
      failure?: Failure;
      /** For blocked nodes: key of the node that failed, or that lacks something: `failure` then says what. */
      blockedBy?: string;
    }
  /** `estimate`: what the nodes were expected to take, and took. */
  | {
      event: 'summary';
      nodes: NodeCounts;
      seconds: number;
      stopped?: string;
      /** Large artifacts that went as no planned node needed them any more. */
      evicted?: Evicted;
      estimate?: { estimated: number; lower: number; upper: number; took: number; ratio: number };
      /** What cost no result and has to be known; absent if there is nothing. */
      warnings?: Failure[];
      report?: string;
      highlights?: JsonObject;
      /** Path of an earlier report that stays, since it has runs that this one lacks. */
      kept?: string;
    };

/** Artifacts that went during a run. */
export interface Evicted {
  artifacts: number;
  bytes: number;
}

export type EventSink = (event: SwpEvent) => void;
