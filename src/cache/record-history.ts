/** Looks up records of a cache: by the beginning of a key, or all those of a stage. */
import { SwpError } from '../base/failure.ts';
import type { Cache } from './cache.ts';
import {
  parseStoredRecord,
  readRecordText,
  readStoredRecord,
  type StoredRecord,
  type UnsealedRecord,
} from './record.ts';
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

  /** The record of a key, also of an earlier version; undefined if there is none or it is damaged. */
  async recorded(key: string): Promise<UnsealedRecord | undefined> {
    return recordOf(() => readStoredRecord(this.#cache.recordPath(key), key));
  }

  async ofStage(stage: string): Promise<UnsealedRecord[]> {
    const mark = `"stage":${JSON.stringify(stage)}`;
    return this.keys()
      .slice(0, COMPARED_RECORDS)
      .flatMap((key) => {
        const path = this.#cache.recordPath(key);
        const record = recordOf(() => {
          const text = readRecordText(path);
          return text?.includes(mark) ? parseStoredRecord(text, path, key) : undefined;
        });
        return record?.stage === stage ? [record] : [];
      });
  }
}

/** A damaged record explains nothing; another process may have put it aside meanwhile. */
function recordOf(read: () => StoredRecord | undefined): UnsealedRecord | undefined {
  try {
    const stored = read();
    return stored !== undefined && 'record' in stored ? stored.record : undefined;
  } catch (error) {
    if (error instanceof SwpError && error.failure.kind === 'content') return undefined;
    throw error;
  }
}
