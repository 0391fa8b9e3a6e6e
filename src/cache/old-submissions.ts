/**
 * What studies have sent to a cluster: `studies/SHA/slurm/ID/`, with what the jobs wrote. Results do not depend on it:
 * it goes when nothing in it has changed for so long that no job of it can be left.
 */
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { namesIn, studyFolders } from './layout.ts';
import type { Leftover } from './leftovers.ts';
import { SUBMISSIONS } from './study-state.ts';

/** Longer than jobs wait in a queue, run, or lie there for somebody to look at. */
const SILENT_MS = 90 * 24 * 3600 * 1000;

/** @param now by the file system's clock */
export function oldSubmissions(cache: string, now: number): Leftover[] {
  return studyFolders(cache).flatMap((study) => {
    const folder = join(study, SUBMISSIONS);
    return namesIn(folder).flatMap((id): Leftover[] => {
      const path = join(folder, id);
      const own = lstatSync(path, { throwIfNoEntry: false });
      if (own?.isDirectory() !== true) return [];
      const files = namesIn(path).flatMap((name) => lstatSync(join(path, name), { throwIfNoEntry: false }) ?? []);
      if ([own, ...files].some(({ mtimeMs }) => now - mtimeMs <= SILENT_MS)) return [];
      return [{ path, inode: own.ino, bytes: files.reduce((sum, { size }) => sum + size, 0) }];
    });
  });
}
