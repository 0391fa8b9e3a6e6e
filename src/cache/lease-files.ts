/**
 * The files of the leases in a folder that several users write into:
 *
 *     leases/ab/ab12....json      who computes a content, since when
 *     leases/ab/ab12....60.json   who computes a stop of a trajectory, here at the length 60
 *     leases/holders/ID           a number that a holder raises every few seconds, as long as it lives
 *
 * Whatever stands in place of such a file, others may have put it there: links are not followed, and what is no lease
 * is read as one of an unknown holder. Operations are short, and synchronous since Node's thread pool would cost more.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fchmodSync, fstatSync, linkSync, lstatSync, readdirSync, statSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { makeDirectory } from '../base/atomic-file.ts';
import { SwpError } from '../base/failure.ts';
import { fileFailure, isAbsent } from '../base/file-failure.ts';
import { holdFolder, removeFile, removeTree } from '../base/held-folder.ts';
import { createFile, isForeign, readRegularFile } from '../base/regular-file.ts';
import { systemErrorCode } from '../base/system-error.ts';
import { parseLease, type StoredLease } from './stored-lease.ts';
import { sweepEnded, type Scratch } from './scratch.ts';

/** Where a store keeps leases: this folder, or in a simulation of many processes, memory. */
export interface LeaseFiles {
  /** @returns whether it is there now; false if there was something of this name already */
  create(name: string, lease: StoredLease): Promise<boolean>;
  /** @returns undefined if there is none; what is no lease is one of an unknown holder */
  read(name: string): Promise<StoredLease | undefined>;
  /** Removes what has this name, if it is still the lease with this nonce. */
  remove(name: string, nonce: string): void;
  /** Lengths at which there are leases of stops of a trajectory. */
  lengths(trajectory: string): Promise<number[]>;
  /** Begins a holder's heartbeat. */
  openBeat(id: string): Beat;
  /** What a holder has written last; undefined if it has no heartbeat. */
  lastBeat(id: string): Promise<string | undefined>;
}

/** A holder's heartbeat. */
export interface Beat {
  /** Shows a new number. */
  show(number: number): void;
  /** Takes it away. */
  close(): void;
}

/**
 * The name of the lease of a stop. A trajectory and a length determine a content, so this one lease stands for both: a
 * node never needs two, and others see from its name how far it goes.
 */
export function stopLease(trajectory: string, at: number): string {
  return `${trajectory}.${at}`;
}

/** A lease has some 300 bytes. */
const LARGEST = 16_384;

export class LeaseFolder implements LeaseFiles {
  readonly #directory: string;
  readonly #scratch: Scratch;
  readonly #makeFolder: (path: string) => void;

  /**
   * @param directory the cache's leases/
   * @param makeFolder how folders are made: makeOpenDirectory where users who share no group leave leases
   */
  constructor(directory: string, scratch: Scratch, makeFolder: (path: string) => void = makeDirectory) {
    this.#directory = directory;
    this.#scratch = scratch;
    this.#makeFolder = makeFolder;
  }

  /** By link(2), which is atomic on NFS too. */
  async create(name: string, lease: StoredLease): Promise<boolean> {
    const path = this.#path(name);
    const fresh = join(await this.#scratch.directory(), `lease-${randomBytes(8).toString('hex')}`);
    try {
      writeFresh(fresh, lease);
      this.#makeFolders(dirname(path));
      using folder = holdFolder(dirname(path));
      const held = folder.path(basename(path));
      return link(fresh, held) ?? writeIfAbsent(held, lease);
    } catch (error) {
      throw fileFailure(error, path, 'write');
    } finally {
      removeFile(fresh);
    }
  }

  async read(name: string): Promise<StoredLease | undefined> {
    return readLease(this.#path(name));
  }

  remove(name: string, nonce: string): void {
    const path = this.#path(name);
    if (readLease(path)?.nonce === nonce) removeTree(path);
  }

  async lengths(trajectory: string): Promise<number[]> {
    const folder = dirname(this.#path(trajectory));
    try {
      return readdirSync(folder).flatMap((name) => {
        const length = name.startsWith(`${trajectory}.`) && /^\.(\d+)\.json$/.exec(name.slice(trajectory.length))?.[1];
        return length ? [Number(length)] : [];
      });
    } catch (error) {
      if (isAbsent(error)) return [];
      throw fileFailure(error, folder, 'read');
    }
  }

  openBeat(id: string): Beat {
    const path = this.#beatPath(id);
    try {
      this.#makeFolders(dirname(path));
      sweepEnded(dirname(path));
      return new BeatFile(path);
    } catch (error) {
      throw fileFailure(error, path, 'write');
    }
  }

  async lastBeat(id: string): Promise<string | undefined> {
    return readSmall(this.#beatPath(id)); // opening a file asks an NFS server for its present content
  }

  /** What stands in place of one of the folders holds nothing of value. */
  #makeFolders(folder: string): void {
    for (const path of [this.#directory, folder]) {
      if (isNoFolder(path)) removeFile(path);
      try {
        this.#makeFolder(path);
      } catch (error) {
        if (!(error instanceof SwpError)) throw error;
        removeFile(path); // a link that is not to be trusted
        this.#makeFolder(path);
      }
    }
  }

  #path(name: string): string {
    return join(this.#directory, name.slice(0, 2), `${name}.json`);
  }

  #beatPath(id: string): string {
    // an id is read from a file: it must not lead elsewhere
    return join(this.#directory, 'holders', id.replace(/[^0-9a-f-]/g, '') || 'none');
  }
}

/** Stays open, so that each number goes into the file that was made here, whatever has its name by then. */
class BeatFile implements Beat {
  readonly #path: string;
  #file: number;

  constructor(path: string) {
    this.#path = path;
    this.#file = makeBeat(path);
  }

  show(number: number): void {
    try {
      if (this.#write(number)) return;
      this.#makeAgain();
      this.#write(number);
    } catch (error) {
      throw fileFailure(error, this.#path, 'write');
    }
  }

  /**
   * The link count is asked for last: before it answers, an NFS client sends what was written. Otherwise that may stay
   * with the client for as long as others wait before they take its holder for dead, since the file stays open.
   * @returns false if somebody has removed the file
   */
  #write(number: number): boolean {
    try {
      writeSync(this.#file, String(number), 0);
      return fstatSync(this.#file).nlink > 0;
    } catch (error) {
      if (systemErrorCode(error) === 'ESTALE') return false; // from another host
      throw error;
    }
  }

  close(): void {
    closeSync(this.#file);
    removeTree(this.#path);
  }

  #makeAgain(): void {
    removeTree(this.#path);
    const file = makeBeat(this.#path);
    const gone = this.#file;
    this.#file = file;
    closeSync(gone);
  }
}

/** Whether a file or a link that leads to no folder is there. */
function isNoFolder(path: string): boolean {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return false;
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ELOOP') return true;
    throw error;
  }
}

/** @returns undefined where the file system has no links */
function link(fresh: string, path: string): boolean | undefined {
  try {
    linkSync(fresh, path);
    return true;
  } catch (error) {
    // An NFS server that repeats a request answers EEXIST for the link that it has just made: the link count tells.
    if (statSync(fresh).nlink > 1) return true;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(code ?? '')) return undefined;
    throw error;
  }
}

function writeIfAbsent(path: string, lease: StoredLease): boolean {
  try {
    writeFresh(path, lease);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function writeFresh(path: string, lease: StoredLease): void {
  const file = makeFile(path);
  try {
    writeSync(file, JSON.stringify(lease));
  } catch (error) {
    removeFile(path);
    throw error;
  } finally {
    closeSync(file);
  }
}

/** Whoever may enter the folder may read who holds what: with a umask of 077, others would take its owner for dead. */
function makeFile(path: string): number {
  const file = createFile(path);
  try {
    fchmodSync(file, 0o664);
  } catch {
    // a file system without permissions
  }
  return file;
}

function makeBeat(path: string): number {
  using folder = holdFolder(dirname(path));
  return makeFile(folder.path(basename(path)));
}

function readLease(path: string): StoredLease | undefined {
  let text: string | undefined;
  try {
    text = readSmall(path);
  } catch (error) {
    throw fileFailure(error, path, 'read');
  }
  return text === undefined ? undefined : parseLease(text);
}

/** @returns undefined if there is nothing; of what is no small file, a word that says so */
function readSmall(path: string): string | undefined {
  try {
    return readRegularFile(path, LARGEST).toString('utf8');
  } catch (error) {
    if (isAbsent(error)) return undefined;
    const { code } = error as NodeJS.ErrnoException;
    if (isForeign(error) || code === 'EACCES' || code === 'EPERM') return `(${code})`;
    throw error;
  }
}
