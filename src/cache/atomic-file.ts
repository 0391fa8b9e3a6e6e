/**
 * Files that appear whole or not at all, even if the power fails: written elsewhere, synced, renamed into place, and the
 * directory synced. Nothing in the cache's final places is written in another way.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Writes `text` to `path`, replacing what was there; creates the directory.
 * @param scratch a directory on the same file system, where the file is until it is whole
 */
export async function writeAtomically(path: string, text: string, scratch: string): Promise<void> {
  const directory = dirname(path);
  await makeDirectory(directory);
  const fresh = join(scratch, randomBytes(8).toString('hex'));
  try {
    const file = await open(fresh, 'wx', 0o664);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
  await syncDirectory(directory);
}

/**
 * Creates a directory and those above it that are missing. Node's own `recursive` says ENOENT where the file system is
 * read-only, and never returns where a directory cannot have new ones, as in /proc.
 */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (await isDirectory(path)) return; // it was there, or another process was faster
    const parent = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === path || (await isDirectory(parent))) throw error;
    await makeDirectory(parent);
    await makeDirectory(path);
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then((found) => found.isDirectory(), () => false);
}

/** Makes a file's content durable. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Makes the names in a directory durable. Some file systems refuse to sync a directory; their renames are as durable
 * as they get.
 */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } catch (error) {
    if (!['EINVAL', 'EPERM', 'ENOTSUP', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await handle.close();
  }
}
