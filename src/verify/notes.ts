/**
 * Looks for damage in all that a cache holds besides records and artifacts: notes, which are sealed, and logs, of which
 * records have the digest.
 */
import { lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Cache } from '../cache/cache.ts';
import { entriesIn } from '../cache/layout.ts';
import { keyOf, readNote } from '../cache/note.ts';
import { problemOfFile } from '../cache/stored-text.ts';

export interface DamagedFile {
  path: string;
  message: string;
}

/** Ledgers, tombstones, accepted code, histories, settled plans, calibrations, and what names a record by its key. */
export function damagedNotes(cache: string): DamagedFile[] {
  const damages: DamagedFile[] = [];
  const damaged = (path: string, message: string) => void damages.push({ path, message });
  const check = (path: string, namesKey = false) => {
    const note = readNote(path);
    if (note.kind === 'damaged') damaged(path, withoutCapital(note.message));
    else if (namesKey && note.kind === 'whole' && keyOf(note) === undefined) damaged(path, 'it names no record');
  };
  const isFolder = (path: string) => {
    const problem = problemOfFolder(path);
    if (problem !== undefined) damaged(path, problem);
    return problem === undefined;
  };
  for (const shard of shards(join(cache, 'contents'), damaged))
    for (const { name } of entriesIn(shard)) if (/^[0-9a-f]{64}\.json$/.test(name)) check(join(shard, name), true);
  for (const shard of shards(join(cache, 'trajectories'), damaged))
    for (const trajectory of entriesIn(shard).filter((entry) => isFolder(join(shard, entry.name))))
      for (const { name } of entriesIn(join(shard, trajectory.name))) {
        const path = join(shard, trajectory.name, name);
        if (/^stop-\d+\.json$/.test(name)) check(path, true);
        if (/^checkpoint-\d+$/.test(name) && isFolder(path)) check(join(path, 'manifest.json'));
      }
  for (const study of entriesIn(join(cache, 'studies'))) {
    if (!/^[0-9a-f]{64}$/.test(study.name)) continue;
    const home = join(cache, 'studies', study.name);
    if (!isFolder(home)) continue;
    for (const { name } of entriesIn(home)) if (name.endsWith('.json')) check(join(home, name));
    for (const folder of ['tombstones', 'history'].filter((each) => isFolder(join(home, each))))
      for (const { name } of entriesIn(join(home, folder))) if (name.endsWith('.json')) check(join(home, folder, name));
  }
  return damages;
}

/** Folders of checkpoints whose state is not what their manifests say. */
export async function damagedCheckpoints({ directory, trajectories }: Cache): Promise<DamagedFile[]> {
  const damages: DamagedFile[] = [];
  for (const shard of shards(join(directory, 'trajectories'), () => {}))
    for (const trajectory of entriesIn(shard))
      for (const { name } of entriesIn(join(shard, trajectory.name))) {
        const at = /^checkpoint-(\d+)$/.exec(name)?.[1];
        if (at !== undefined && (await trajectories.isDamaged(trajectory.name, Number(at))))
          damages.push({
            path: join(shard, trajectory.name, name),
            message: 'its state is not what its manifest says',
          });
      }
  return damages;
}

/** Logs that are no files. */
export function strangeLogs(cache: string): DamagedFile[] {
  return entriesIn(join(cache, 'logs')).flatMap(({ name }) => {
    const path = join(cache, 'logs', name);
    const message = name.endsWith('.log') ? problemOfFile(path) : undefined;
    return message === undefined ? [] : [{ path, message: withoutCapital(message) }];
  });
}

/** Folders `00` to `ff` in a folder that is divided by the first two digits of digests. */
export function* shards(folder: string, damaged: (path: string, message: string) => void): Generator<string> {
  for (const entry of entriesIn(folder)) {
    if (!/^[0-9a-f]{2}$/.test(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield path;
    else damaged(path, 'a folder should stand in its place');
  }
}

/** As messages about damage begin. */
export function withoutCapital(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/**
 * @param options.link whether it may be a link to a folder: a user may lay a folder of the cache on another disk
 * @returns what is wrong with what stands in a folder's place; undefined where nothing does
 */
export function problemOfFolder(path: string, { link = false } = {}): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  const isFolder = found === undefined || found.isDirectory() || (link && leadsToFolder(path));
  return isFolder ? undefined : 'a folder should stand in its place';
}

function leadsToFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // it leads nowhere
  }
}
