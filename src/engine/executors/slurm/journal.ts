/**
 * What a job writes into the folder of its submission, a line of JSON per event: `BUNDLE.N.jsonl`, where N counts the
 * times that it was started. Whoever follows the job reads it from another machine; no result depends on it.
 */
import { closeSync, fstatSync, readSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parseBoundedJson } from '../../../base/bounded-json.ts';
import type { Failure } from '../../../base/failure.ts';
import { failureOf, isAbsent, isDenied } from '../../../base/file-failure.ts';
import { holdFolder } from '../../../base/held-folder.ts';
import { createFile, isForeign, openRegularFile } from '../../../base/regular-file.ts';
import type { SwpEvent } from '../../event.ts';
import { isJournalLine } from './journal-line.ts';

/** How a job's run ended, as it says itself. */
export type JobEnding =
  /** All nodes of its bundle have results. */
  | { how: 'done' }
  /** Some have not; the nodes say why, or the failure, which kept it from running. */
  | { how: 'failed'; failure?: Failure }
  /** It was stopped, keeps what it has done, and is started again: Slurm does so by itself, or is asked to. */
  | { how: 'requeue'; signal: string; asks: boolean }
  /** It was stopped for good. */
  | { how: 'stopped'; signal: string }
  /** Its time was up before it had done anything that counts: to start it again would be of no use. */
  | { how: 'too-short' };

export type JournalLine =
  | SwpEvent
  | { event: 'job-start'; job: string; host: string; pid: number; at: string }
  | ({ event: 'job-end'; at: string } & JobEnding);

/** Of one node's progress a line in this time, at most: a training may take days. */
const PROGRESS_EVERY_MS = 2_000;
/** A folder of a submission has no more than so many journals of one bundle. */
const MOST_STARTS = 10_000;
/** Read at once. */
const CHUNK_BYTES = 2 ** 22;
/** A job that tells so much is followed no further; what becomes of it, Slurm says. */
const MOST_BYTES = 2 ** 28;

export class Journal {
  readonly #file: number;
  readonly #told = new Map<string, number>();

  private constructor(file: number) {
    this.#file = file;
  }

  /**
   * Begins a new one.
   * @throws an error of the file system
   */
  static begin(folder: string, bundle: number): Journal {
    for (let start = 0; ; start++)
      try {
        return new Journal(createJournal(journalPath(folder, bundle, start)));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || start >= MOST_STARTS) throw error;
      }
  }

  /**
   * At once: what is written is not lost when the job is killed. Where the disk takes no more, nothing more is told:
   * results are what counts.
   */
  write(line: JournalLine): void {
    if (line.event === 'node-progress') {
      const now = performance.now();
      const { done, total } = line.progress;
      if (done < total && now - (this.#told.get(line.key) ?? -Infinity) < PROGRESS_EVERY_MS) return;
      this.#told.set(line.key, now);
    }
    try {
      writeSync(this.#file, `${JSON.stringify(line)}\n`);
    } catch (error) {
      if (failureOf(error) === undefined) throw error;
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Reads what a bundle's jobs have written, as it comes. */
export class JournalReader {
  readonly #folder: string;
  readonly #bundle: number;
  #start = 0;
  #offset = 0;
  /** The beginning of a line whose end is not there yet. */
  #rest = Buffer.alloc(0);
  /** Whether there has been anything to read. */
  #hasBegun = false;

  constructor(folder: string, bundle: number) {
    this.#folder = folder;
    this.#bundle = bundle;
  }

  /**
   * What has come since the last call. Opens the file anew: a file server then shows what others have written by now.
   * @throws an error of the file system, but not if there is no journal yet
   */
  next(): JournalLine[] {
    // Most jobs of a large study wait, and are looked at again and again.
    this.#hasBegun ||= openJournal(this.#path(0), closeSync) !== 'absent';
    if (!this.#hasBegun) return [];
    const lines: JournalLine[] = [];
    for (;;) {
      // Looked at first: nothing is added to this one once the next is there.
      const isLast = openJournal(this.#path(this.#start + 1), closeSync) !== 'there';
      let text;
      while ((text = this.#read()) !== undefined)
        for (const line of text.split('\n')) {
          const told = lineOf(line);
          if (told !== undefined) lines.push(told);
        }
      if (isLast) return lines;
      this.#start += 1;
      this.#offset = 0;
      this.#rest = Buffer.alloc(0);
    }
  }

  /** Whole lines, perhaps none; undefined if nothing has come. */
  #read(): string | undefined {
    let text: string | undefined;
    openJournal(this.#path(this.#start), (file) => {
      try {
        const length = Math.min(CHUNK_BYTES, fstatSync(file).size - this.#offset, MOST_BYTES - this.#offset);
        if (length <= 0) return;
        const chunk = Buffer.allocUnsafe(length);
        const bytes = readSync(file, chunk, 0, length, this.#offset);
        this.#offset += bytes;
        const content = Buffer.concat([this.#rest, chunk.subarray(0, bytes)]);
        const end = content.lastIndexOf('\n') + 1;
        this.#rest = content.subarray(end);
        // A line that is this long is none that swp writes.
        if (this.#rest.length > CHUNK_BYTES) this.#rest = Buffer.alloc(0);
        if (bytes > 0) text = content.toString('utf8', 0, end);
      } finally {
        closeSync(file);
      }
    });
    return text;
  }

  #path(start: number): string {
    return journalPath(this.#folder, this.#bundle, start);
  }
}

function journalPath(folder: string, bundle: number, start: number): string {
  return join(folder, `${bundle}.${start}.jsonl`);
}

/**
 * A function of its own: esbuild makes `using` to variables of the function, and in the body of a loop, an error that
 * was caught would be thrown again in the next round.
 */
function createJournal(path: string): number {
  using held = holdFolder(dirname(path));
  return createFile(held.path(basename(path)));
}

/**
 * @param use closes the file
 * @returns `foreign`: others have put something else in its place, or let nobody read it
 */
function openJournal(path: string, use: (file: number) => void): 'there' | 'absent' | 'foreign' {
  let file;
  try {
    ({ file } = openRegularFile(path));
  } catch (error) {
    if (isAbsent(error)) return 'absent';
    if (isForeign(error) || isDenied(error)) return 'foreign';
    throw error;
  }
  use(file);
  return 'there';
}

/** Whoever may write into the cache may have written anything here. */
function lineOf(text: string): JournalLine | undefined {
  if (text === '') return undefined;
  try {
    const value = parseBoundedJson(text);
    return isJournalLine(value) ? (value as unknown as JournalLine) : undefined;
  } catch {
    return undefined;
  }
}
