/** Folders outside of any cache, for what is looked at and removed again, also when a signal ends the process. */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileFailure } from './file-failure.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;
const made: string[] = [];

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
  if (made.push(folder) === 1) {
    process.on('exit', removeAll);
    for (const signal of SIGNALS) process.on(signal, endBy);
  }
  return folder;
}

function endBy(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return; // whoever else listens ends the process, or keeps it
  removeAll();
  process.off(signal, endBy);
  process.kill(process.pid, signal); // as if nobody had listened
}

function removeAll(): void {
  for (const folder of made)
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // the system's own cleaning of its folder has to do
    }
}
