/** Paths without links. */
import { realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';

/** As far as the path is there; the rest is left as it is. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}

/** Whether a path is a folder, or leads into it, once links are followed. Both are absolute. */
export function isWithin(folder: string, path: string): boolean {
  const steps = relative(realPath(folder), realPath(path));
  return steps !== '..' && !steps.startsWith(`..${sep}`) && !isAbsolute(steps);
}
