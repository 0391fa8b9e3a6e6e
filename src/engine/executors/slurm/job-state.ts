/**
 * What has become of a job, for people and for whoever waits for it: from what Slurm says of it, if it still does, and
 * what the job itself has written. Without accounting, Slurm forgets a job some minutes after its end.
 */
import type { SlurmJob } from './slurm-output.ts';

/** What a job has written of itself. */
export interface JobWords {
  /** Whether it has ever begun. */
  hasStarted: boolean;
  /** How it ended, unless it began again since: JobEnding in journal.ts. */
  ending?: 'done' | 'failed' | 'requeue' | 'stopped' | 'too-short';
}

/** All from `done` to `lost` are ends; their names are those of events. */
export type SlurmJobState =
  /** It waits: for what, in Slurm's words. `neverStarts`: unless somebody does something. */
  | { kind: 'queued'; reason?: string; neverStarts?: true }
  /** As above, of one that has run before: it was pre-empted, its time was up, or its machine failed. */
  | { kind: 'requeued'; reason?: string; neverStarts?: true }
  /** `isEnding`: its processes were told to end. */
  | { kind: 'running'; nodes?: string; seconds: number; leftSeconds?: number; isEnding?: true }
  | { kind: 'done' }
  /** Nodes have failed, or it ended before it could work: in Slurm's words, such as NonZeroExitCode. */
  | { kind: 'failed'; reason?: string }
  | { kind: 'out-of-memory' }
  | { kind: 'time-limit' }
  | { kind: 'node-failure'; nodes?: string }
  | { kind: 'cancelled'; reason?: string }
  /** It had to make room for another job and was not queued again. */
  | { kind: 'preempted' }
  /** Slurm does not know it any more, and it left no word of its end. */
  | { kind: 'lost' }
  /** Slurm does not answer. */
  | { kind: 'unknown' };

const WAITING = ['PENDING', 'CONFIGURING', 'REQUEUED', 'REQUEUE_FED', 'REQUEUE_HOLD', 'SPECIAL_EXIT', 'RESV_DEL_HOLD'];
/** Reasons to wait that do not go away by themselves. */
const NEVER_STARTS =
  /DependencyNeverSatisfied|JobHeld|held|BadConstraints|PartitionConfig|PartitionNodeLimit|PartitionTimeLimit/i;
const END_STATES: Readonly<Record<string, (job: SlurmJob) => SlurmJobState>> = {
  OUT_OF_MEMORY: () => ({ kind: 'out-of-memory' }),
  TIMEOUT: () => ({ kind: 'time-limit' }),
  DEADLINE: () => ({ kind: 'time-limit' }),
  NODE_FAIL: ({ nodes }) => ({ kind: 'node-failure', ...(nodes !== undefined && { nodes }) }),
  BOOT_FAIL: ({ nodes }) => ({ kind: 'node-failure', ...(nodes !== undefined && { nodes }) }),
  CANCELLED: ({ reason }) => ({ kind: 'cancelled', ...(reason !== undefined && { reason }) }),
  REVOKED: () => ({ kind: 'cancelled' }),
  PREEMPTED: () => ({ kind: 'preempted' }),
  FAILED: ({ reason }) => ({ kind: 'failed', ...(reason !== undefined && { reason }) }),
  // Without a word of its own it came to nothing, as where a line of setup exits.
  COMPLETED: () => ({ kind: 'failed' }),
};

/** @param found what Slurm says; `absent`: it does not know the job; `silent`: it does not answer */
/** Whether Slurm says that a job waits, be it for its first start or another one. */
export function isWaiting(found: SlurmJob | 'absent' | 'silent'): boolean {
  return typeof found === 'object' && WAITING.includes(found.state);
}

export function stateOfJob(found: SlurmJob | 'absent' | 'silent', { hasStarted, ending }: JobWords): SlurmJobState {
  // Slurm calls a job out of memory if any process of it was, even if the work was done.
  if (ending === 'done' && !isWaiting(found)) return { kind: 'done' };
  if (found === 'silent') return { kind: 'unknown' };
  if (found === 'absent') return stateByWords(ending);
  const { state, reason } = found;
  if (isWaiting(found))
    return {
      kind: hasStarted ? 'requeued' : 'queued',
      ...(reason !== undefined && { reason }),
      ...(NEVER_STARTS.test(reason ?? '') && { neverStarts: true as const }),
    };
  const ended = END_STATES[state]?.(found);
  if (ended === undefined) return runningState(found);
  // Of a job that ended by itself Slurm knows no more than the exit code.
  return ended.kind === 'failed' && (ending === 'too-short' || ending === 'stopped') ? stateByWords(ending) : ended;
}

/** Whether it has ended and does not start again by itself. */
export function isOver({ kind }: SlurmJobState): boolean {
  return !['queued', 'requeued', 'running', 'unknown'].includes(kind);
}

function runningState({ state, nodes, runningSeconds, leftSeconds }: SlurmJob): SlurmJobState {
  return {
    kind: 'running',
    ...(nodes !== undefined && { nodes }),
    seconds: runningSeconds,
    ...(leftSeconds !== undefined && { leftSeconds }),
    ...(state === 'COMPLETING' && { isEnding: true as const }),
  };
}

/** By what the job said last, if it said so and did not come back. */
function stateByWords(ending: JobWords['ending']): SlurmJobState {
  switch (ending) {
    case 'done':
    case 'failed':
      return { kind: ending };
    case 'too-short':
      return { kind: 'time-limit' };
    case 'stopped':
      return { kind: 'cancelled' };
    default:
      return { kind: 'lost' };
  }
}
