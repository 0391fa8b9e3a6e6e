/** A path without links. */
import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** As far as the path is there; the rest is left as it is. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}
