/** Logs of nodes: `logs/KEY.ATTEMPT.log`, one per attempt, created when there is something to say. */
import { closeSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { makeDirectory } from '../base/atomic-file.ts';
import { fileFailure } from '../base/file-failure.ts';
import { addTo } from '../base/groups.ts';
import { holdFolder } from '../base/held-folder.ts';
import { createFile } from '../base/regular-file.ts';
import { namesIn } from './layout.ts';
import { problemOfFile } from './stored-text.ts';

export class NodeLog {
  readonly #cache: string;
  readonly #key: string;
  #file: number | undefined;
  #name: string | undefined;

  /**
   * @param cache the cache's directory
   * @param key the node's recipe key
   */
  constructor(cache: string, key: string) {
    this.#cache = cache;
    this.#key = key;
  }

  /** Relative to the cache; undefined while nothing has been logged. */
  get name(): string | undefined {
    return this.#name;
  }

  /** Absolute path; undefined while nothing has been logged. */
  get path(): string | undefined {
    return this.#name === undefined ? undefined : join(this.#cache, this.#name);
  }

  /** Appends at once, so that the log is whole even if swp is killed. */
  write(text: string | Uint8Array): void {
    try {
      this.#file ??= this.#create();
      if (typeof text === 'string') writeSync(this.#file, text);
      else writeSync(this.#file, text);
    } catch (error) {
      throw fileFailure(error, join(this.#cache, 'logs'), 'write');
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  /** The first attempt's number that nobody has taken: other processes may be logging the same key. */
  #create(): number {
    for (let attempt = 1; ; attempt++) {
      const name = `logs/${this.#key}.${attempt}.log`;
      const path = join(this.#cache, name);
      try {
        makeDirectory(dirname(path));
        const file = createHeld(path);
        this.#name = name;
        return file;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  }
}

function createHeld(path: string): number {
  using folder = holdFolder(dirname(path));
  return createFile(folder.path(basename(path)));
}

/**
 * Reads the folder of logs once, however many keys are asked for.
 * @returns for a key, absolute paths of its logs, the first attempt first; without what is no file that can be read
 */
export function attemptLogs(cache: string): (key: string) => string[] {
  const folder = join(cache, 'logs');
  const attempts = new Map<string, number[]>();
  for (const name of namesIn(folder)) {
    const [, key, attempt] = /^([^.]+)\.(\d+)\.log$/.exec(name) ?? [];
    if (key !== undefined) addTo(attempts, key, Number(attempt));
  }
  return (key) =>
    (attempts.get(key) ?? [])
      .sort((a, b) => a - b)
      .map((attempt) => join(folder, `${key}.${attempt}.log`))
      .filter((path) => problemOfFile(path) === undefined);
}
