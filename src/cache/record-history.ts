/** Looks up records of a cache: by the beginning of a key, or all those of a stage. */
import { readFileSync } from 'node:fs';
import { SwpError } from '../base/failure.ts';
import { fileFailure, isAbsent } from '../base/file-failure.ts';
import type { Cache } from './cache.ts';
import { parseRecord, type CacheRecord } from './record.ts';
import { recordKeys } from './layout.ts';

/** More records than these are not compared: an explanation must not take long. */
const COMPARED_RECORDS = 2_000;

export class RecordCollection {
  readonly #cache: Cache;

  constructor(cache: Cache) {
    this.#cache = cache;
  }

  /** Keys of all records, sorted; those kept aside have the key of the one that replaced them. */
  keys(): string[] {
    return [...recordKeys(this.#cache.directory)];
  }

  /** @param prefix at least the first two digits of a key */
  keysBeginning(prefix: string): string[] {
    return [...recordKeys(this.#cache.directory, prefix.slice(0, 2))].filter((key) => key.startsWith(prefix));
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
      try {
        const text = readFileSync(path, 'utf8');
        if (!text.includes(mark)) continue;
        const record = parseRecord(text, path, key);
        if (record.stage === stage) records.push(record);
      } catch (error) {
        // A damaged record explains nothing; another process may have put it aside meanwhile.
        if (!(error instanceof SwpError) && !isAbsent(error)) throw fileFailure(error, path, 'read');
      }
    }
    return records;
  }
}
