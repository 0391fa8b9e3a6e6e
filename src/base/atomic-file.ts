/**
 * Files that appear whole or not at all, even if the power fails: written elsewhere, synced, renamed into place, and
 * the directory synced (except for notes, see `durable`).
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { holdFolder, isBelowGuarded, makeHeld } from './held-folder.ts';
import { createFile } from './regular-file.ts';

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
  makeDirectory(dirname(path));
  using folder = holdFolder(dirname(path));
  const fresh = join(scratch, randomBytes(8).toString('hex'));
  try {
    const file = createFile(fresh);
    try {
      writeFileSync(file, text);
      if (durable) await syncDescriptor(file);
    } finally {
      closeSync(file);
    }
    renameSync(fresh, folder.path(basename(path)));
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
  if (durable) await syncFolder(folder.descriptor);
}

/**
 * Writes a file that a person reads, such as a page of the report, in a folder in which others may write, too: it takes
 * the place of whatever is there. Only what this user (or root) put there that is no regular file is written to: a link
 * of one's own, or /dev/stdout.
 */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found !== undefined && !found.isFile() && [0, process.geteuid?.() ?? 0].includes(found.uid))
    return writeFile(path, content);
  const fresh = `${path}.${randomBytes(8).toString('hex')}.part`;
  try {
    await writeFile(fresh, content, { flag: 'wx' });
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw Object.assign(error as Error, { path });
  }
}

/**
 * Creates a directory and those above it that are missing. Node's own `recursive` says ENOENT where the file system is
 * read-only, and never returns where a directory cannot have new ones, as in /proc.
 */
export function makeDirectory(path: string): void {
  if (isBelowGuarded(path)) {
    using _made = holdFolder(path, makeHeld);
    return;
  }
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
  using folder = holdFolder(path, makeHeld);
  if (fstatSync(folder.descriptor).uid === process.geteuid?.()) fchmodSync(folder.descriptor, 0o777);
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
  const file = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  try {
    await syncDescriptor(file);
  } finally {
    closeSync(file);
  }
}

/** Makes the names in a directory durable. */
export async function syncDirectory(directory: string): Promise<void> {
  using folder = holdFolder(directory);
  await syncFolder(folder.descriptor);
}

/** Some file systems refuse to sync a directory; their renames are as durable as they get. */
async function syncFolder(descriptor: number): Promise<void> {
  try {
    await syncDescriptor(descriptor);
  } catch (error) {
    if (!['EINVAL', 'EPERM', 'ENOTSUP', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
