/**
 * Trajectories: how far a long computation has come, so that a longer one goes on instead of beginning again.
 *
 *     trajectories/ab/ab12.../stop-3000.json       the recipe key whose record holds the state at 3000
 *     trajectories/ab/ab12.../checkpoint-4711/     state files and manifest.json of a run that has not reached its stop
 *
 * The state at a stop is in the artifacts of a record; a checkpoint has files for it. Each run keeps its furthest
 * checkpoint, which is removed when a stop beyond it is there. Losing any of this costs time, never a result.
 */
import { randomBytes } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { digestFile } from '../base/digest.ts';
import { SwpError } from '../base/failure.ts';
import { makeDirectory, syncDirectory, syncFile } from '../base/atomic-file.ts';
import { failureOf, fileFailure, isAbsent } from '../base/file-failure.ts';
import { moveTo, removeTree } from '../base/held-folder.ts';
import { keyOf, readNote, writeNote } from './note.ts';
import type { Scratch } from './scratch.ts';

const ATTEMPTS = 10;

/** A point where a record has the state. */
export interface Stop {
  at: number;
  /** Recipe key of the record. */
  key: string;
}

export interface Checkpoint {
  at: number;
  /** Absolute paths of the state files by name. */
  files: Record<string, string>;
  /** Id of the dismissed record that the run was to replace; null if there was none. */
  replaces: string | null;
}

/** It names its own place, so that it counts nowhere else. */
interface Manifest {
  trajectory: string;
  at: number;
  replaces: string | null;
  /** SHA-256 of every state file, by name: the file is called like it. */
  files: Record<string, string>;
}

export class TrajectoryStore {
  readonly #cache: string;
  readonly #directory: string;
  readonly #scratch: Scratch;

  /** @param cache its directory */
  constructor(cache: string, scratch: Scratch) {
    this.#cache = cache;
    this.#directory = join(cache, 'trajectories');
    this.#scratch = scratch;
  }

  /** @returns the furthest first */
  async stops(trajectory: string): Promise<Stop[]> {
    const stops: Stop[] = [];
    for (const name of await this.#list(trajectory)) {
      const at = /^stop-(\d+)\.json$/.exec(name)?.[1];
      if (at === undefined) continue;
      const key = keyOf(readNote(join(this.#folder(trajectory), name)));
      if (key !== undefined) stops.push({ at: Number(at), key });
    }
    return stops.sort((a, b) => b.at - a.at);
  }

  /**
   * Notes where the record of a stop is, and removes the checkpoints that are not needed any more.
   * @throws SwpError of kind `file`
   */
  async addStop(trajectory: string, { at, key }: Stop): Promise<void> {
    const path = join(this.#folder(trajectory), `stop-${at}.json`);
    try {
      await writeNote(path, { key }, { ...(await this.#places()), durable: false });
      for (const checkpoint of await this.#checkpoints(trajectory))
        if (checkpoint.at <= at) await this.#discard(checkpoint.folder);
    } catch (error) {
      throw fileFailure(error, path, 'write');
    }
  }

  /** The furthest whole checkpoint below `end`; damaged ones are removed, and those that cannot be read stay. */
  async checkpoint(trajectory: string, end: number): Promise<Checkpoint | undefined> {
    const places = (await this.#checkpoints(trajectory)).filter(({ at }) => at < end).sort((a, b) => b.at - a.at);
    for (const { at, folder } of places) {
      const checkpoint = await readUnchanged(folder, { trajectory, at });
      if (checkpoint === undefined) continue;
      if (!('damaged' in checkpoint)) return checkpoint;
      await this.#discard(folder, checkpoint.damaged);
    }
    return undefined;
  }

  /** Whether a checkpoint is not what its manifest says; not of one that is gone, or cannot be read now. */
  async isDamaged(trajectory: string, at: number): Promise<boolean> {
    const found = await readUnchanged(join(this.#folder(trajectory), `checkpoint-${at}`), { trajectory, at });
    return found !== undefined && 'damaged' in found;
  }

  /**
   * Keeps a checkpoint, durably.
   * @param folder in the cache's scratch, with a file per state artifact, named like it; it is moved
   * @param before length of the checkpoint that this one takes the place of: the run's last one, or that from which it
   *   went on. Other processes may need theirs: they go to stops that are nearer.
   * @throws SwpError of kind `file`
   */
  async keep(trajectory: string, { at, files, replaces }: Checkpoint, folder: string, before?: number): Promise<void> {
    const place = join(this.#folder(trajectory), `checkpoint-${at}`);
    try {
      const digests: Record<string, string> = {};
      for (const [name, path] of Object.entries(files)) {
        digests[name] = (await digestFile(path, { follow: false })).sha256;
        await syncFile(path);
      }
      const manifest: Manifest = { trajectory, at, replaces, files: digests };
      await writeNote(join(folder, 'manifest.json'), manifest, await this.#places());
      makeDirectory(this.#folder(trajectory));
      await this.#discard(place);
      moveUnlessOccupied(folder, place); // or another process has just kept the state at this length
      await syncDirectory(this.#folder(trajectory));
      if (before !== undefined && before < at)
        await this.#discard(join(this.#folder(trajectory), `checkpoint-${before}`));
    } catch (error) {
      throw fileFailure(error, place, 'write');
    }
  }

  /**
   * Removes a checkpoint as far as it can be: it goes as a whole, so that nobody reads a part of it, and of several who
   * remove it one does. What cannot be removed goes with `swp gc`.
   * @param inode of the one that is meant: one that has taken its place since stays
   */
  async #discard(folder: string, inode?: number): Promise<void> {
    try {
      const aside = join(await this.#scratch.directory(), randomBytes(8).toString('hex'));
      moveTo(folder, aside);
      if (inode === undefined || inodeOf(aside) === inode) removeTree(aside);
      else moveTo(aside, folder);
    } catch (error) {
      if (failureOf(error) === undefined) throw error;
    }
  }

  async #checkpoints(trajectory: string): Promise<{ at: number; folder: string }[]> {
    return (await this.#list(trajectory)).flatMap((name) => {
      const at = /^checkpoint-(\d+)$/.exec(name)?.[1];
      return at === undefined ? [] : [{ at: Number(at), folder: join(this.#folder(trajectory), name) }];
    });
  }

  async #list(trajectory: string): Promise<string[]> {
    const folder = this.#folder(trajectory);
    try {
      return await readdir(folder);
    } catch (error) {
      if (isAbsent(error)) return [];
      throw fileFailure(error, folder, 'read');
    }
  }

  async #places(): Promise<{ cache: string; scratch: string }> {
    return { cache: this.#cache, scratch: await this.#scratch.directory() };
  }

  #folder(trajectory: string): string {
    return join(this.#directory, trajectory.slice(0, 2), trajectory);
  }
}

function moveUnlessOccupied(folder: string, place: string): void {
  try {
    moveTo(folder, place);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/** The same as `readCheckpoint`, of a folder that nobody has replaced meanwhile; `damaged` has its inode. */
async function readUnchanged(
  folder: string,
  expected: Pick<Manifest, 'trajectory' | 'at'>,
): Promise<Checkpoint | { damaged: number } | undefined> {
  for (let attempts = 1; ; attempts++) {
    const inode = inodeOf(folder);
    if (inode === undefined) return undefined;
    const found = await readCheckpoint(folder, expected);
    if (found !== 'damaged') return found;
    if (inodeOf(folder) === inode) return { damaged: inode };
    if (attempts === ATTEMPTS) return undefined;
  }
}

function inodeOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.ino;
}

/** @returns `damaged` unless every file is what the manifest says; undefined if one cannot be read now */
async function readCheckpoint(
  folder: string,
  { trajectory, at }: Pick<Manifest, 'trajectory' | 'at'>,
): Promise<Checkpoint | 'damaged' | undefined> {
  try {
    const note = readNote(join(folder, 'manifest.json'));
    if (note.kind !== 'whole') return 'damaged';
    const manifest = note.value as unknown as Manifest;
    if (manifest.trajectory !== trajectory || manifest.at !== at) return 'damaged';
    const paths: Record<string, string> = {};
    for (const [name, sha256] of Object.entries(manifest.files)) {
      if (!/^[A-Za-z0-9_-]+$/.test(name)) return 'damaged'; // a name must not lead out of the folder
      paths[name] = join(folder, name);
      if ((await digestFile(paths[name], { follow: false })).sha256 !== sha256) return 'damaged';
    }
    return { at, replaces: manifest.replaces, files: paths };
  } catch (error) {
    // Too many open files, or a server that does not answer, must not cost hours of work.
    const isFileFailure = error instanceof SwpError && error.failure.kind === 'file';
    const { code } = isFileFailure ? error.failure : (error as NodeJS.ErrnoException);
    return code === undefined || ['ENOENT', 'ELOOP', 'EFTYPE', 'EISDIR'].includes(code) ? 'damaged' : undefined;
  }
}
