/**
 * The cache: results by key, shared by every study that points at the directory. It knows nothing of what they are.
 *
 *     artifacts/ab/ab12....safetensors   contents, immutable, named by their SHA-256
 *     records/cd/cd34....json            what a recipe key produced (schemas/record.schema.json)
 *     records/cd/cd34....DIGEST.json     an earlier record of that key, kept aside
 *     contents/ef/ef56....json           content key -> recipe key whose results have that content
 *     trajectories/gh/gh78.../           how far long computations have come (trajectory-store.ts)
 *     leases/                            who is computing what (lease-store.ts)
 *     damaged/                           whatever was found damaged, put aside
 *     studies/SHA/                       what one study remembers (study-state.ts)
 *     logs/KEY.ATTEMPT.log               what a node's worker wrote (node-log.ts)
 *     tmp/                               unpublished files of running processes (scratch.ts)
 *     version, CACHEDIR.TAG              the layout's version; a note to backup programs
 *
 * A record is written after its artifacts, each durably and by rename: whoever reads a record finds its artifacts
 * whole, at any moment and after any crash. No lock is needed for that.
 */
import { createHash, randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SwpError } from '../base/failure.ts';
import type { JsonObject } from '../base/json.ts';
import { ArtifactStore, type ArtifactName, type LocatedArtifact } from './artifact-store.ts';
import { makeDirectory, writeAtomically } from '../base/atomic-file.ts';
import { fileFailure, isReadOnly } from '../base/file-failure.ts';
import { guardFolder, removeFile } from '../base/held-folder.ts';
import { makeTemporaryFolder } from '../base/temporary-folder.ts';
import { makeWay, putAside, type Damage } from './damaged.ts';
import { LeaseFolder } from './lease-files.ts';
import { LeaseStore } from './lease-store.ts';
import { NodeLog } from './node-log.ts';
import { keyOf, readNote, writeNote } from './note.ts';
import {
  parseStoredRecord,
  readRecordText,
  readStoredRecord,
  RECORD_VERSION,
  sealRecord,
  type CacheRecord,
  type RecordedArtifact,
  type UnsealedRecord,
} from './record.ts';
import { Scratch } from './scratch.ts';
import { readStoredText } from './stored-text.ts';
import { TrajectoryStore } from './trajectory-store.ts';
import { contentName, FOLDERS, isCache, recordName } from './layout.ts';

const LAYOUT_VERSION = '1';
const VERSION_FILE = 'version';
/** https://bford.info/cachedir/ */
const CACHEDIR_TAG =
  'Signature: 8a477f597d28d172789f06886806bc55\n# This directory holds results that swp (super-weight-pruning) can compute again.\n';

export interface Publication {
  key: string;
  contentKey: string;
  stage: string;
  preimage: JsonObject;
  contentPreimage: JsonObject;
  /**
   * Finished files under the scratch directory, by output name; they are moved away. `file`: the declared file name.
   */
  outputs: Record<string, { path: string; file: string; evictable?: boolean }>;
  /**
   * Virtual artifacts by output name: nothing of them is written. A part that is an output of this node is named. One
   * without parts is not kept: it counts as evicted.
   */
  virtual?: Record<string, VirtualOutput>;
  metrics: CacheRecord['metrics'];
  environment: JsonObject;
  /** Wall time of the stage's run. */
  seconds: number;
  startedAt: Date;
  finishedAt: Date;
  /** Relative to the cache. */
  log?: string;
  /** Length from which the run went on; absent where it began at the beginning. */
  resumedAt?: number;
}

export interface VirtualOutput extends Pick<RecordedArtifact, 'sha256' | 'bytes' | 'file'> {
  form: string;
  stage: string;
  parts: Record<string, RecordedArtifact | { output: string }>;
  settings?: JsonObject;
}

export class Cache {
  /** Absolute path. */
  readonly directory: string;
  /** Where outputs are until they are published. */
  readonly scratch: Scratch;
  /** Where long computations can go on. */
  readonly trajectories: TrajectoryStore;
  /** Who is computing what. */
  readonly leases: LeaseStore;
  /** Damage that was found and put right when the cache was opened. */
  readonly repaired: Damage[] = [];
  readonly #artifacts: ArtifactStore;

  private constructor(directory: string) {
    this.directory = directory;
    this.scratch = new Scratch(join(directory, 'tmp'));
    this.trajectories = new TrajectoryStore(directory, this.scratch);
    this.leases = new LeaseStore(new LeaseFolder(join(directory, 'leases'), this.scratch));
    this.#artifacts = new ArtifactStore(directory);
  }

  /**
   * A cache as it is, for whoever only reads: nothing is made, and where there is none yet, nothing is found.
   * @throws SwpError of kind `file` if the directory cannot be used, `content` if its layout is a later version's
   */
  static at(directory: string): Cache {
    const cache = new Cache(resolve(directory));
    respectGroup(cache.directory);
    guardFolder(cache.directory);
    cache.#foundVersion();
    return cache;
  }

  /**
   * The same for whoever writes: what is missing is made.
   * @throws SwpError of kind `file` if the directory cannot be made or used, `content` if its layout is a later
   *   version's
   */
  static async open(directory: string): Promise<Cache> {
    const cache = Cache.at(directory);
    await cache.prepare();
    return cache;
  }

  /**
   * The record of a recipe key; undefined if there is none, or another version of swp wrote it.
   * @throws SwpError of kind `content` if the record is damaged
   */
  async record(key: string): Promise<CacheRecord | undefined> {
    const stored = readStoredRecord(this.recordPath(key), key);
    return stored?.kind === 'current' ? stored.record : undefined;
  }

  /** Recipe key that produced this content; undefined if none did or the note of it is damaged. */
  async keyByContent(contentKey: string): Promise<string | undefined> {
    return keyOf(readNote(join(this.directory, contentName(contentKey))));
  }

  /**
   * A fresh empty folder for what is looked at and removed again: in the scratch, or among the system's temporary files
   * where there is no cache yet, or one that this user may only read. Whoever asks for it removes it.
   * @throws SwpError of kind `file`
   */
  async temporaryFolder(): Promise<string> {
    try {
      if (isCache(this.directory)) return await this.scratch.node();
    } catch (error) {
      if (!isReadOnly(error)) throw error;
    }
    return makeTemporaryFolder('swp-');
  }

  recordPath(key: string): string {
    return join(this.directory, recordName(key));
  }

  /** Absolute path of an artifact, e.g. `cache.artifactPath(record.artifacts.weights)`. */
  artifactPath(artifact: ArtifactName): string {
    return this.#artifacts.path(artifact);
  }

  /** Says where a file outside of the cache is, by its digest: artifacts may be made of it. */
  declareExternal(file: { sha256: string; path: string }): void {
    this.#artifacts.declareExternal(file);
  }

  /**
   * Where an artifact is: its file, or the parts that a virtual one is made of.
   * @throws SwpError of kind `file` for a part outside of the cache that no declaration gives a place
   */
  locate(artifact: RecordedArtifact): LocatedArtifact {
    return this.#artifacts.locate(artifact);
  }

  /** Whether an artifact's own file is there with its size. */
  hasFile(artifact: RecordedArtifact): boolean {
    return this.#artifacts.hasFile(artifact);
  }

  /** Whether an artifact is there with its size, or is virtual and everything that it is made of is there. */
  hasArtifact(artifact: RecordedArtifact): boolean {
    return this.#artifacts.has(artifact);
  }

  /** Names of the record's artifacts that are not there with their size. Contents are checked when they are used. */
  async absentArtifacts(record: CacheRecord): Promise<string[]> {
    return Object.keys(record.artifacts).filter((name) => !this.#artifacts.has(record.artifacts[name]!));
  }

  /**
   * Checks an artifact's content against its name, once per process.
   * @throws SwpError of kind `content` on a mismatch, `file` if it cannot be read
   */
  verify(artifact: ArtifactName | RecordedArtifact): Promise<void> {
    return this.#artifacts.verify(artifact);
  }

  /**
   * Moves a damaged file to `damaged/`, so that it can be examined and is not used again; nothing happens if it is not
   * there any more.
   * @returns its path there
   * @throws SwpError of kind `file`
   */
  moveAside(path: string): string {
    this.#artifacts.forget(path);
    return putAside(this.directory, path);
  }

  /**
   * Removes an artifact's file. A node that runs holds what it reads by another name.
   * @throws SwpError of kind `file`
   */
  evict(artifact: ArtifactName): void {
    const path = this.artifactPath(artifact);
    try {
      removeFile(path);
    } catch (error) {
      throw fileFailure(error, path, 'write');
    }
    this.#artifacts.forget(path);
  }

  /** A log for one attempt at a node. */
  log(key: string): NodeLog {
    return new NodeLog(this.directory, key);
  }

  /**
   * Moves outputs into the cache, then writes their record; durable when it returns.
   * @throws SwpError of kind `file`
   */
  async publish({ outputs, virtual = {}, startedAt, finishedAt, log, ...rest }: Publication): Promise<CacheRecord> {
    const taken = Object.entries(outputs).map(
      async ([name, { path, file, evictable }]) => [name, await this.#artifacts.take(path, file, evictable)] as const,
    );
    const artifacts = Object.fromEntries(await Promise.all(taken));
    for (const [name, { sha256, bytes, file, form, stage, parts, settings }] of Object.entries(virtual)) {
      const found = Object.entries(parts).map(([part, from]) => [
        part,
        'output' in from ? artifacts[from.output]! : from,
      ]);
      const madeOf = {
        ...{ form, stage, parts: Object.fromEntries(found) as Record<string, RecordedArtifact> },
        ...(settings !== undefined && { settings }),
      };
      artifacts[name] = { sha256, bytes, file, evictable: true, ...(found.length > 0 && { madeOf }) };
    }
    return this.#write({
      version: RECORD_VERSION,
      id: randomUUID(),
      ...rest,
      artifacts,
      startedAt: startedAt.toISOString(),
      finishedAt: finishedAt.toISOString(),
      ...(log !== undefined && { log }),
    });
  }

  /**
   * Early cutoff: lets the results of `source` serve under a new recipe key, since the content is the same.
   * @throws SwpError of kind `file`
   */
  async alias(key: string, preimage: JsonObject, { checksum: _, ...source }: CacheRecord): Promise<CacheRecord> {
    return this.#write({ ...source, id: randomUUID(), key, preimage, aliasOf: source.aliasOf ?? source.key });
  }

  async #write(unsealed: UnsealedRecord): Promise<CacheRecord> {
    const { record, text } = sealRecord(unsealed);
    const path = this.recordPath(record.key);
    const contentPath = join(this.directory, contentName(record.contentKey));
    try {
      const scratch = await this.scratch.directory();
      await this.#keepAside(path, record.key, scratch);
      // The note comes first: where it finds no room there is no record either, and a node that is said to have failed
      // has none.
      if (record.aliasOf === undefined)
        await writeNote(contentPath, { key: record.key }, { cache: this.directory, scratch, durable: false });
      const write = () => writeAtomically(path, text, scratch);
      await write().catch((error: unknown) => {
        if (!makeWay(this.directory, path, error)) throw error;
        return write();
      });
    } catch (error) {
      throw fileFailure(error, path, 'write');
    }
    return record;
  }

  /** A record that is about to be replaced stays, named by its own digest; a damaged one goes to `damaged/`. */
  async #keepAside(path: string, key: string, scratch: string): Promise<void> {
    let text;
    try {
      text = readRecordText(path);
      if (text === undefined) return;
      parseStoredRecord(text, path, key);
    } catch (error) {
      if (!(error instanceof SwpError) || error.failure.kind !== 'content') throw error;
      this.moveAside(path);
      return;
    }
    const digest = createHash('sha256').update(text).digest('hex').slice(0, 12);
    await writeAtomically(path.replace(`${key}.json`, `${key}.${digest}.json`), text, scratch);
  }

  /** @throws SwpError of kind `content` if it is a later one */
  #foundVersion(): typeof LAYOUT_VERSION | { damage: string } | undefined {
    const path = join(this.directory, VERSION_FILE);
    const found = layoutVersion(path);
    if (typeof found !== 'object' || !('later' in found)) return found;
    throw new SwpError({
      kind: 'content',
      path,
      message: `The cache has layout version ${found.later}; this swp writes version ${LAYOUT_VERSION}`,
      remedy: 'Use a newer swp, or another directory with --cache DIRECTORY.',
    });
  }

  /**
   * Makes what is missing, before anything is written. In a cache that this user may only read, nothing is to be made.
   * @throws SwpError of kind `file`
   */
  async prepare(): Promise<void> {
    const versionFile = join(this.directory, VERSION_FILE);
    const found = this.#foundVersion();
    if (found === LAYOUT_VERSION) return;
    try {
      makeDirectory(this.directory);
      for (const name of FOLDERS) makeDirectory(join(this.directory, name));
      if (found !== undefined) this.#noteDamage(versionFile, found.damage);
      const scratch = await this.scratch.directory();
      await writeAtomically(join(this.directory, 'CACHEDIR.TAG'), CACHEDIR_TAG, scratch);
      await writeAtomically(versionFile, `${LAYOUT_VERSION}\n`, scratch); // last: it says that the rest is there
    } catch (error) {
      // In a cache that this user may only read, the rest can be read all the same.
      if (found === undefined) throw fileFailure(error, this.directory, 'create');
    } finally {
      await this.scratch.clear();
    }
  }

  /**
   * Writes the note to backup programs anew if it is damaged or missing. A cache that this user may only read stays as
   * it is.
   * @throws SwpError of kind `file`
   */
  async repairTag(): Promise<void> {
    const path = join(this.directory, 'CACHEDIR.TAG');
    const found = textOrDamage(path);
    if (found === CACHEDIR_TAG) return;
    try {
      if (found !== undefined) this.#noteDamage(path, typeof found === 'object' ? found.damage : sayingOf(found));
      await writeAtomically(path, CACHEDIR_TAG, await this.scratch.directory());
    } catch (error) {
      const failure = fileFailure(error, path, 'write');
      if (!isReadOnly(failure)) throw failure;
    } finally {
      await this.scratch.clear();
    }
  }

  #noteDamage(path: string, message: string): void {
    this.repaired.push({ path, message, aside: this.moveAside(path) });
  }
}

/**
 * A layout of another number says so in more words than a changed byte makes: `swp-cache 2`.
 * @returns undefined if there is no version yet
 */
function layoutVersion(path: string): typeof LAYOUT_VERSION | { later: string } | { damage: string } | undefined {
  const text = textOrDamage(path);
  if (text === undefined || typeof text === 'object') return text;
  if (text === `${LAYOUT_VERSION}\n`) return LAYOUT_VERSION;
  const later = /^swp-cache (\d+)\n$/.exec(text)?.[1];
  return later === undefined ? { damage: sayingOf(text) } : { later };
}

function textOrDamage(path: string): string | { damage: string } | undefined {
  try {
    return readStoredText(path, '');
  } catch (error) {
    if (!(error instanceof SwpError) || error.failure.kind !== 'content') throw error;
    return { damage: 'it is no file that can be read' };
  }
}

function sayingOf(text: string): string {
  return `it says ${JSON.stringify(text.slice(0, 60))}`;
}

/**
 * A directory that its owner opened to a group (chmod 2775) stays open to it, whatever this user's umask says: files
 * are writable for the group, and folders inherit it. Elsewhere the umask decides.
 */
function respectGroup(directory: string): void {
  let mode;
  try {
    ({ mode } = statSync(directory));
  } catch {
    return; // it is made next, which says what is wrong if it cannot be
  }
  if ((mode & 0o2020) === 0o2020) process.umask(process.umask() & ~0o070);
}
