/**
 * SHA-256 of files that no stage made, kept in the user's own cache folder: a large file is hashed once on a machine as
 * long as it stays as it is, whichever process or study asks; and a file that is gone may be found by its digest where
 * the same bytes were seen. Nothing is lost with a note but that. A note says where to look: what is found is compared
 * by its state, and where that is another one by its digest, before it is used. Notes of others do not count.
 */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, statSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { writeAtomically } from './atomic-file.ts';
import { digestFile } from './digest.ts';
import { SwpError } from './failure.ts';
import { stampIfThere, stampOf } from './file-stamp.ts';
import { readRegularText } from './regular-file.ts';
import { openSealedJson, sealedJson } from './sealed-json.ts';

/** Smaller files are hashed faster than a note is worth. */
const LARGE_BYTES = 1 << 24;
/** A file as young as this could change without its times telling. */
const YOUNG_MILLISECONDS = 2000;
/** So many notes are looked through for a digest. */
const MOST_NOTES = 20_000;
/** A file that changes more often while it is read is not at rest. */
const TRIES = 5;

export class FileDigests {
  readonly #folder: string;

  /** @param folder for the notes */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Those of this user. */
  static ofUser(): FileDigests {
    return new FileDigests(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'swp', 'digests'));
  }

  /**
   * @param path absolute
   * @throws SwpError of kind `file`
   */
  async digest(path: string): Promise<string> {
    const stamp = stampOf(path);
    const { size, mtimeMs, ctimeMs } = statSync(path);
    if (size < LARGE_BYTES) return (await digestFile(path)).sha256;
    const known = this.#read(path);
    if (known?.stamp === stamp) return known.sha256;
    const { sha256 } = await digestFile(path);
    const isOld = Date.now() - Math.max(mtimeMs, ctimeMs) > YOUNG_MILLISECONDS;
    if (isOld && stampOf(path) === stamp) await this.#write(path, { stamp, sha256 });
    return sha256;
  }

  /**
   * The same with the state of the file in which it has that content: one that changes while it is hashed is hashed
   * again.
   * @throws SwpError of kind `file`; of kind `content` for a file that keeps changing
   */
  async digestAtRest(path: string): Promise<{ sha256: string; stamp: string }> {
    for (let tries = 0; tries < TRIES; tries++) {
      const stamp = stampOf(path);
      const sha256 = await this.digest(path);
      if (stampOf(path) === stamp) return { sha256, stamp };
    }
    throw new SwpError({
      kind: 'content',
      path,
      message: 'It keeps changing while it is read',
      remedy: 'Run again once it is at rest.',
    });
  }

  /** Notes what a file holds, small ones too, so that it can be found by that. Costs nothing where it is noted. */
  async remember(path: string, sha256: string, stamp: string): Promise<void> {
    const known = this.#read(path);
    if (known?.stamp !== stamp || known.sha256 !== sha256) await this.#write(path, { stamp, sha256 });
  }

  /** What a path held when it was last noted, whether it is still there or not. */
  lastDigest(path: string): string | undefined {
    return this.#read(path)?.sha256;
  }

  /** The same of all files of a folder, by their names. */
  lastDigestsIn(folder: string): Map<string, string> {
    const inside = this.#all().filter(({ path }) => dirname(path) === folder);
    return new Map(inside.map(({ path, sha256 }) => [basename(path), sha256]));
  }

  /** What a file holds that has not changed since that was noted. */
  unchangedDigest(path: string): string | undefined {
    const note = this.#read(path);
    return note !== undefined && stampIfThere(path) === note.stamp ? note.sha256 : undefined;
  }

  /**
   * Where files with these bytes were seen and one of that size is now, those that have not changed since first.
   * @param bytes size of the file, if it is known
   */
  placesOf(sha256: string, bytes?: number): string[] {
    const found = this.#all().filter((note) => note.sha256 === sha256 && isFileOf(note.path, bytes));
    return [...found.filter(isUnchanged), ...found.filter((note) => !isUnchanged(note))].map(({ path }) => path);
  }

  /** Where files with these bytes are that have not changed since that was noted. */
  unchangedPlacesOf(sha256: string): string[] {
    const found = this.#all().filter((note) => note.sha256 === sha256 && isUnchanged(note));
    return found.map(({ path }) => path);
  }

  /** The notes of this machine. */
  #all(): NamedNote[] {
    let names: string[];
    try {
      names = readdirSync(this.#folder).filter((name) => name.endsWith('.json'));
    } catch {
      return [];
    }
    return names.slice(0, MOST_NOTES).flatMap((name) => {
      const note = readNote(join(this.#folder, name));
      return note !== undefined && this.#noteOf(note.path) === join(this.#folder, name) ? [note] : [];
    });
  }

  #read(path: string): Note | undefined {
    return readNote(this.#noteOf(path));
  }

  async #write(path: string, note: Note): Promise<void> {
    try {
      await writeAtomically(this.#noteOf(path), sealedJson({ path, ...note }), this.#folder, { durable: false });
    } catch {
      // No home, or a full one: the file is hashed again next time.
    }
  }

  /** A home may be shared by machines, on which one path means different files. */
  #noteOf(path: string): string {
    return join(
      this.#folder,
      `${createHash('sha256')
        .update(JSON.stringify([hostname(), path]))
        .digest('hex')}.json`,
    );
  }
}

interface Note {
  stamp: string;
  sha256: string;
}

interface NamedNote extends Note {
  path: string;
}

/** @returns undefined where there is none, none that can be read, or one that another user wrote */
function readNote(path: string): NamedNote | undefined {
  try {
    if (lstatSync(path).uid !== (process.getuid?.() ?? lstatSync(path).uid)) return undefined;
    const found = openSealedJson(readRegularText(path));
    if (found.kind !== 'whole') return undefined;
    const note = found.value as Partial<NamedNote> | null;
    const texts = [note?.path, note?.stamp, note?.sha256];
    return texts.every((text) => typeof text === 'string') ? (note as NamedNote) : undefined;
  } catch {
    return undefined;
  }
}

function isUnchanged({ path, stamp }: NamedNote): boolean {
  return stampIfThere(path) === stamp;
}

function isFileOf(path: string, bytes: number | undefined): boolean {
  try {
    const found = statSync(path);
    return found.isFile() && (bytes === undefined || found.size === bytes);
  } catch {
    return false;
  }
}
