/**
 * What a job of a cluster does: an ordinary run of the nodes of one bundle on the machine that it was given, with
 * leases on the shared cache. What happens is written into the submission's folder, where others follow it
 * (engine/executors/slurm/journal.ts). When its time is up, or the machine is taken from it, it keeps its state and is
 * queued again.
 */
import { hostname } from 'node:os';
import { SwpError, type Failure } from '../base/failure.ts';
import { failureOf, fileFailure } from '../base/file-failure.ts';
import type { EventSink, SwpEvent } from '../engine/event.ts';
import { allocationIn, graceSeconds, jobNameIn, TIME_SIGNAL } from '../engine/executors/slurm/allocation.ts';
import { lackingIn, restrictTo, wantedOf } from '../engine/executors/slurm/bundle-plan.ts';
import { SlurmClient } from '../engine/executors/slurm/client.ts';
import type { JobFate } from '../engine/executors/slurm/job-fate.ts';
import { Journal, type JobEnding } from '../engine/executors/slurm/journal.ts';
import { readOwnSubmission, type Submission } from '../engine/executors/slurm/submission.ts';
import { localExecutor } from './local-executor.ts';
import { plannedRun, planRun } from './planned-run.ts';
import { openProject } from './project.ts';
import type { RunState } from './run-state.ts';
import { studyJobs } from './study-jobs.ts';
import { StudyRun } from './study-run.ts';

/** Which part of which submission a job is. */
export interface JobAddress {
  /** The submission's folder. */
  submission: string;
  /** Digest of what was submitted. */
  sha256: string;
  bundle: number;
}

export interface JobSurroundings {
  /** The job's environment, with what Slurm says there of what it was given; that of this process if absent. */
  env?: NodeJS.ProcessEnv;
  /** Shows what happens in the job's log. */
  openView(openState: () => Promise<RunState>): Promise<{ emit: EventSink; close(): void }>;
  /** Stops the run; its reason is the name of a signal. */
  signal: AbortSignal;
}

export { TIME_SIGNAL };

/**
 * Brings a bundle up to date.
 * @returns how that ended; the journal has it as its last line
 */
export async function runJob(address: JobAddress, surroundings: JobSurroundings): Promise<JobEnding> {
  const { env = process.env } = surroundings;
  const client = new SlurmClient({ env });
  const job = jobNameIn(env);
  const journal = beginJournal(address);
  const now = () => new Date().toISOString();
  try {
    journal.write({ event: 'job-start', job, host: hostname(), pid: process.pid, at: now() });
    const ending = await runBundle(address, journal, { ...surroundings, env }, () => client.fate(job)).catch(
      (error: unknown): JobEnding => {
        const failure = failureOf(error);
        if (failure === undefined) throw error;
        return { how: 'failed', failure };
      },
    );
    journal.write({ event: 'job-end', at: now(), ...ending });
    // Not before: Slurm ends this process then.
    if (ending.how === 'requeue' && ending.asks) await client.requeue(job);
    return ending;
  } finally {
    journal.close();
  }
}

async function runBundle(
  { submission: folder, sha256, bundle: index }: JobAddress,
  journal: Journal,
  { env, openView, signal }: Required<JobSurroundings>,
  fate: () => Promise<JobFate>,
): Promise<JobEnding> {
  const { submission } = readOwnSubmission(folder, sha256);
  const bundle = submission.bundles[index]!;
  const { path: pipeline, selectors, ...study } = submission.study;
  const project = await openProject({ pipeline, ...study });
  const { plan } = await planRun(project, []);
  const lacking = lackingIn(plan, bundle.nodes);
  if (lacking.length > 0) throw new SwpError(isAnotherStudy(submission, index, lacking));

  const given = allocationIn(env);
  const planned = plannedRun(restrictTo(plan, bundle.nodes), selectors, wantedOf(plan, bundle.nodes));
  const run = new StudyRun(project, planned, {
    ...submission.run,
    jobs: given.jobs,
    openExecutor: () => localExecutor({ ...given, graceMs: 1_000 * graceSeconds(bundle.settings) }),
  });
  const view = await openView(() => run.openState());
  const progress = new JobProgress();
  const hear: EventSink = (event) => {
    progress.hear(event);
    journal.write(event);
    view.emit(event);
  };
  const { stopped, failed, blocked } = await run.execute(hear, signal).finally(() => view.close());
  const { summary, reportFailure } = await run.conclude(signal);
  hear(summary);
  // The report's job is the last one: Slurm still knows the others, and may not when somebody asks.
  if ([...(planned.wanted.gather ?? [])].length > 0)
    await studyJobs(project, new SlurmClient({ env }), { notesEnds: true }).catch(() => {});
  if (stopped !== undefined) return whenStopped(stopped, progress.isThere, fate);
  if (reportFailure !== undefined) return { how: 'failed', failure: reportFailure };
  if (failed + blocked === 0) return { how: 'done' };
  const why = bundle.nodes.map((key) => planned.plan.nodes.get(key)!.node.blocked?.failure).find(Boolean);
  return { how: 'failed', ...(failed === 0 && why !== undefined && { failure: why }) };
}

/** Whether a job has come to anything that the next start of it would not have to do again. */
class JobProgress {
  /** By node: the length of its trajectory at which it began. */
  readonly #began = new Map<string, number>();
  isThere = false;

  hear(event: SwpEvent): void {
    if (event.event === 'node-start') this.#began.set(event.key, event.resumedAt ?? 0);
    // When a node is told to end it writes its state, also where it has not got any further.
    const isFurther = event.event === 'node-checkpoint' && event.at > (this.#began.get(event.key) ?? 0);
    if (isFurther || (event.event === 'node-end' && event.outcome === 'ran')) this.isThere = true;
  }
}

/** What becomes of a job that was stopped before it had done its work. */
async function whenStopped(signal: string, hasProgressed: boolean, fate: () => Promise<JobFate>): Promise<JobEnding> {
  // A job that comes to nothing in its time would be started again without an end.
  if (signal === TIME_SIGNAL) return hasProgressed ? { how: 'requeue', signal, asks: true } : { how: 'too-short' };
  // Where the machine lacks Slurm's commands, nothing is asked for.
  const found = await fate().catch((): JobFate => 'requeued');
  return found === 'cancelled' || (found === 'running' && !hasProgressed)
    ? { how: 'stopped', signal }
    : { how: 'requeue', signal, asks: found === 'running' };
}

/** @throws SwpError of kind `file` */
function beginJournal({ submission, bundle }: JobAddress): Journal {
  try {
    return Journal.begin(submission, bundle);
  } catch (error) {
    throw fileFailure(error, submission, 'write');
  }
}

/** Something that keys depend on is another thing by now, such as the code of a stage or the version of swp. */
function isAnotherStudy({ study, bundles }: Submission, index: number, lacking: readonly string[]): Failure {
  const { nodes, places } = bundles[index]!;
  return {
    kind: 'content',
    path: study.path,
    message: `Its stages, models or texts, or swp, have changed since this job was submitted: ${lacking.length} of its ${nodes.length} nodes, such as ${places[nodes.indexOf(lacking[0]!)]}, are other ones now`,
    remedy: '`swp submit` sends what is missing now.',
  };
}
