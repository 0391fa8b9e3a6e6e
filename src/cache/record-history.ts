/** The records of a cache as a collection: looked up by the beginning of a key, or all those of a stage. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { SwpError } from '../base/failure.ts';
import type { Cache } from './cache.ts';
import { isAbsent } from '../base/file-failure.ts';
import { parseRecord, type CacheRecord } from './record.ts';

/** More records than these are not compared: it only explains. */
const COMPARED_RECORDS = 2_000;

export class RecordCollection {
  readonly #cache: Cache;

  constructor(cache: Cache) {
    this.#cache = cache;
  }

  /** Keys of all records, sorted; those kept aside have the key of the one that replaced them. */
  keys(): string[] {
    const root = join(this.#cache.directory, 'records');
    return list(root).flatMap((shard) => this.#keysIn(shard));
  }

  /** @param prefix at least the first two digits of a key */
  keysBeginning(prefix: string): string[] {
    return this.#keysIn(prefix.slice(0, 2)).filter((key) => key.startsWith(prefix));
  }

  /** The record of a key; undefined if there is none or it is damaged. */
  async recorded(key: string): Promise<CacheRecord | undefined> {
    return this.#cache.record(key).catch((error: unknown) => {
      if (error instanceof SwpError && error.failure.kind === 'content') return undefined;
      throw error;
    });
  }

  async ofStage(stage: string): Promise<CacheRecord[]> {
    const records: CacheRecord[] = [];
    const mark = `"stage":${JSON.stringify(stage)}`;
    for (const key of this.keys().slice(0, COMPARED_RECORDS)) {
      const path = this.#cache.recordPath(key);
      const text = readFileSync(path, 'utf8');
      if (!text.includes(mark)) continue;
      try {
        const record = parseRecord(text, path, key);
        if (record.stage === stage) records.push(record);
      } catch (error) {
        if (!(error instanceof SwpError)) throw error; // a damaged one explains nothing
      }
    }
    return records;
  }

  #keysIn(shard: string): string[] {
    return list(join(this.#cache.directory, 'records', shard)).flatMap(
      (name) => /^([0-9a-f]{64})\.json$/.exec(name)?.[1] ?? [],
    );
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}
