/**
 * Artifacts: immutable files named by the SHA-256 of their content, `artifacts/ab/ab12....safetensors`. Equal results
 * are stored once, whoever made them. The declared extension stays, so that other programs can open them.
 */
import { closeSync, copyFileSync, constants, fchmodSync, lstatSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { digestFile } from '../base/digest.ts';
import { SwpError } from '../base/failure.ts';
import { makeDirectory, syncDirectory, syncFile } from '../base/atomic-file.ts';
import { fileFailure, isAbsent } from '../base/file-failure.ts';
import { moveTo } from '../base/held-folder.ts';
import { openRegularFile } from '../base/regular-file.ts';
import type { RecordedArtifact } from './record.ts';
import { makeWay } from './damaged.ts';
import { artifactName } from './layout.ts';
import { problemOfFile } from './stored-text.ts';

export type ArtifactName = Pick<RecordedArtifact, 'sha256' | 'file'>;

export class ArtifactStore {
  readonly #cache: string;
  /** Hashes under way or done in this process, by path. */
  readonly #verified = new Map<string, Promise<void>>();

  /** @param cache its directory */
  constructor(cache: string) {
    this.#cache = cache;
  }

  /** Absolute path. */
  path(artifact: ArtifactName): string {
    return join(this.#cache, artifactName(artifact));
  }

  /**
   * Whether the file is there with its recorded size; its content is checked by verify. Synchronous, as planning asks
   * often.
   */
  has(artifact: RecordedArtifact): boolean {
    const path = this.path(artifact);
    try {
      const found = lstatSync(path, { throwIfNoEntry: false });
      return found !== undefined && found.isFile() && found.size === artifact.bytes;
    } catch (error) {
      // What stands in the place of its folder is put aside by verify, or by whoever writes there.
      if (isAbsent(error) || (error as NodeJS.ErrnoException).code === 'ELOOP') return false;
      throw fileFailure(error, path, 'read');
    }
  }

  /**
   * Hashes the file, once per process.
   * @throws SwpError of kind `content` if it is not what its name says, of kind `file` if it cannot be read
   */
  verify(artifact: ArtifactName): Promise<void> {
    const path = this.path(artifact);
    const verdict = this.#verified.get(path) ?? this.#hash(path, artifact.sha256);
    this.#verified.set(path, verdict);
    return verdict;
  }

  async #hash(path: string, expected: string): Promise<void> {
    const damage = await this.#damageOf(path, expected);
    if (damage === undefined) return;
    throw new SwpError({
      kind: 'content',
      path,
      message: damage,
      remedy: 'Run `swp verify --heal`: it puts the file aside and computes the artifact anew. Then check the disk.',
    });
  }

  async #damageOf(path: string, expected: string): Promise<string | undefined> {
    const problem = problemOfFile(path);
    if (problem !== undefined) return problem;
    const { sha256 } = await digestFile(path, { follow: false });
    return sha256 === expected ? undefined : `The artifact's content has changed: its SHA-256 is ${sha256}`;
  }

  /** Hashes a file anew when it is verified next: it was removed or replaced. */
  forget(path: string): void {
    this.#verified.delete(path);
  }

  /**
   * Moves a finished file into the store; durable when it returns. An existing file of that name is replaced: it had
   * the same content, unless it was damaged.
   * @param source a file on the cache's own file system
   */
  async take(source: string, file: string, evictable = false): Promise<RecordedArtifact> {
    makeImmutable(source);
    const { sha256, bytes } = await digestFile(source, { follow: false });
    const artifact = { sha256, bytes, file, ...(evictable && { evictable }) };
    const path = this.path(artifact);
    try {
      await syncFile(source);
      this.#moveTo(source, path);
      await syncDirectory(dirname(path));
    } catch (error) {
      throw fileFailure(error, path, 'write');
    }
    this.#verified.set(path, Promise.resolve());
    return artifact;
  }

  /** What stands in the artifact's way is put aside. */
  #moveTo(source: string, path: string): void {
    const move = () => {
      makeDirectory(dirname(path));
      moveTo(source, path);
    };
    try {
      move();
    } catch (error) {
      if (!makeWay(this.#cache, path, error)) throw error;
      move();
    }
  }
}

/** A file that has another name, too, becomes a copy: whoever knows that name may write to it. */
function makeImmutable(path: string): void {
  try {
    let opened = openRegularFile(path);
    if (opened.found.nlink > 1) {
      closeSync(opened.file);
      const copy = `${path}.copy`;
      copyFileSync(path, copy, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      moveTo(copy, path);
      opened = openRegularFile(path);
    }
    try {
      fchmodSync(opened.file, 0o444);
    } finally {
      closeSync(opened.file);
    }
  } catch (error) {
    throw fileFailure(error, path, 'write');
  }
}
