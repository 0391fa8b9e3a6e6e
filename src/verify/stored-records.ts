/** All that lies in a cache where records should be. */
import { readdirSync, type Dirent } from 'node:fs';
import { join } from 'node:path';
import { fileFailure, isAbsent } from '../base/file-failure.ts';

export interface StoredRecordFile {
  path: string;
  key: string;
  /** Whether another record of the key took its place. */
  replaced: boolean;
}

/** @param damaged is told of what stands where a folder should be */
export function* storedRecords(
  cache: string,
  damaged: (path: string, message: string) => void,
): Generator<StoredRecordFile> {
  for (const folder of shards(join(cache, 'records'), damaged))
    for (const { name } of entriesIn(folder)) {
      const [, key, digest] = /^([0-9a-f]{64})(\.[0-9a-f]+)?\.json$/.exec(name) ?? [];
      if (key !== undefined) yield { path: join(folder, name), key, replaced: digest !== undefined };
    }
}

/** Folders `00` to `ff` in a folder that is divided by the first two digits of digests. */
export function* shards(folder: string, damaged: (path: string, message: string) => void): Generator<string> {
  for (const entry of entriesIn(folder)) {
    if (!/^[0-9a-f]{2}$/.test(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield path;
    else damaged(path, 'a folder should stand in its place');
  }
}

/** Whatever is in a folder, links and all, sorted by name; nothing where there is no such folder. */
export function entriesIn(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (isAbsent(error)) return [];
    throw fileFailure(error, folder, 'read');
  }
}
