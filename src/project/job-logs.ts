/** Logs of jobs: of those that ended before nodes of theirs could begin, or of any that is named. */
import { existsSync } from 'node:fs';
import { SwpError } from '../base/failure.ts';
import { nearestName } from '../base/nearest-name.ts';
import { hasSentJobs } from './sent-jobs.ts';
import { askedJobs, stateOf } from './job-status.ts';
import type { JobState } from '../engine/event.ts';
import type { Project } from './project.ts';
import type { StudyJob } from './study-jobs.ts';

export interface JobLog {
  job: StudyJob;
  state: JobState;
  /** Absolute path. */
  log: string;
  /** Slurm makes none if it cannot start the job. */
  exists: boolean;
}

/**
 * @param keys of nodes that have logged nothing
 * @returns of jobs that have ended and left them undone, each once; and how many of the nodes are in live jobs
 */
export async function logsOfLostJobs(
  project: Project,
  keys: readonly string[],
): Promise<{ jobs: JobLog[]; onTheirWay: number }> {
  if (keys.length === 0 || !hasSentJobs(project)) return { jobs: [], onTheirWay: 0 };
  const { jobs } = await askedJobs(project);
  const lastOf = new Map(jobs.flatMap((job) => job.bundle.nodes.map((key) => [key, job] as const)));
  const theirs = keys.flatMap((key) => lastOf.get(key) ?? []);
  const lost = new Set(theirs.filter(({ isOver, state }) => isOver && state.kind !== 'done'));
  return { jobs: [...lost].map(logOf), onTheirWay: theirs.filter(({ isOver }) => !isOver).length };
}

/**
 * @param id as Slurm calls it: `123_4`, or `123` for all jobs of an array
 * @throws SwpError of kind `usage` if the study has no such job
 */
export async function logsOfJob(project: Project, id: string): Promise<JobLog[]> {
  const { jobs } = hasSentJobs(project) ? await askedJobs(project) : { jobs: [] };
  const found = jobs.filter((job) => job.id === id || job.id.split('_')[0] === id);
  if (found.length > 0) return found.map(logOf);
  const ids = jobs.map((job) => job.id);
  const suggestion = nearestName(id, ids);
  throw new SwpError({
    kind: 'usage',
    message: `This study has no job ${id}.`,
    ...(suggestion !== undefined && { suggestion }),
    expected: ids.length === 0 ? 'the number of a job that it has sent; it has sent none' : `one of ${shortList(ids)}`,
  });
}

function logOf(job: StudyJob): JobLog {
  return { job, state: stateOf(job), log: job.log, exists: existsSync(job.log) };
}

const MOST_NAMED = 8;

/** The last ones, if there are many. */
function shortList(ids: readonly string[]): string {
  return ids.length <= MOST_NAMED ? ids.join(', ') : `..., ${ids.slice(-MOST_NAMED).join(', ')}`;
}
