/** Reads the small files of a cache: each may have been damaged or replaced, which is its own damage alone. */
import { closeSync, lstatSync } from 'node:fs';
import { SwpError } from '../base/failure.ts';
import { fileFailure, isAbsent } from '../base/file-failure.ts';
import { isForeign, openRegularFile, readRegularFile } from '../base/regular-file.ts';

/** A record that gathers 100,000 artifacts takes 50 MB; no other small file comes near that. */
const MOST_BYTES = 1 << 26;

/**
 * Synchronous, since planning reads a small file for every node: the way through the thread pool takes ten times as
 * long as the read itself.
 * @param remedy what to do where something else than a file that can be read stands there
 * @returns the file's text; undefined if there is nothing at the path
 * @throws SwpError of kind `content` if something else stands there; of kind `file` if the folder or the disk is at
 *   fault
 */
export function readStoredText(path: string, remedy: string): string | undefined {
  try {
    return readRegularFile(path, MOST_BYTES).toString('utf8');
  } catch (error) {
    const message = strangerAt(path, error);
    if (message !== undefined) throw new SwpError({ kind: 'content', path, message, remedy }, { cause: error });
    if (isAbsent(error)) return undefined;
    throw fileFailure(error, path, 'read');
  }
}

/**
 * What stands in the place of a file that could not be read.
 * @param error what reading it threw
 * @returns undefined if there is nothing, or if the fault is not the file's own
 */
function strangerAt(path: string, error: unknown): string | undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (!isForeign(error) && code !== 'EACCES' && code !== 'EPERM') return undefined;
  try {
    const found = lstatSync(path);
    if (found.isSymbolicLink()) return 'A link stands in its place';
    if (found.isDirectory()) return 'A folder stands in its place';
    if (!found.isFile()) return 'It is no regular file';
    return isForeign(error) ? 'It is larger than a file of its kind can be' : 'This user may not read it';
  } catch {
    return undefined; // the folder lets nobody in
  }
}

/** What is wrong with a file by its kind alone, whatever is in it; undefined if it can be read. */
export function problemOfFile(path: string): string | undefined {
  try {
    closeSync(openRegularFile(path).file);
    return undefined;
  } catch (error) {
    return strangerAt(path, error);
  }
}
