/**
 * Unpublished files: one directory per process under the cache's tmp/, on the same file system as the final places, so
 * that publishing is a rename.
 *
 *     tmp/SPACE-PID-STARTED-ID/        files of swp itself: each created new, under a random name
 *     tmp/SPACE-PID-STARTED-ID/own/    a folder per node, where stages write by names that others know
 *
 * In a shared cache nobody else can write to own/, and it is named through a descriptor, so that no link can take the
 * place of an output or of a folder above it. When a worker's parent is killed, the worker opens own/ to the group, and
 * the next process of any member sweeps it (sweepEnded).
 */
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeDirectory } from '../base/atomic-file.ts';
import { fileFailure } from '../base/file-failure.ts';
import { CAN_NAME_BY_DESCRIPTOR, holdFolder, removeTree, type HeldFolder } from '../base/held-folder.ts';
import { createFile } from '../base/regular-file.ts';
import { whenEnding } from '../base/when-ending.ts';
import { isOfEnded, processName } from './process-identity.ts';

/** Others take a process that they cannot compare for gone when its files have not changed for much longer. */
const SIGN_OF_LIFE_MS = 10 * 60 * 1000;

const NODES = 'own';

interface OwnDirectory {
  /** By which it is made and removed. */
  place: string;
  held: HeldFolder;
  /** Whether it is named through its descriptor, since others could give its path to something else. */
  isShared: boolean;
  /** Where nodes write; made for the first one, so that others can remove the rest of a process that had none. */
  nodes: HeldFolder | undefined;
  signs: NodeJS.Timeout;
}

export class Scratch {
  readonly #parent: string;
  readonly #makeParent: (path: string) => void;
  #own: OwnDirectory | undefined;
  #forget: () => void = () => {};

  /**
   * @param parent the cache's tmp/
   * @param makeParent how it is made if it is missing
   */
  constructor(parent: string, makeParent: (path: string) => void = makeDirectory) {
    this.#parent = parent;
    this.#makeParent = makeParent;
  }

  /** This process's directory, made when first asked for. */
  async directory(): Promise<string> {
    const { isShared, held, place } = this.#open();
    return isShared ? held.path('.') : place;
  }

  /** A fresh empty directory for one node's outputs. */
  async node(): Promise<string> {
    const own = this.#open();
    const name = `node-${randomBytes(4).toString('hex')}`;
    try {
      own.nodes ??= openNodes(own.held);
      mkdirSync(own.nodes.path(name));
      return own.isShared ? own.nodes.path(name) : join(own.place, NODES, name);
    } catch (error) {
      throw fileFailure(error, own.place, 'create');
    }
  }

  /** Removes everything of this process that was not published. */
  async clear(): Promise<void> {
    this.#remove();
  }

  #open(): OwnDirectory {
    if (this.#own !== undefined) return this.#own;
    const name = `${processName()}-${randomBytes(4).toString('hex')}`;
    const place = join(this.#parent, name);
    this.#forget = whenEnding(() => this.#remove()); // first: a signal may come as soon as there is something to clear
    try {
      this.#makeParent(this.#parent);
      sweepEnded(this.#parent);
      return (this.#own = this.#create(place, name));
    } catch (error) {
      this.#forget();
      throw fileFailure(error, place, 'create');
    }
  }

  #create(place: string, name: string): OwnDirectory {
    using parent = holdFolder(this.#parent);
    mkdirSync(parent.path(name));
    const held = parent.enter(name);
    const signs = setInterval(() => giveSign(held), SIGN_OF_LIFE_MS).unref();
    return { place, held, isShared: CAN_NAME_BY_DESCRIPTOR && isShared(this.#parent), nodes: undefined, signs };
  }

  /** At once, as a process that ends cannot wait. */
  #remove(): void {
    const own = this.#own;
    if (own === undefined) return;
    this.#own = undefined;
    clearInterval(own.signs);
    own.nodes?.[Symbol.dispose]();
    own.held[Symbol.dispose]();
    try {
      removeTree(own.place);
    } catch {
      // What is left is swept later; a disk that fails is reported where results are published.
    }
    this.#forget();
  }
}

/** Changes the folder, by the file system's clock. */
function giveSign(own: HeldFolder): void {
  try {
    const sign = own.path(randomBytes(8).toString('hex'));
    closeSync(createFile(sign));
    removeTree(sign);
  } catch {
    // the next one may come through
  }
}

function openNodes(own: HeldFolder): HeldFolder {
  mkdirSync(own.path(NODES), 0o700);
  return own.enter(NODES);
}

/**
 * Whether others may write into a folder or replace it. A group of the user's own number is theirs alone: many systems
 * give each user one, and a umask that lets it write.
 */
function isShared(folder: string): boolean {
  return [folder, dirname(folder)].some((each) => {
    const { mode, uid, gid } = statSync(each);
    return (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid !== uid);
  });
}

/**
 * Removes what processes of this machine have left that have ended: entries that begin with their names. What belongs
 * to others is removed as far as they let us.
 */
export function sweepEnded(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!isOfEnded(name)) continue;
    try {
      removeTree(join(folder, name));
    } catch {
      // private to another user, whose next process does it
    }
  }
}
