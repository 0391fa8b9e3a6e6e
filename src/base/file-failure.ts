/** Turns an error of the file system into a Failure that says what to do about it. */
import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { SwpError } from './failure.ts';

const REMEDIES: Record<string, string> = {
  ENOSPC:
    'The disk is full. Free some space, or choose another disk with --cache DIRECTORY, and run again: finished work is kept.',
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
 * @param error what node:fs threw; the path that it names is preferred to `path`, being more exact
 * @param remedy what to do, where the caller knows better than the error's code tells; `path` is then the one to show
 * @returns the Failure to throw, or `error` itself where it is no file system error (a bug in swp)
 */
export function fileFailure(
  error: unknown,
  path: string,
  operation: 'read' | 'write' | 'create',
  remedy?: string,
): Error {
  if (error instanceof SwpError) return error;
  const { code, path: exact } = error as NodeJS.ErrnoException;
  if (typeof code !== 'string') return error instanceof Error ? error : new Error(String(error));
  if (remedy !== undefined) return new SwpError({ kind: 'file', path, operation, code, remedy }, { cause: error });
  const known = REMEDIES[code] ?? `The system says "${(error as Error).message}". Put that right and run again.`;
  const owner = code === 'EACCES' || code === 'EPERM' ? ownerText(exact ?? path) : '';
  return new SwpError({ kind: 'file', path: exact ?? path, operation, code, remedy: owner + known }, { cause: error });
}

/** E.g. `/data/cache belongs to ann, group lab, mode 755. `, of the nearest part of the path that is there. */
function ownerText(path: string): string {
  for (let place = path; ; place = dirname(place)) {
    try {
      const { uid, gid, mode } = statSync(place);
      return `${place} belongs to ${nameIn('/etc/passwd', uid)}, group ${nameIn('/etc/group', gid)}, mode ${(mode & 0o7777).toString(8)}. `;
    } catch {
      if (dirname(place) === place) return '';
    }
  }
}

/** The name of a number; the number itself where the system keeps its names elsewhere. */
function nameIn(file: string, id: number): string {
  try {
    return (
      readFileSync(file, 'utf8')
        .split('\n')
        .map((line) => line.split(':'))
        .find((fields) => fields[2] === String(id))?.[0] ?? String(id)
    );
  } catch {
    return String(id);
  }
}

/** Whether a file does not exist; it does not, either, where a part of its path is no directory. */
export function isAbsent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
