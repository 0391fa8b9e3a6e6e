/** The jobs that a study has in Slurm, as far as anybody has to know of them: what became of each, and its nodes. */
import type { Cache } from '../cache/cache.ts';
import { thisProcess } from '../cache/process-identity.ts';
import { SwpError, type Failure } from '../base/failure.ts';
import { studyFolder } from '../cache/study-state.ts';
import { elementOf } from '../engine/executors/slurm/arrays.ts';
import { SlurmClient, type SlurmAnswer } from '../engine/executors/slurm/client.ts';
import { JOB_NAME } from '../engine/executors/slurm/batch-script.ts';
import { endInLog } from '../engine/executors/slurm/log-end.ts';
import { isOver, stateOfJob, type SlurmJobState } from '../engine/executors/slurm/job-state.ts';
import { JournalReader, type JobEnding, type JournalLine } from '../engine/executors/slurm/journal.ts';
import type { SlurmJob } from '../engine/executors/slurm/slurm-output.ts';
import { logOf, readSubmissions, storeEnds, type StoredSubmission } from '../engine/executors/slurm/submission.ts';
import type { NodeLabel } from '../engine/stage.ts';
import { WHOLE_STUDY } from '../pipeline/whole-study.ts';
import type { Project } from './project.ts';

/** A job, which works off one bundle of a submission. */
export class StudyJob {
  /** What Slurm calls it: `123_4`. */
  readonly id: string;
  readonly submission: StoredSubmission;
  readonly index: number;
  readonly #journal: JournalReader;
  #log: string | undefined;
  /** Whether it has ever begun, by its own word. */
  hasStarted = false;
  /** Whether Slurm said last that it waits: then it tells nothing. */
  waits = false;
  /** How it ended, by its own word, unless it was started again since. */
  ending: JobEnding | undefined;
  /** The node that it is at. */
  current: { label: NodeLabel; key: string; done?: number; total?: number } | undefined;
  state: SlurmJobState = { kind: 'unknown' };

  constructor(submission: StoredSubmission, index: number, id: string) {
    this.id = id;
    this.submission = submission;
    this.index = index;
    this.#journal = new JournalReader(submission.folder, index);
    const end = submission.ends.get(index);
    if (end !== undefined) this.state = end;
  }

  get bundle(): StoredSubmission['submission']['bundles'][number] {
    return this.submission.submission.bundles[this.index]!;
  }

  /** Absolute path of what it writes to standard output and error. */
  get log(): string {
    return (this.#log ??= logOf(this.submission, this.index));
  }

  get isOver(): boolean {
    return isOver(this.state);
  }

  /** Reads what it has told since the last time. */
  news(): JournalLine[] {
    if (this.waits) return [];
    const lines = this.#journal.next();
    for (const line of lines) this.#hear(line);
    return lines;
  }

  /** @param found what Slurm says of it; `news` is read before */
  judge(found: SlurmJob | 'absent' | 'silent'): void {
    const ending = this.ending?.how;
    const state = stateOfJob(found, { hasStarted: this.hasStarted, ...(ending !== undefined && { ending }) });
    this.state = state.kind === 'lost' ? (endInLog(this.log) ?? state) : state;
  }

  #hear(line: JournalLine): void {
    switch (line.event) {
      case 'job-start':
        this.hasStarted = true;
        this.ending = undefined;
        this.current = undefined;
        return;
      case 'job-end':
        this.ending = line;
        this.current = undefined;
        return;
      case 'node-start':
        this.current = { label: line.label, key: line.key };
        return;
      case 'node-progress':
        if (this.current?.key === line.key) Object.assign(this.current, line.progress);
        return;
      case 'node-end':
        if (this.current?.key === line.key) this.current = undefined;
        return;
      default:
        return;
    }
  }
}

/** Of a submission, in the order of its bundles; those that were sent. */
export function jobsOf(stored: StoredSubmission): StudyJob[] {
  const ids = new Map(
    stored.arrays.flatMap((array) => array.bundles.map((index) => [index, elementOf([array], index)] as const)),
  );
  return stored.submission.bundles.flatMap((_, index) => {
    const id = ids.get(index);
    return id === undefined ? [] : [new StudyJob(stored, index, id)];
  });
}

/**
 * Looks what has become of jobs.
 * @param cache where ends are noted, since Slurm forgets jobs after some minutes; nowhere if absent
 * @returns why Slurm does not answer, if it does not
 */
export async function lookAt(
  jobs: readonly StudyJob[],
  client: SlurmClient,
  cache: Cache | undefined,
): Promise<string | undefined> {
  const open = jobs.filter((job) => !job.isOver);
  if (open.length === 0) return undefined;
  const answer = await client.jobs(open.map(({ id }) => id));
  for (const job of open) {
    job.news();
    job.judge(answerFor(job.id, answer));
  }
  if (cache !== undefined) await noteEnds(open, cache);
  return answer.kind === 'silent' ? answer.message : undefined;
}

/** Others may write into a shared cache: a number there may be that of any job, which must not end for that. */
function isOurs({ name }: SlurmJob): boolean {
  return name.startsWith(JOB_NAME);
}

export function answerFor(id: string, answer: SlurmAnswer<Map<string, SlurmJob>>): SlurmJob | 'absent' | 'silent' {
  if (answer.kind === 'silent') return 'silent';
  const found = answer.value.get(id);
  return found === undefined || !isOurs(found) ? 'absent' : found;
}

const LOST_AFTER_MS = 7 * 24 * 3_600_000;

/** Best effort: without the note, what Slurm has forgotten is told by what the jobs have said themselves. */
export async function noteEnds(jobs: readonly StudyJob[], cache: Cache): Promise<void> {
  // One that is lost today may be seen by somebody else, to whom Slurm shows more.
  const isOld = (job: StudyJob) => Date.now() - Date.parse(job.submission.submission.at) > LOST_AFTER_MS;
  const ended = jobs.filter((job) => job.isOver && (job.state.kind !== 'lost' || isOld(job)));
  for (const submission of new Set(ended.map((job) => job.submission))) {
    for (const job of ended) if (job.submission === submission) submission.ends.set(job.index, job.state);
    const place = { cache: cache.directory, scratch: await cache.scratch.directory() };
    await storeEnds(submission, place).catch(() => {});
  }
}

/** @param then what that means for what was asked for */
export function noAnswer(message: string, then: string): Failure {
  return {
    kind: 'scheduler',
    answers: false,
    message: `Slurm does not answer: ${message}`,
    remedy: `${then} Try again when \`scontrol ping\` finds it up.`,
  };
}

/**
 * Of a study: all jobs of submissions with jobs of which no end was noted, and of the last submission.
 * @param options.notesEnds note in the cache what jobs have come to
 * @returns `silent`: why Slurm does not answer, if it does not
 */
export async function studyJobs(
  { study, cache }: Pick<Project, 'study' | 'cache'>,
  client = new SlurmClient(),
  { notesEnds = false } = {},
): Promise<{ jobs: StudyJob[]; silent?: string }> {
  const jobs = readSubmissions(studyFolder(cache.directory, study.path)).flatMap(jobsOf);
  const silent = await lookAt(jobs, client, notesEnds ? cache : undefined);
  return { jobs, ...(silent !== undefined && { silent }) };
}

/** Which jobs are to end, by the keys of their nodes. */
export interface MeantJobs {
  /** Whether such a job is meant. */
  isMeant(nodes: readonly string[]): boolean;
  /** Whether it serves others, too: then it goes on as long as one of their jobs waits for it. */
  isShared(nodes: readonly string[]): boolean;
}

/**
 * Ends live jobs of a study that this user has sent: Slurm lets nobody end those of others.
 * @param meant all of them if absent
 * @returns those that were ended, how many others are live, and how many of these somebody else has sent
 * @throws SwpError of kind `scheduler` if Slurm does not answer, or refuses
 */
export async function cancelJobs(
  project: Project,
  { isMeant, isShared }: MeantJobs = { isMeant: () => true, isShared: () => false },
  client = new SlurmClient(),
): Promise<{ cancelled: StudyJob[]; left: number; ofOthers: number }> {
  const { jobs, silent } = await studyJobs(project, client);
  if (silent !== undefined) throw new SwpError(noAnswer(silent, 'No job was cancelled.'));
  const live = jobs.filter((job) => !job.isOver);
  const { user } = thisProcess();
  const own = live.filter(({ submission }) => submission.submission.user === user);
  const meant = own.filter(({ bundle }) => isMeant(bundle.nodes));
  const staying = live.filter((job) => !meant.includes(job) && !gathers(job));
  const awaited = awaitedBy(staying, live);
  const cancelled = meant.filter((job) => !(awaited.has(job.id) && isShared(job.bundle.nodes)));
  await client.cancel(cancelled.map(({ id }) => id));
  return { cancelled, left: live.length - cancelled.length, ofOthers: live.length - own.length };
}

/** A job that makes something of whatever results there are loses nothing by others' end. */
function gathers({ bundle }: StudyJob): boolean {
  return bundle.places.some((place) => place.startsWith(`${WHOLE_STUDY}/`));
}

/** Ids of what these jobs wait for, and what that waits for. */
function awaitedBy(jobs: readonly StudyJob[], all: readonly StudyJob[]): Set<string> {
  const byId = new Map(all.map((job) => [job.id, job]));
  const awaited = new Set<string>();
  const toLookAt = [...jobs];
  for (let job = toLookAt.pop(); job !== undefined; job = toLookAt.pop())
    for (const each of job.bundle.after) {
      const id = typeof each === 'string' ? each : elementOf(job.submission.arrays, each);
      if (id === undefined || awaited.has(id)) continue;
      awaited.add(id);
      const before = byId.get(id);
      if (before !== undefined) toLookAt.push(before);
    }
  return awaited;
}
