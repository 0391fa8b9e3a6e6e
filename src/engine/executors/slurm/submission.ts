/**
 * Submissions: what was sent to Slurm, and as what. Each has a folder in what its study remembers in the cache,
 * `studies/SHA/slurm/ID/`:
 * - `submission.json`: the study as it was, the bundles and the arrays of jobs. It never changes. Others may write into
 *   a shared cache, and must not choose what somebody's jobs run: so every job knows the digest of it.
 * - `jobs.json`: what Slurm calls the arrays, written as they are sent.
 * - `ends.json`: what jobs came to, noted by whoever looked while Slurm still knew it.
 * - `array-N.sh`: the batch scripts.
 * - `BUNDLE.N.jsonl`: what jobs tell (journal.ts).
 * - `BUNDLE.log`: what they write to standard output and error (`logName`).
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { makeDirectory } from '../../../base/atomic-file.ts';
import { digestJson } from '../../../base/digest.ts';
import { SwpError } from '../../../base/failure.ts';
import { fileFailure, isDenied } from '../../../base/file-failure.ts';
import { isJsonObject, type JsonObject } from '../../../base/json.ts';
import { namesIn } from '../../../cache/layout.ts';
import { readNote, writeNote, type FoundNote } from '../../../cache/note.ts';
import { SUBMISSIONS } from '../../../cache/study-state.ts';
import type { KeptArtifacts } from '../../run-eviction.ts';
import type { JobArray } from './arrays.ts';
import { logName } from './batch-script.ts';
import type { Bundle } from './bundles.ts';
import type { SlurmJobState } from './job-state.ts';
import type { SlurmSettings } from './settings.ts';
import { isJobEnd, isJobNumber, isSubmission } from './submission-shape.ts';

export interface Submission {
  /** ISO 8601. */
  at: string;
  user: string;
  host: string;
  study: {
    /** Absolute path of pipeline.json. */
    path: string;
    /** What it said. */
    declaration: string;
    profile?: string;
    device?: string;
    engine?: string;
    /** Absolute path of the cache. */
    cache: string;
    selectors: string[];
  };
  /** How nodes run, as options of the command said. */
  run: { keep?: KeptArtifacts; memoryPerNode?: number; checkpointSeconds?: number };
  bundles: Bundle<SlurmSettings>[];
  /** Without what Slurm calls them. */
  arrays: JobArray[];
}

/** A submission in its place. */
export interface StoredSubmission {
  /** Absolute path. */
  folder: string;
  submission: Submission;
  /** Those of the submission, with what Slurm calls them; without for those that were not sent. */
  arrays: JobArray[];
  /** By index of the bundle: what its job came to, of those of which it was noted. */
  ends: Map<number, SlurmJobState>;
}

const SUBMISSION = 'submission.json';
const JOBS = 'jobs.json';
const ENDS = 'ends.json';

/** Where notes are written from, and what stands in their way goes. */
export interface NotePlace {
  cache: string;
  scratch: string;
}

/**
 * @param studyFolder the study's folder in the cache
 * @throws SwpError of kind `file`
 */
export async function storeSubmission(
  studyFolder: string,
  submission: Submission,
  place: NotePlace,
): Promise<StoredSubmission> {
  const id = `${submission.at.replace(/[:.]/g, '-')}-${randomBytes(3).toString('hex')}`;
  const folder = join(studyFolder, SUBMISSIONS, id);
  try {
    makeDirectory(folder);
    await writeNote(join(folder, SUBMISSION), submission, place);
  } catch (error) {
    throw fileFailure(error, folder, 'write');
  }
  return { folder, submission, arrays: submission.arrays.map((array) => ({ ...array })), ends: new Map() };
}

/** By which its jobs know a submission. */
export function digestOf(submission: Submission): string {
  return digestJson(submission as unknown as JsonObject);
}

/** Notes what Slurm calls the arrays that were sent by now. @throws SwpError of kind `file` */
export async function storeJobs({ folder, arrays }: StoredSubmission, place: NotePlace): Promise<void> {
  const path = join(folder, JOBS);
  try {
    await writeNote(path, { jobs: arrays.map(({ job }) => job ?? null) }, place);
  } catch (error) {
    throw fileFailure(error, path, 'write');
  }
}

/** Notes what jobs came to. @throws SwpError of kind `file` */
export async function storeEnds({ folder, submission, ends }: StoredSubmission, place: NotePlace): Promise<void> {
  const path = join(folder, ENDS);
  try {
    const isComplete = ends.size === submission.bundles.length;
    await writeNote(path, { isComplete, ends: Object.fromEntries(ends) }, place);
  } catch (error) {
    throw fileFailure(error, path, 'write');
  }
}

/**
 * Of a study: those with jobs of which no end was noted, and the last one; the oldest first. What is damaged, or was
 * put there by something else, is passed over.
 * @param options.all of older ones, also those whose jobs have all ended
 * @throws SwpError of kind `file`
 */
export function readSubmissions(studyFolder: string, { all = false } = {}): StoredSubmission[] {
  const folder = join(studyFolder, SUBMISSIONS);
  const ids = namesIn(folder);
  return ids.flatMap((id) => {
    const place = join(folder, id);
    try {
      return !all && id !== ids.at(-1) && isComplete(place) ? [] : (readSubmission(place) ?? []);
    } catch (error) {
      if (error instanceof SwpError && isDenied(error.cause)) return []; // somebody keeps theirs to themselves
      throw error;
    }
  });
}

function isComplete(folder: string): boolean {
  const note = readNote(join(folder, ENDS));
  return note.kind === 'whole' && note.value.isComplete === true;
}

/**
 * What a job is to work off.
 * @param sha256 of what was submitted
 * @throws SwpError of kind `content` if that is not there any more
 */
export function readOwnSubmission(folder: string, sha256: string): StoredSubmission {
  const stored = readSubmission(folder);
  if (stored !== undefined && digestOf(stored.submission) === sha256) return stored;
  throw new SwpError({
    kind: 'content',
    path: join(folder, SUBMISSION),
    message: stored === undefined ? 'It is missing or damaged' : 'It is not what this job was submitted for',
    remedy: '`swp submit` sends what is missing once more.',
  });
}

function readSubmission(folder: string): StoredSubmission | undefined {
  const note = readNote(join(folder, SUBMISSION));
  if (note.kind !== 'whole') return undefined;
  const { version: _, ...content } = note.value;
  if (!isSubmission(content)) return undefined;
  const submission = content as unknown as Submission;
  const jobs = readNote(join(folder, JOBS));
  const named = jobs.kind === 'whole' && Array.isArray(jobs.value.jobs) ? jobs.value.jobs : [];
  return {
    folder,
    submission,
    arrays: submission.arrays.map(({ job: _, ...array }, index) => {
      const job = named[index];
      return isJobNumber(job) ? { ...array, job: job as string } : array;
    }),
    ends: endsIn(readNote(join(folder, ENDS))),
  };
}

function endsIn(note: FoundNote): Map<number, SlurmJobState> {
  const ends = note.kind === 'whole' && isJsonObject(note.value.ends) ? note.value.ends : {};
  return new Map(
    Object.entries(ends).flatMap(([index, end]) => (isJobEnd(end) ? [[Number(index), end as SlurmJobState]] : [])),
  );
}

/** Absolute path of what the job of a bundle writes to standard output and error. */
export function logOf({ folder, arrays }: StoredSubmission, bundle: number): string {
  return join(
    folder,
    logName(
      arrays.find(({ bundles }) => bundles.includes(bundle))!,
      bundle,
    ),
  );
}
