/** `damaged/`: what was found damaged, moved there so that it can be examined and is not used again. */
import { randomUUID } from 'node:crypto';
import { basename, join } from 'node:path';
import { makeDirectory } from '../base/atomic-file.ts';
import { fileFailure, isAbsent } from '../base/file-failure.ts';
import { moveTo } from '../base/held-folder.ts';

export interface Damage {
  /** Absolute, where it was. */
  path: string;
  /** What is wrong with it; begins in lower case and has no full stop. */
  message: string;
  /** Where it lies now; absent for what is missing, or cannot be moved. */
  aside?: string;
}

/**
 * Moves a file, or whatever stands in its place, to `damaged/`; nothing happens if it is not there any more.
 * @param cache its directory
 * @returns its path there
 * @throws SwpError of kind `file`
 */
export function putAside(cache: string, path: string): string {
  const folder = join(cache, 'damaged');
  const aside = join(folder, `${basename(path)}.${randomUUID().slice(0, 8)}`);
  try {
    makeDirectory(folder);
    moveTo(path, aside);
  } catch (error) {
    if (!isAbsent(error)) throw fileFailure(error, path, 'write');
  }
  return aside;
}

/** Whether a rename failed because a folder stands where the file should go. */
export function isFolderInTheWay(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EISDIR';
}
