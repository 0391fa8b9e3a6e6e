/** Follows the jobs of a study in Slurm for a run of it, and tells what becomes of them. */
import { existsSync } from 'node:fs';
import type { EventSink, SwpEvent } from '../engine/event.ts';
import type { Delegate, Executor, SlotRequest } from '../engine/executor.ts';
import type { SlurmClient } from '../engine/executors/slurm/client.ts';
import { jobFailure } from '../engine/executors/slurm/job-failure.ts';
import { isWaiting } from '../engine/executors/slurm/job-state.ts';
import { lastLineOf } from '../engine/executors/slurm/log-end.ts';
import { SlurmExecutor, type JobLook, type SubmittedBundle } from '../engine/executors/slurm/slurm-executor.ts';
import type { Failure } from '../base/failure.ts';
import type { Project } from './project.ts';
import { answerFor, noteEnds, type StudyJob } from './study-jobs.ts';

export interface ClusterRun {
  client: SlurmClient;
  jobs: readonly StudyJob[];
  /** Sends a job for a node that none has. */
  submitNode(request: SlotRequest & { key: string }): Promise<StudyJob>;
}

/** Jobs go on when it is closed. */
export function clusterExecutor(
  { cache }: Pick<Project, 'cache'>,
  { client, jobs, submitNode }: ClusterRun,
  emit: EventSink,
  warn: (failure: Failure) => void,
): Executor<Delegate> {
  const known = new Map<string, StudyJob>();
  const told = new Map<string, string>();
  const add = (job: StudyJob): SubmittedBundle => {
    known.set(job.id, job);
    return { job: job.id, nodes: job.bundle.nodes, news: () => job.news() };
  };
  let isSilent = false;

  async function ask(ids: readonly string[]): Promise<(id: string) => JobLook> {
    const answer = await client.jobs(ids);
    if (answer.kind === 'silent' && !isSilent) warn(isAway(answer.message));
    isSilent = answer.kind === 'silent';
    const found = new Map(ids.map((id) => [id, answerFor(id, answer)]));
    for (const [id, each] of found) known.get(id)!.waits = isWaiting(each);
    return (id) => {
      const job = known.get(id)!;
      job.judge(found.get(id)!);
      if (job.state.kind !== 'unknown') tell(job);
      if (!job.isOver) return { over: false };
      void noteEnds([job], cache);
      const failure = failureOfJob(job);
      // Its nodes were told only that something ended them.
      if (failure !== undefined && job.state.kind === 'out-of-memory' && job.ending?.how === 'failed') warn(failure);
      return { over: true, ...(failure && { failure }) };
    };
  }

  function tell(job: StudyJob): void {
    const event = eventOf(job);
    const text = JSON.stringify(event);
    if (told.get(job.id) === text) return;
    told.set(job.id, text);
    emit(event);
  }

  return new SlurmExecutor({
    bundles: jobs.map(add),
    submit: async (request) => add(await submitNode(request)),
    ask,
    cancel: (ids) => client.cancel(ids),
    whenStopped: 'leave',
  });
}

export function failureOfJob(job: StudyJob): Failure | undefined {
  const { state, bundle, log, hasStarted, ending } = job;
  return jobFailure({
    job: job.id,
    bundle: bundle.name,
    settings: bundle.settings,
    state: state.kind,
    reason: 'reason' in state ? state.reason : undefined,
    node: 'nodes' in state ? state.nodes : undefined,
    hasStarted,
    log: existsSync(log) ? log : undefined,
    said: ['failed', 'lost'].includes(state.kind) && ending === undefined ? lastLineOf(log) : undefined,
    ending,
  });
}

function eventOf({ id, bundle, state, log }: StudyJob): Extract<SwpEvent, { event: 'job' }> {
  if (state.kind === 'unknown') throw new Error('Nothing is known of this job.');
  return {
    event: 'job',
    id,
    bundle: bundle.name,
    state: state.kind,
    ...('reason' in state && state.reason !== undefined && { reason: state.reason }),
    ...('nodes' in state && state.nodes !== undefined && { node: state.nodes }),
    log,
  };
}

function isAway(message: string): Failure {
  return {
    kind: 'scheduler',
    answers: false,
    message: `Slurm does not answer: ${message}`,
    remedy: 'Jobs that run go on without it, and what they tell is shown. It is asked again.',
  };
}
