/** A cache that a command names and that is not there: mostly a slip of the pen. */
import { lstatSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { SwpError, type Failure } from '../base/failure.ts';
import { nearestName } from '../base/nearest-name.ts';
import { readableNames } from '../base/readable-names.ts';
import { isCache } from '../cache/layout.ts';
import { cacheFolder, namesCache, type ProjectOptions } from './location.ts';

/**
 * What to say of a cache that was named, by option or by $SWP_CACHE, and is not there; undefined for one that is, and
 * for the study's own, which is not there before the first run.
 */
export function missingCache(options: ProjectOptions): Extract<Failure, { kind: 'usage' }> | undefined {
  if (!namesCache(options)) return undefined;
  const folder = cacheFolder(options);
  if (isCache(folder)) return undefined;
  const suggestion = nearestCache(folder);
  return {
    kind: 'usage',
    message: `There is no cache at ${folder}: ${insteadOf(folder)}.`,
    ...(suggestion !== undefined && { suggestion }),
  };
}

/** What is in a cache's place. */
function insteadOf(folder: string): string {
  if (isOther(folder)) return 'what is there is no folder';
  try {
    return readdirSync(folder).length === 0 ? 'that folder is empty' : 'that folder has no results, but other files';
  } catch {
    return 'nothing is cached there yet'; // it is not there, or whoever reads it says why
  }
}

/** Whether something is in a cache's place that keeps it from being made: a file, or a link that leads nowhere. */
export function isOther(folder: string): boolean {
  try {
    const found = statSync(folder, { throwIfNoEntry: false }) ?? lstatSync(folder, { throwIfNoEntry: false });
    return found !== undefined && !found.isDirectory();
  } catch {
    return false; // whoever reads it says why
  }
}

/** @throws SwpError of kind `usage` for the same */
export function requireCache(options: ProjectOptions): void {
  const missing = missingCache(options);
  if (missing !== undefined)
    throw new SwpError({ ...missing, expected: 'the folder of a cache; `swp repro --cache DIRECTORY` makes one' });
}

/** One in the folder that was named, or one beside it whose name is nearly the same. */
function nearestCache(folder: string): string | undefined {
  const within = join(folder, 'cache');
  if (isCache(within)) return within;
  const parent = dirname(folder);
  const name = nearestName(
    basename(folder),
    readableNames(parent).filter((each) => isCache(join(parent, each))),
  );
  return name === undefined ? undefined : join(parent, name);
}
