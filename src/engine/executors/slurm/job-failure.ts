/** Why a job of Slurm came to no end of its work, and what to do about it. */
import type { Failure } from '../../../base/failure.ts';
import { quantityText } from '../../../base/quantity-text.ts';
import type { SlurmJobState } from './job-state.ts';
import type { JobEnding } from './journal.ts';
import type { SlurmSettings } from './settings.ts';

export interface EndedJob {
  /** What Slurm calls it. */
  job: string;
  bundle: string;
  settings: SlurmSettings;
  state: SlurmJobState['kind'];
  /** Slurm's word for why. */
  reason?: string | undefined;
  /** The machine. */
  node?: string | undefined;
  /** Whether it has told that it began. */
  hasStarted?: boolean;
  /** Absolute path of what it wrote; undefined if it never wrote. */
  log: string | undefined;
  /** The end of its log. */
  said?: string | undefined;
  /** What it said itself at its end, if it did. */
  ending: JobEnding | undefined;
}

/** Slurm's word for a job whose log cannot be written, among other troubles of a machine, or that is killed. */
const LAUNCH_FAILURE = 'JobLaunchFailure';
const MIB = 2 ** 20;
const AGAIN = '`swp submit` sends what is missing again';

/** @returns undefined for a job that has done its work, or whose nodes say what was wrong */
export function jobFailure({ job, bundle, log, ...ended }: EndedJob): Failure | undefined {
  if (ended.state === 'done') return undefined;
  // It may not have been able to begin, for a reason that it tells.
  if (ended.ending?.how === 'failed' && ended.ending.failure !== undefined) return ended.ending.failure;
  return { kind: 'job', job, bundle, ...explanation(ended), ...(log !== undefined && { log }) };
}

function explanation({
  settings: { time, memory, signal },
  state,
  reason,
  node,
  hasStarted = false,
  said,
  ending,
}: Omit<EndedJob, 'job' | 'bundle' | 'log'>): { message: string; remedy: string } {
  const on = node === undefined ? '' : ` on ${node}`;
  const because = reason === undefined || reason === 'None' ? '' : ` (${reason})`;
  const last = said === undefined ? '' : `: ${said}`;
  const limit = time === undefined ? 'the time limit' : `its time limit of ${time}`;
  if (ending?.how === 'too-short')
    return {
      message: `was told that its time was up, ${signal} seconds before ${limit}, and had come to nothing by then: to start it again would not help`,
      remedy: 'Give it more time with --time, or a node less to do.',
    };
  if (ending?.how === 'failed' && state === 'failed')
    return {
      message: 'has nodes that failed',
      remedy: `\`swp logs\` of these nodes says why, and \`swp explain\` what they said last. ${AGAIN}.`,
    };
  switch (state) {
    case 'out-of-memory':
      return {
        message: `took more memory than it had been given${memory ? `, ${quantityText(memory * MIB, 'B')}` : ''}, and was ended${on}`,
        remedy:
          'Give it more with --memory; or let its nodes need less, by a smaller train.microBatchSize or batchSize.',
      };
    case 'time-limit':
      return {
        message: `ran into ${limit}${on}, before it was queued again`,
        remedy: `Give it more time with --time, or more warning with --signal; ${AGAIN}: what was kept counts.`,
      };
    case 'node-failure':
      return {
        message: `was lost with its machine${node === undefined ? '' : ` ${node}`}${because}`,
        remedy: `${AGAIN}.`,
      };
    case 'cancelled':
      // Slurm's reason is why it waited until then.
      return { message: 'was cancelled', remedy: `${AGAIN}.` };
    case 'lost':
      return {
        message: `has ended without a word, and Slurm does not know it any more${last}`,
        remedy: `Its log may say why. ${AGAIN}.`,
      };
    default:
      if (reason === LAUNCH_FAILURE && hasStarted)
        return {
          message: `was killed${on} while it ran${because}`,
          remedy: `Its log may say by whom; on the machine, the system's log. ${AGAIN}: what was kept counts.`,
        };
      if (reason === LAUNCH_FAILURE)
        return {
          message: `could not be started${on}${because}: mostly a machine does not see the folder of its log, or may not write there`,
          remedy: `Look there whether it sees the cache: \`srun ls FOLDER\`. ${AGAIN}.`,
        };
      return {
        message: `ended${on} before it had done its work${because}${last}`,
        remedy: `Its log says more; a machine may lack what "setup" prepares, or not see the cache. ${AGAIN}.`,
      };
  }
}
