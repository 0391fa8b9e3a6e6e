/**
 * What processes have left behind that were killed and cannot be compared with this one: they ran on another host, in
 * another container, or before this machine was booted. Such a process counts as gone when nothing of it has changed
 * for a day, by the file system's own clock: one that lives shows a sign far more often (scratch.ts, lease-store.ts).
 * What processes of this machine left is swept by whoever starts work next, unless its owner must do it.
 */
import { lstatSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { readableNames } from '../base/readable-names.ts';
import { readRegularText } from '../base/regular-file.ts';
import { namesIn } from './layout.ts';
import { isOfEnded, isOwnSpace } from './process-identity.ts';

const SILENT_MS = 24 * 3600 * 1000;
/** How deep a scratch folder is looked into: `SPACE-PID-STARTED-ID/own/node-ID`. */
const DEPTH = 3;

export interface Leftover {
  /** Absolute: a file, or a folder. */
  path: string;
  bytes: number;
  /** Of the file or folder itself: the next lease of the same name has another one. */
  inode: number;
}

/** @param now by the file system's clock */
export function findLeftovers(cache: string, now: number): Leftover[] {
  const isSilent = ({ mtimeMs }: Stats) => now - mtimeMs > SILENT_MS;
  return [...silentScratch(cache, isSilent), ...silentLeases(join(cache, 'leases'), isSilent)];
}

function silentScratch(cache: string, isSilent: (found: Stats) => boolean): Leftover[] {
  const parent = join(cache, 'tmp');
  return namesIn(parent).flatMap((name): Leftover[] => {
    const path = join(parent, name);
    const all = filesIn(path, DEPTH);
    const isGone = isOwnSpace(name) ? isOfEnded(name) : all.every(isSilent);
    if (!isGone) return [];
    const inode = all[0]?.ino ?? 0;
    return [{ path, inode, bytes: all.reduce((sum, each) => sum + (each.isFile() ? each.size : 0), 0) }];
  });
}

/** Of heartbeats, leases and marks of who was breaking one: what is of a process that has ended or beats no more. */
function silentLeases(leases: string, isSilent: (found: Stats) => boolean): Leftover[] {
  const beats = join(leases, 'holders');
  return namesIn(leases).flatMap((shard) =>
    namesIn(join(leases, shard)).flatMap((name): Leftover[] => {
      const path = join(leases, shard, name);
      const found = lstatSync(path, { throwIfNoEntry: false });
      if (found === undefined) return [];
      const holder = shard === 'holders' ? name : holderOf(path);
      const beat = holder === undefined ? undefined : lstatSync(join(beats, holder), { throwIfNoEntry: false });
      const isGone = (holder !== undefined && isOfEnded(holder)) || (isSilent(found) && (!beat || isSilent(beat)));
      return isGone ? [{ path, inode: found.ino, bytes: found.size }] : [];
    }),
  );
}

function holderOf(lease: string): string | undefined {
  try {
    return /"id":"([0-9a-f-]+)"/.exec(readRegularText(lease))?.[1];
  } catch {
    return undefined; // no lease
  }
}

/** What can be seen of a file or a folder and of what is in it; others may remove it meanwhile. */
function filesIn(path: string, depth: number): Stats[] {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return [];
  return found.isDirectory() && depth > 0
    ? [found, ...readableNames(path).flatMap((name) => filesIn(join(path, name), depth - 1))]
    : [found];
}
