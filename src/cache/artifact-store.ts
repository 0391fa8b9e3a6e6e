/**
 * Artifacts: immutable files named by the SHA-256 of their content, `artifacts/ab/ab12....safetensors`. Equal results
 * are stored once, whoever made them. The declared extension stays, so that other programs can open them.
 */
import { closeSync, copyFileSync, constants, fchmodSync, lstatSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { digestFile } from '../base/digest.ts';
import { SwpError } from '../base/failure.ts';
import { makeDirectory, syncDirectory, syncFile } from '../base/atomic-file.ts';
import { fileFailure, isAbsent } from '../base/file-failure.ts';
import { moveTo } from '../base/held-folder.ts';
import { openRegularFile } from '../base/regular-file.ts';
import { FileDigests } from '../base/file-digests.ts';
import type { Composition, RecordedArtifact } from './record.ts';
import { makeWay } from './damaged.ts';
import { artifactName } from './layout.ts';
import { problemOfFile } from './stored-text.ts';

export type ArtifactName = Pick<RecordedArtifact, 'sha256' | 'file'>;

/** Where an artifact is: the path of its file, that of a file outside of the cache, or where its parts are. */
export type LocatedArtifact =
  | string
  | { external: string; sha256: string }
  | (Omit<Composition, 'parts'> &
      Pick<RecordedArtifact, 'sha256' | 'bytes' | 'file'> & { parts: Record<string, LocatedArtifact> });

export class ArtifactStore {
  readonly #cache: string;
  /** Hashes under way or done in this process, by path. */
  readonly #verified = new Map<string, Promise<void>>();
  /** Paths of files outside of the cache, by their digests: where the study has them. */
  readonly #external = new Map<string, string>();
  /** Where else they may be, the likeliest first. */
  readonly #elsewhere = new Map<string, string[]>();

  /** @param cache its directory */
  constructor(cache: string) {
    this.#cache = cache;
  }

  /** Absolute path. */
  path(artifact: ArtifactName): string {
    return join(this.#cache, artifactName(artifact));
  }

  /** Says where a file outside of the cache is that artifacts may be made of. */
  declareExternal({ sha256, path }: { sha256: string; path: string }): void {
    this.#external.set(sha256, path);
  }

  /** Whether an artifact's file is there, or everything that it is made of. */
  has(artifact: RecordedArtifact): boolean {
    if (this.hasFile(artifact)) return true;
    return artifact.madeOf !== undefined && Object.values(artifact.madeOf.parts).every((part) => this.has(part));
  }

  /**
   * Where it is, file or parts. What is not there has the path at which it would be.
   * @throws SwpError of kind `file` for a part outside of the cache that nothing says the place of
   */
  locate(artifact: RecordedArtifact): LocatedArtifact {
    const { madeOf, sha256, bytes, file } = artifact;
    if (artifact.external === true) return { external: this.#place(artifact), sha256 };
    if (madeOf === undefined || this.hasFile(artifact)) return this.#place(artifact);
    const parts = Object.entries(madeOf.parts).map(([name, part]) => [name, this.locate(part)] as const);
    return { ...madeOf, sha256, bytes, file, parts: Object.fromEntries(parts) };
  }

  #place(artifact: ArtifactName & Partial<Pick<RecordedArtifact, 'external' | 'bytes'>>): string {
    if (artifact.external !== true) return this.path(artifact);
    const path = this.#externalPath(artifact);
    if (path !== undefined) return path;
    throw new SwpError({
      kind: 'file',
      path: artifact.file,
      operation: 'read',
      code: 'ENOENT',
      remedy: `Results were made of it. Name a file with the SHA-256 ${artifact.sha256} in the study again.`,
    });
  }

  /** Where the study has a file outside of the cache; if it is not there, where this user has seen the same bytes. */
  #externalPath({ sha256, bytes }: ArtifactName & Partial<Pick<RecordedArtifact, 'bytes'>>): string | undefined {
    const declared = this.#external.get(sha256);
    if (declared !== undefined && statSync(declared, { throwIfNoEntry: false })?.isFile()) return declared;
    const elsewhere = this.#elsewhere.get(sha256) ?? FileDigests.ofUser().placesOf(sha256, bytes);
    this.#elsewhere.set(sha256, elsewhere);
    return elsewhere[0] ?? declared;
  }

  /**
   * Whether the file is there with its recorded size; its content is checked by verify. Synchronous, as planning asks
   * often.
   */
  hasFile(artifact: RecordedArtifact): boolean {
    if (artifact.external === true) {
      const path = this.#externalPath(artifact);
      return path !== undefined && statSync(path, { throwIfNoEntry: false })?.size === artifact.bytes;
    }
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
   * Hashes the file, once per process; of a virtual artifact without a file, its parts.
   * @throws SwpError of kind `content`, with the path of what is not what its name says; of kind `file` if it cannot be
   *   read
   */
  async verify(artifact: ArtifactName | RecordedArtifact): Promise<void> {
    if ('madeOf' in artifact && artifact.madeOf !== undefined && !this.hasFile(artifact)) {
      for (const part of Object.values(artifact.madeOf.parts)) await this.verify(part);
      return;
    }
    const path = this.#place(artifact);
    if ('external' in artifact && artifact.external === true) return this.#hash(path, artifact); // it may change
    const verdict = this.#verified.get(path) ?? this.#hash(path, artifact);
    this.#verified.set(path, verdict);
    return verdict;
  }

  async #hash(
    path: string,
    { sha256, file, external }: ArtifactName & Pick<RecordedArtifact, 'external'>,
  ): Promise<void> {
    if (external === true) {
      if ((await FileDigests.ofUser().digest(path)) === sha256) return;
      const [other, ...others] = this.#elsewhere.get(sha256) ?? [];
      if (other === path) {
        this.#elsewhere.set(sha256, others); // the note of it was of an earlier state
        const next = this.#externalPath({ sha256, file });
        if (next !== undefined && next !== path) return this.#hash(next, { sha256, file, external });
      }
      throw new SwpError({
        kind: 'content',
        path,
        message: `Results were made of it, and its content has changed: its SHA-256 was ${sha256}`,
        remedy: 'Put the file back as it was.',
      });
    }
    const damage = await this.#damageOf(path, sha256);
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
