/** What the jobs of a study are at, for whoever looks at it and runs nothing. */
import { SwpError, type Failure } from '../base/failure.ts';
import type { Cache } from '../cache/cache.ts';
import type { JobState } from '../engine/event.ts';
import { studyFolder } from '../cache/study-state.ts';
import { SlurmClient } from '../engine/executors/slurm/client.ts';
import { readSubmissions } from '../engine/executors/slurm/submission.ts';
import type { PlannedState } from '../engine/plan.ts';
import { failureOfJob } from './cluster-executor.ts';
import type { Project } from './project.ts';
import { jobsOf, lookAt, noAnswer, type StudyJob } from './study-jobs.ts';

export interface JobStatus {
  job: StudyJob;
  /** As Slurm has it, else by the job's own words. */
  state: JobState;
  /** Of its bundle, how many have a result by now. */
  done: number;
  /** Why it came to nothing; undefined for a job that is live. */
  failure: Failure | undefined;
}

export interface JobsStatus {
  /** Live ones, and those that ended without results that nothing has made since, and that no later job is to make. */
  jobs: JobStatus[];
  /** Live ones that have no node of the study as it is now: another profile, or nodes from before a change. */
  others: number;
  /** Keys of nodes without results that are in live jobs. */
  onTheirWay: ReadonlySet<string>;
  /** Why Slurm has told nothing, if it has not: of kind `scheduler` or `unavailable`. */
  silence: Failure | undefined;
}

/**
 * @param nodes those of the study
 * @param selected of these, the ones that are asked for
 * @throws SwpError, but not for what is the matter with Slurm
 */
export async function jobsStatus(
  project: Project,
  nodes: ReadonlyMap<string, PlannedState>,
  selected: readonly PlannedState[],
  client?: SlurmClient,
): Promise<JobsStatus> {
  const { jobs, silence } = await askedJobs(project, client);
  const lacks = (key: string) => nodes.has(key) && nodes.get(key)!.state !== 'cached';
  const live = jobs.filter((job) => !job.isOver);
  const onTheirWay = new Set(live.flatMap(({ bundle }) => bundle.nodes.filter(lacks)));
  // A node that an earlier job came to nothing with is in the hands of the last job that has it.
  const lastOf = new Map(jobs.flatMap((job) => job.bundle.nodes.map((key) => [key, job] as const)));
  const isOpen = (job: StudyJob) =>
    job.isOver
      ? job.state.kind !== 'done' &&
        job.bundle.nodes.some((key) => lacks(key) && !onTheirWay.has(key) && lastOf.get(key) === job)
      : job.bundle.nodes.some((key) => nodes.has(key));
  const asked = new Set(selected.map(({ node }) => node.key));
  const shown = jobs.filter((job) => isOpen(job) && job.bundle.nodes.some((key) => asked.has(key)));
  return {
    jobs: await Promise.all(shown.map((job) => statusOf(job, nodes, project.cache))),
    others: live.filter(({ bundle }) => !bundle.nodes.some((key) => nodes.has(key))).length,
    onTheirWay,
    silence,
  };
}

/** All jobs of the study. Slurm may be away; what was copied to another machine is looked at where there is none. */
export async function askedJobs(
  project: Project,
  client: SlurmClient = new SlurmClient(),
): Promise<{ jobs: StudyJob[]; silence: Failure | undefined }> {
  const folder = studyFolder(project.cache.directory, project.study.path);
  const jobs = readSubmissions(folder, { all: true }).flatMap(jobsOf);
  try {
    const silent = await lookAt(jobs, client, undefined); // whoever looks at a study changes nothing
    return { jobs, silence: silent === undefined ? undefined : noAnswer(silent, 'Jobs that run go on without it.') };
  } catch (error) {
    if (!(error instanceof SwpError) || !['scheduler', 'unavailable'].includes(error.failure.kind)) throw error;
    for (const job of jobs.filter(({ isOver }) => !isOver)) {
      job.news();
      job.judge('silent');
    }
    return { jobs, silence: error.failure };
  }
}

async function statusOf(job: StudyJob, nodes: ReadonlyMap<string, PlannedState>, cache: Cache): Promise<JobStatus> {
  job.news(); // of those whose end was noted earlier
  // The study may be another one by now: only the cache knows of nodes that it does not have any more.
  const hasResult = async (key: string) =>
    nodes.has(key)
      ? nodes.get(key)!.state === 'cached'
      : (await cache.record(key).catch(() => undefined)) !== undefined;
  return {
    job,
    state: stateOf(job),
    done: (await Promise.all(job.bundle.nodes.map(hasResult))).filter(Boolean).length,
    failure: job.isOver ? failureOfJob(job) : undefined,
  };
}

/** As Slurm has it, else by the job's own words. */
export function stateOf(job: StudyJob): JobState {
  return job.state.kind === 'unknown' ? stateByItself(job) : job.state.kind;
}

/** Of a job of which Slurm says nothing: what it has said itself. */
function stateByItself({ ending, hasStarted }: StudyJob): JobState {
  switch (ending?.how) {
    case undefined:
      return hasStarted ? 'running' : 'queued';
    case 'requeue':
      return 'requeued';
    case 'stopped':
      return 'cancelled';
    case 'too-short':
      return 'time-limit';
    default:
      return ending!.how as 'done' | 'failed';
  }
}
