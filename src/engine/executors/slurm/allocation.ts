/** What Slurm has given to the job that this process is, as it says in the environment. See `man sbatch`. */
import { slurmAllocation } from '../../../base/slurm-allocation.ts';
import type { SlurmSettings } from './settings.ts';

/** The signal that Slurm is asked to send some time before the time limit. USR1 would start Node.js's inspector. */
export const TIME_SIGNAL = 'SIGUSR2';

/** Of the time between the signal and the time limit, or SIGTERM and SIGKILL, swp needs this much itself. */
const SECONDS_TO_END = 10;

/** What Slurm calls the job: `123_4` in an array. */
export function jobNameIn({
  SLURM_JOB_ID: job = '?',
  SLURM_ARRAY_JOB_ID: array,
  SLURM_ARRAY_TASK_ID: task,
}: NodeJS.ProcessEnv): string {
  return array === undefined || task === undefined ? job : `${array}_${task}`;
}

/** Nodes at a time, and bytes of memory for all of them; undefined where Slurm sets no limit. */
export function allocationIn(env: NodeJS.ProcessEnv): { jobs: number; memory?: number } {
  const { cpus = 1, cpusPerTask = cpus, memory } = slurmAllocation(env);
  return { jobs: cpusPerTask, ...(memory !== undefined && { memory }) };
}

/** How long a node may take to keep its state when the job is told to end. */
export function graceSeconds({ signal }: Pick<SlurmSettings, 'signal'>): number {
  return Math.max(signal / 2, signal - SECONDS_TO_END);
}
