/**
 * Unpublished files: one directory per process under the cache's tmp/, on the same file system as the final places, so
 * that publishing is a rename. What a killed process left behind is swept by the next process that starts work.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory } from '../base/atomic-file.ts';
import { fileFailure } from '../base/file-failure.ts';
import { hasEnded, processSpace } from './process-identity.ts';

export class Scratch {
  readonly #parent: string;
  readonly #makeParent: (path: string) => void;
  #own: Promise<string> | undefined;

  /**
   * @param parent the cache's tmp/
   * @param makeParent how it is made if it is missing
   */
  constructor(parent: string, makeParent: (path: string) => void = makeDirectory) {
    this.#parent = parent;
    this.#makeParent = makeParent;
  }

  /** This process's directory, made when first asked for. */
  directory(): Promise<string> {
    this.#own ??= this.#create();
    return this.#own;
  }

  /** A fresh empty directory for one node's outputs. */
  async node(): Promise<string> {
    const own = await this.directory();
    try {
      return mkdtempSync(join(own, 'node-'));
    } catch (error) {
      throw fileFailure(error, own, 'create');
    }
  }

  /** Removes everything of this process that was not published. */
  async clear(): Promise<void> {
    const own = this.#own;
    this.#own = undefined;
    const made = await own?.catch(() => undefined); // the caller of directory() has met the error
    if (made !== undefined) await rm(made, { recursive: true, force: true });
  }

  async #create(): Promise<string> {
    const own = join(this.#parent, `${processSpace()}-${process.pid}-${randomBytes(4).toString('hex')}`);
    try {
      this.#makeParent(this.#parent);
      makeDirectory(own);
      await this.#sweep();
    } catch (error) {
      throw fileFailure(error, own, 'create');
    }
    return own;
  }

  /** Removes the directories of processes of this machine that have ended. Those of other machines are let alone. */
  async #sweep(): Promise<void> {
    for (const name of await readdir(this.#parent)) {
      const [space = '', pid] = name.split('-');
      if (!hasEnded({ space, pid: Number(pid), started: null })) continue;
      // A folder of another user is removed by that user's next process.
      await rm(join(this.#parent, name), { recursive: true, force: true }).catch(() => {});
    }
  }
}
