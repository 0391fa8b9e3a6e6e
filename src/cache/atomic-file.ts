/**
 * Files that appear whole or not at all, even if the power fails: written elsewhere, synced, renamed into place, and the
 * directory synced. Nothing in the cache's final places is written in another way.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Writes `text` to `path`, replacing what was there; creates the directory.
 * @param scratch a directory on the same file system, where the file is until it is whole
 */
export async function writeAtomically(path: string, text: string, scratch: string): Promise<void> {
  const directory = dirname(path);
  await mkdir(directory, { recursive: true });
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
