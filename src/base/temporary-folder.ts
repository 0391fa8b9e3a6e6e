/** Folders outside of any cache, for what is looked at and removed again, also when a signal ends the process. */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileFailure } from './file-failure.ts';
import { whenEnding } from './when-ending.ts';

/**
 * A fresh empty folder; whoever asks for it removes it.
 * @param prefix how its name begins
 * @throws SwpError of kind `file`
 */
export async function makeTemporaryFolder(prefix: string): Promise<string> {
  let folder: string;
  try {
    folder = await mkdtemp(join(tmpdir(), prefix));
  } catch (error) {
    throw fileFailure(error, tmpdir(), 'create', 'Set TMPDIR to a folder in which you may write, and run again.');
  }
  whenEnding(() => {
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // the system's own cleaning of its folder has to do
    }
  });
  return folder;
}
