/** What the executor and its workers say to each other over IPC. */
import type { Failure } from '../../../base/failure.ts';
import type { PreparedJob } from '../../executor.ts';
import type { Metrics, Progress } from '../../stage.ts';

export type ToWorker =
  | { kind: 'job'; id: number; job: PreparedJob }
  /** The last checkpoint is kept, or cannot be: another one may be written. */
  | { kind: 'checkpoint-taken'; id: number };

/** A worker's first message: it has started, and takes jobs. */
export interface WorkerReady {
  kind: 'ready';
}

export type FromWorker =
  | { kind: 'progress'; id: number; progress: Progress }
  /** The state at this length is written to the folder, one file per state artifact. */
  | { kind: 'checkpoint'; id: number; at: number; folder: string; files: Record<string, string> }
  | JobAnswer;

export type JobAnswer = (
  | { kind: 'done'; id: number; metrics: Metrics }
  /** The stage threw; `cause` is the failure that it threw, `stack` is for the log. */
  | { kind: 'error'; id: number; message: string; cause?: Failure; stack: string }
) & {
  /** The worker would compute another job otherwise than a new one: it is to take none. */
  spent?: true;
};

/**
 * What a worker writes to both output streams when a job's work is over: everything before it belongs to that job.
 * Messages and output travel apart, so without it the last lines of a log could be missed.
 */
export function endOfOutput(id: number): string {
  return `\u0000swp-end-${id}\u0000\n`;
}
