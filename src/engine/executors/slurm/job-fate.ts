/** What Slurm intends with a job whose processes it has told to end (SIGTERM), as the job itself can find out. */
import type { JobDetails } from './slurm-output.ts';

/**
 * `requeued`: Slurm starts it again by itself. `cancelled`: somebody wants it to end. `running`: it is not started
 * again unless it asks for that. It has to make room, its time is up, or something else than Slurm ends it.
 */
export type JobFate = 'requeued' | 'cancelled' | 'running';

/**
 * In all cases Slurm calls the job COMPLETING until its processes have ended. Asked to, it starts a cancelled job
 * again, too: a job has to know that it was cancelled.
 * @param details undefined if Slurm does not answer, or does not know the job. If it was not cancelled, it is the
 *   machine that fails: then Slurm starts the job again
 * @param starts how often the job had been queued again when this process was started
 */
export function fateOf(details: JobDetails | undefined, starts: number): JobFate {
  if (details === undefined || details.restarts > starts) return 'requeued';
  if (details.isPreempted || details.reason === 'TimeLimit') return 'running';
  return ['COMPLETING', 'CANCELLED'].includes(details.state) ? 'cancelled' : 'running';
}
