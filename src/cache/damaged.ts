/** `damaged/`: what was found damaged, moved there so that it can be examined and is not used again. */
import { randomUUID } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
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

/**
 * Puts aside what keeps a file from being written: a folder in its place, or a file in the place of a folder above it.
 * @param error what writing it threw
 * @returns whether there was something, so that writing can be tried again
 * @throws SwpError of kind `file`
 */
export function makeWay(cache: string, path: string, error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  const hindrance = code === 'EISDIR' ? path : code === 'ENOTDIR' ? fileAbove(cache, path) : undefined;
  if (hindrance !== undefined) putAside(cache, hindrance);
  return hindrance !== undefined;
}

/** The first part of a path below the cache that should be a folder, and is neither that nor a link. */
function fileAbove(cache: string, path: string): string | undefined {
  let place = cache;
  for (const name of relative(cache, dirname(path)).split(sep)) {
    place = join(place, name);
    const found = lstatSync(place, { throwIfNoEntry: false });
    if (found === undefined || found.isSymbolicLink()) return undefined;
    if (!found.isDirectory()) return place;
  }
  return undefined;
}
