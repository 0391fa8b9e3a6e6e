/** What the studies that use a cache refer to. */
import { join } from 'node:path';
import { SwpError } from '../base/failure.ts';
import { namesIn, studyFolders } from './layout.ts';
import { readStoredText } from './stored-text.ts';

/**
 * Keys of what every study that uses the cache had last, in each of its sizes, and of what a run that began would make.
 * @param except absolute paths of ledgers and notes that do not count
 */
export function rootKeys(cache: string, except: ReadonlySet<string> = new Set()): Set<string> {
  const keys = new Set<string>();
  for (const study of studyFolders(cache))
    for (const name of namesIn(study)) {
      if (!/^(ledger|begun)[-.]/.test(name) || except.has(join(study, name))) continue;
      // Without parsing: the keys in a damaged one count, too.
      for (const key of textOrNothing(join(study, name)).match(/[0-9a-f]{64}/g) ?? []) keys.add(key);
    }
  return keys;
}

/** Empty for a file that is not there any more, and where something else stands in its place. */
function textOrNothing(path: string): string {
  try {
    return readStoredText(path, '') ?? '';
  } catch (error) {
    if (error instanceof SwpError && error.failure.kind === 'content') return '';
    throw error;
  }
}
