/** Turns an error of the system, mostly of the file system, into a Failure that says what to do about it. */
import { accessSync, constants, lstatSync, readFileSync, readlinkSync, statSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { SwpError, type Failure } from './failure.ts';
import { shownPath } from './held-folder.ts';
import { remedyFor, systemErrorCode, type SystemError } from './system-error.ts';

/**
 * @param error what node:fs threw; the path that it names is preferred to `path`, being more exact
 * @param remedy what to do, where the caller knows better than the error's code tells; `path` is then the one to show.
 *   Permission to read is a matter of the file's owner, whatever the caller knows.
 * @returns the Failure to throw, or `error` itself where it is no file system error (a bug in swp)
 */
export function fileFailure(
  error: unknown,
  path: string,
  operation: 'read' | 'write' | 'create',
  remedy?: string,
): Error {
  if (error instanceof SwpError) return error;
  const code = systemErrorCode(error) ?? (error as NodeJS.ErrnoException).code;
  if (typeof code !== 'string') return error instanceof Error ? error : new Error(String(error));
  const isDenied = code === 'EACCES' || code === 'EPERM';
  if (remedy !== undefined) {
    // What to do about a file that is not there is no use where it is, and may not be read.
    const told =
      isDenied && operation === 'read'
        ? `${ownerText(path)}Ask its owner for the permission to read it.`
        : linkText(path) + remedy;
    return new SwpError({ kind: 'file', path, operation, code, remedy: told }, { cause: error });
  }
  const exact = shownPath(refusedPath(error as SystemError) ?? path);
  const known = remedyFor(code) ?? `The system says "${(error as Error).message}". Put that right and run again.`;
  const owner = isDenied ? ownerText(exact) : '';
  return new SwpError({ kind: 'file', path: exact, operation, code, remedy: owner + known }, { cause: error });
}

/**
 * Reading a pipe or a device might never end.
 * @throws SwpError of kind `content` for what is neither a file nor a folder: reading says of a folder that it is one
 */
export function refuseOddFile(path: string, remedy = 'Put a file there.'): Stats {
  const found = statSync(path);
  if (found.isFile() || found.isDirectory()) return found;
  throw new SwpError({ kind: 'content', path, message: 'It is a pipe, a socket or a device, and no file', remedy });
}

/**
 * What the system refused and nobody expected it to, as a Failure: a disk that fails, a limit that is reached, a file
 * that somebody removes meanwhile. No bug of swp.
 * @returns the failure that an SwpError carries; undefined where the error is none of the system
 */
export function failureOf(error: unknown): Failure | undefined {
  if (error instanceof SwpError) return error.failure;
  const code = systemErrorCode(error);
  if (code === undefined || BUG_CODES.has(code)) return undefined;
  const { syscall = '', path } = error as SystemError;
  if (syscall === 'uv_cwd' || syscall === 'getcwd')
    return {
      kind: 'system',
      operation: 'find the working folder',
      code,
      remedy: 'The folder in which swp was started is gone. Change into one that exists, and run again.',
    };
  if (path !== undefined && !syscall.startsWith('spawn'))
    return (fileFailure(error, path, operationOf(syscall)) as SwpError).failure;
  const operation = syscall.startsWith('spawn')
    ? `start ${path ?? (syscall.replace(/^spawn ?/, '') || 'a process')}`
    : `${operationOf(syscall)} a file${syscall === '' ? '' : ` (${syscall})`}`;
  const remedy = remedyFor(code) ?? `The system says "${(error as Error).message}". Put that right and run again.`;
  return { kind: 'system', operation, code, remedy };
}

/** Codes that say that swp has asked for nonsense, such as reading a file that it has closed. */
const BUG_CODES = new Set(['EBADF', 'EFAULT']);

function operationOf(syscall: string): 'read' | 'write' | 'create' {
  if (syscall === 'mkdir' || syscall === 'mkdtemp') return 'create';
  const writes =
    /^(write|f?datasync|fsync|rename|link|symlink|unlink|rmdir|rm|copyfile|cp|f?truncate|f?chmod|f?chown|f?utime)/;
  return writes.test(syscall) ? 'write' : 'read';
}

/**
 * Of the two names of a rename or a link, the one that the system did not accept: mostly where the file was to go,
 * since what goes there is a new file in a folder of this process.
 */
function refusedPath({ path, dest }: SystemError): string | undefined {
  if (path === undefined || dest === undefined) return path;
  try {
    lstatSync(path);
    accessSync(dirname(path), constants.W_OK);
    return dest;
  } catch {
    return path;
  }
}

/**
 * Of a link that leads nowhere, where it was to lead, e.g. `It is a link to ../blobs/5f, and nothing is there. `; of
 * everything else nothing. A folder lists such a link like a file, so that who looks finds what is said to be missing.
 */
export function linkText(path: string): string {
  try {
    if (statSync(path, { throwIfNoEntry: false }) !== undefined) return '';
    return `It is a link to ${readlinkSync(path)}, and nothing is there. `;
  } catch {
    return ''; // nothing is there at all, or a part of the path cannot be looked at
  }
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

/** Whether a failure says that this user may not write there. */
export function isReadOnly(error: unknown): boolean {
  const { failure } = error instanceof SwpError ? error : {};
  return (
    failure?.kind === 'file' && failure.operation !== 'read' && ['EACCES', 'EPERM', 'EROFS'].includes(failure.code)
  );
}

/** Whether somebody else does not let this user at a file. */
export function isDenied(error: unknown): boolean {
  return ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException | undefined)?.code ?? '');
}

/** Whether a file does not exist; it does not, either, where a part of its path is no directory. */
export function isAbsent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
