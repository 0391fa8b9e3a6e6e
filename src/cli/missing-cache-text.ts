/** Says that the cache that a command names is not there: what follows is then of a cache with nothing in it. */
import { cacheFolder, type ProjectOptions } from '../project/location.ts';
import { isOther, missingCache } from '../project/missing-cache.ts';
import { failureText } from './failure-text.ts';
import type { Terminal } from './terminal.ts';

/** @param what the command does about it, unless it cannot */
export function noteMissingCache(options: ProjectOptions, { colors, errorLines }: Terminal, what?: string): void {
  const missing = missingCache(options);
  if (missing === undefined) return;
  const message = what === undefined || isOther(cacheFolder(options)) ? missing.message : `${missing.message} ${what}`;
  errorLines(failureText({ ...missing, message }, colors, colors.yellow('note:')));
}
