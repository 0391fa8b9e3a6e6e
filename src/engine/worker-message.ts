/** What the engine and its workers say to each other over IPC. */
import type { GatheredArtifact, Metrics, Progress } from './stage.ts';
import type { Failure } from '../base/failure.ts';
import type { JsonObject } from '../base/json.ts';

/** One node's work. All paths are absolute. */
export interface WorkerJob {
  /** The stage's module. */
  module: string;
  params: JsonObject;
  inputs: Record<string, string>;
  gathered: Record<string, GatheredArtifact[]>;
  outputs: Record<string, string>;
  /** Where to go on. */
  resume?: { at: number; state: Record<string, string> };
  /** Absent for a node that is on no trajectory. */
  checkpoints?: {
    /** An existing folder; each checkpoint is a folder of its own in it. */
    folder: string;
    everySeconds: number;
    /** Names of the state artifacts. */
    state: readonly string[];
  };
}

export type ToWorker =
  | { kind: 'job'; id: number; job: WorkerJob }
  /** The last checkpoint is kept, or cannot be: another one may be written. */
  | { kind: 'checkpoint-taken'; id: number };

export type FromWorker =
  | { kind: 'progress'; id: number; progress: Progress }
  /** The state at this length is written to the folder, one file per state artifact. */
  | { kind: 'checkpoint'; id: number; at: number; folder: string; files: Record<string, string> }
  | { kind: 'done'; id: number; metrics: Metrics }
  /** The stage threw; `cause` is the failure that it threw, `stack` is for the log. */
  | { kind: 'error'; id: number; message: string; cause?: Failure; stack: string };

/**
 * What a worker writes to both output streams when a job's work is over: everything before it belongs to that job.
 * Messages and output travel apart, so without it the last lines of a log could be missed.
 */
export function endOfOutput(id: number): string {
  return `\u0000swp-end-${id}\u0000\n`;
}
