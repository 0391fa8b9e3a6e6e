/**
 * Files that appear whole or not at all, even if the power fails: written elsewhere, synced, renamed into place, and
 * the directory synced (except for notes, see `durable`).
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, fsync, mkdirSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

// Short operations are synchronous: Node's thread pool would cost ten times as much processor time as the operation
// itself. Only waiting for the disk uses it.
const syncDescriptor = promisify(fsync);

/**
 * Writes `text` to `path`, replacing what was there; creates the directory.
 * @param scratch a directory on the same file system, where the file is until it is whole
 * @param options.durable false for a note whose loss costs time and nothing else: after a power failure it may be
 *   gone or empty
 */
export async function writeAtomically(
  path: string,
  text: string,
  scratch: string,
  { durable = true } = {},
): Promise<void> {
  const directory = dirname(path);
  makeDirectory(directory);
  const fresh = join(scratch, randomBytes(8).toString('hex'));
  try {
    const file = openSync(fresh, 'wx', 0o664);
    try {
      writeFileSync(file, text);
      if (durable) await syncDescriptor(file);
    } finally {
      closeSync(file);
    }
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
  if (durable) await syncDirectory(directory);
}

/**
 * Creates a directory and those above it that are missing. Node's own `recursive` says ENOENT where the file system is
 * read-only, and never returns where a directory cannot have new ones, as in /proc.
 */
export function makeDirectory(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if (isDirectory(path)) return; // it was there, or another process was faster
    const parent = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === path || isDirectory(parent)) throw error;
    makeDirectory(parent);
    makeDirectory(path);
  }
}

/** The same for a directory in which every user of the machine may write: the first who needs it makes it. */
export function makeOpenDirectory(path: string): void {
  makeDirectory(path);
  try {
    chmodSync(path, 0o777);
  } catch {
    // only its owner may, and has done so
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch {
    return false;
  }
}

/** Makes a file's content durable. */
export async function syncFile(path: string): Promise<void> {
  const file = openSync(path, 'r');
  try {
    await syncDescriptor(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Makes the names in a directory durable. Some file systems refuse to sync a directory; their renames are as durable
 * as they get.
 */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = openSync(directory, 'r');
  try {
    await syncDescriptor(handle);
  } catch (error) {
    if (!['EINVAL', 'EPERM', 'ENOTSUP', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    closeSync(handle);
  }
}
