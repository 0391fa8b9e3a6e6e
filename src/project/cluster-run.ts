/** A study that runs in jobs of Slurm: what is in live jobs already, what is sent now, and who follows them. */
import type { Lease } from '../cache/lease-store.ts';
import { studyFolder } from '../cache/study-state.ts';
import { SwpError, type Failure } from '../base/failure.ts';
import { digestJson } from '../base/digest.ts';
import { SlurmClient } from '../engine/executors/slurm/client.ts';
import type { StoredSubmission, Submission } from '../engine/executors/slurm/submission.ts';
import { clusterExecutor } from './cluster-executor.ts';
import { cutRun, send, throwIfStopped, type SubmitSettings } from './cluster-submission.ts';
import { plannedRun, type PlannedRun } from './planned-run.ts';
import type { Project } from './project.ts';
import type { RunSettings } from './study-run.ts';
import { jobsOf, noAnswer, studyJobs, type StudyJob } from './study-jobs.ts';

/** What is on its way of a run. */
export interface SentRun {
  /** Live jobs of the study, those that were just sent included. */
  jobs: StudyJob[];
  /** What was just sent; undefined if there was nothing to send. */
  sent: StoredSubmission | undefined;
  settings: SubmitSettings;
  client: SlurmClient;
}

/**
 * Sends jobs for what has no result and is in no live job. Two who send the same study at once send it once.
 * @param options.signal gives up waiting for another one, and takes back what was sent
 * @throws SwpError of kind `scheduler` if Slurm does not answer, or refuses; `usage` for settings that make no sense
 */
export async function sendRun(
  project: Project,
  planned: PlannedRun,
  settings: SubmitSettings,
  { client = new SlurmClient(), signal }: { client?: SlurmClient; signal?: AbortSignal } = {},
): Promise<SentRun> {
  const { cache, study } = project;
  const name = digestJson({ submissions: studyFolder(cache.directory, study.path) });
  for (;;) {
    const acquisition = await cache.leases.acquire(name, 'swp submit');
    if (acquisition.kind === 'held')
      return await sendWhileHeld(acquisition.lease, project, planned, settings, client, signal);
    await cache.leases.wait(name, async () => false, signal);
    throwIfStopped(signal);
  }
}

/** @param lease nobody else sends jobs of this study meanwhile; given back at the end */
async function sendWhileHeld(
  lease: Lease,
  project: Project,
  planned: PlannedRun,
  settings: SubmitSettings,
  client: SlurmClient,
  signal: AbortSignal | undefined,
): Promise<SentRun> {
  using _lease = lease;
  const { jobs, silent } = await studyJobs(project, client, { notesEnds: true });
  if (silent !== undefined) throw new SwpError(noAnswer(silent, 'Nothing was sent.'));
  const live = await stayingOf(jobs, client);
  const submission = await cutRun(project, planned, settings, client, holderIn(live));
  const sent = submission && (await send(project, submission, client, signal));
  return { jobs: [...live, ...(sent === undefined ? [] : jobsOf(sent))], sent, settings, client };
}

/** Those of live jobs that come to their end: one that was cancelled is there until its processes have ended. */
async function stayingOf(jobs: readonly StudyJob[], client: SlurmClient): Promise<StudyJob[]> {
  const staying: StudyJob[] = [];
  for (const job of jobs) {
    const isEnding = job.state.kind === 'running' && job.state.isEnding === true;
    if (!job.isOver && !(isEnding && (await client.fate(job.id)) === 'cancelled')) staying.push(job);
  }
  return staying;
}

/** What `sendRun` would send. Changes nothing; without Slurm, as if there were no live jobs. */
export async function previewRun(
  project: Project,
  planned: PlannedRun,
  settings: SubmitSettings,
  client = new SlurmClient(),
): Promise<Submission | undefined> {
  const { jobs } = await studyJobs(project, client).catch((error: unknown) => {
    if (!(error instanceof SwpError) || error.failure.kind !== 'unavailable') throw error;
    return { jobs: [] };
  });
  return cutRun(project, planned, settings, client, holderIn(await stayingOf(jobs, client)));
}

/** Sends a job for one node that a run has come to need. */
async function sendNode(
  project: Project,
  { plan, selectors }: PlannedRun,
  key: string,
  settings: SubmitSettings,
  client: SlurmClient,
): Promise<StudyJob> {
  const planned = plan.nodes.get(key)!;
  const asMissing = { ...plan, nodes: new Map([...plan.nodes, [key, { ...planned, state: 'missing' as const }]]) };
  const alone = { targets: [], gather: [key] }; // its producers have results by now
  const submission = await cutRun(project, plannedRun(asMissing, selectors, alone), settings, client, () => undefined);
  return jobsOf(await send(project, submission!, client))[0]!;
}

/** Of a run that follows jobs. They tell the study's history of themselves. */
export function followSettings(
  project: Project,
  planned: PlannedRun,
  { jobs, settings, client }: SentRun,
  warn: (failure: Failure) => void,
): RunSettings {
  const submitNode = ({ key }: { key: string }) => sendNode(project, planned, key, settings, client);
  return {
    ...settings.run,
    jobs: atATime(jobs),
    openExecutor: (emit) => clusterExecutor(project, { client, jobs, submitNode }, emit, warn),
    isRecorded: false,
  };
}

/** How many jobs run at a time at most, as far as that was asked for: the time left rests on it. */
function atATime(jobs: readonly StudyJob[]): number {
  const limits = jobs.map(({ bundle }) => bundle.settings.concurrency ?? Infinity);
  return Math.max(1, Math.min(jobs.length, Math.max(1, ...limits)));
}

function holderIn(live: readonly StudyJob[]): (key: string) => string | undefined {
  const holders = new Map(live.flatMap(({ id, bundle }) => bundle.nodes.map((key) => [key, id] as const)));
  return (key) => holders.get(key);
}
