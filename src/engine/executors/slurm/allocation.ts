/** What Slurm has given to the job that this process is, as it says in the environment. See `man sbatch`. */
import type { SlurmSettings } from './settings.ts';

/** The signal that Slurm is asked to send some time before the time limit. USR1 would start Node.js's inspector. */
export const TIME_SIGNAL = 'SIGUSR2';

/** Slurm counts memory in MiB. */
const MIB = 2 ** 20;
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
  const count = (name: string) => {
    const value = Number(env[name]);
    return Number.isInteger(value) && value > 0 ? value : undefined;
  };
  const jobs = count('SLURM_CPUS_PER_TASK') ?? count('SLURM_CPUS_ON_NODE') ?? 1;
  const perCpu = count('SLURM_MEM_PER_CPU');
  const mebibytes = count('SLURM_MEM_PER_NODE') ?? (perCpu && perCpu * (count('SLURM_CPUS_ON_NODE') ?? jobs));
  return { jobs, ...(mebibytes !== undefined && { memory: mebibytes * MIB }) };
}

/** How long a node may take to keep its state when the job is told to end. */
export function graceSeconds({ signal }: Pick<SlurmSettings, 'signal'>): number {
  return Math.max(signal / 2, signal - SECONDS_TO_END);
}
