/** Turns an error of the file system into a Failure that says what to do about it. */
import { SwpError } from '../engine/failure.ts';

const REMEDIES: Record<string, string> = {
  ENOSPC: 'The disk is full. Free some space, or choose another disk with --cache DIRECTORY, and run again: finished work is kept.',
  EDQUOT: 'Your disk quota is used up. Free some space, or choose another disk with --cache DIRECTORY, and run again.',
  EACCES: 'You lack the permission. Ask its owner for it, or choose another cache with --cache DIRECTORY.',
  EPERM: 'You lack the permission. Ask its owner for it, or choose another cache with --cache DIRECTORY.',
  EROFS: 'The file system is read-only. Choose another cache with --cache DIRECTORY.',
  ENOTDIR: 'A file stands where a directory should be. Move it away, or choose another cache with --cache DIRECTORY.',
  EEXIST: 'A file stands where a directory should be. Move it away, or choose another cache with --cache DIRECTORY.',
  EISDIR: 'A directory stands where a file should be. Move it away and run again.',
  ENOENT: 'It does not exist (any more). Check the path and run again.',
  EMFILE: 'Too many files are open. Raise the limit (ulimit -n) or lower --jobs.',
  EIO: 'The disk reports an error. Check it before trusting what it holds.',
};

/**
 * @param error what node:fs threw; its own path is preferred to `path`, being more exact
 * @returns the Failure to throw, or `error` itself where it is no file system error (a bug in swp)
 */
export function fileFailure(error: unknown, path: string, operation: 'read' | 'write' | 'create'): Error {
  if (error instanceof SwpError) return error;
  const { code, path: exact } = error as NodeJS.ErrnoException;
  if (typeof code !== 'string') return error instanceof Error ? error : new Error(String(error));
  const remedy = REMEDIES[code] ?? `The system says "${(error as Error).message}". Put that right and run again.`;
  return new SwpError({ kind: 'file', path: exact ?? path, operation, code, remedy }, { cause: error });
}

/** Whether a file is simply not there; so it is, too, where a directory of its path is no directory. */
export function isAbsent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
