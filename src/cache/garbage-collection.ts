/**
 * Garbage collection by policy. Records, and artifacts that are not evictable, are always kept. Evicted are large
 * artifacts, which are computed again if a node needs them.
 *
 * It is safe while others run: a node that is about to run links what it consumes into its own folder, and what was
 * removed before that is computed again.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { SwpError } from '../base/failure.ts';
import type { Cache } from './cache.ts';
import { fileFailure } from '../base/file-failure.ts';
import { removeFile, removeTree } from '../base/held-folder.ts';
import { createFile } from '../base/regular-file.ts';
import { findLeftovers } from './leftovers.ts';
import { readStoredRecord, type RecordedArtifact, type UnsealedRecord } from './record.ts';
import { artifactFiles, namesIn, recordFiles } from './layout.ts';
import { oldSubmissions } from './old-submissions.ts';
import { rootKeys } from './root-keys.ts';

/** Files that nothing refers to may belong to a run that has not written its record yet. */
const UNREFERENCED_MS = 24 * 3600 * 1000;
/** A checkpoint that no run has resumed for this long is removed. */
const CHECKPOINT_MS = 30 * 24 * 3600 * 1000;

export interface Policy {
  /** Keys whose artifacts are kept. */
  keep: ReadonlySet<string>;
  /** Keys whose artifacts nobody could make again as things are: kept, whatever the rules say. */
  irreplaceable?: ReadonlySet<string>;
  /** Keep what this many of the newest records made. */
  keepLast?: number;
  /** Keep what was finished within this time, in milliseconds. */
  youngerMs?: number;
  /** Evict the oldest of what no rule keeps, and only until all artifacts together take no more bytes. */
  maxBytes?: number;
}

export interface Collected {
  kind: 'evicted' | 'unreferenced' | 'checkpoint' | 'submission' | 'leftover';
  /** Absolute. */
  path: string;
  bytes: number;
}

export interface Collection {
  removed: Collected[];
  /** Leftovers that only their owners, or root, can remove. */
  refused: Collected[];
  /** Artifacts that stay. */
  kept: { files: number; bytes: number };
  /** Records that cannot be read: their artifacts stay. */
  damagedRecords: number;
}

interface Referenced {
  path: string;
  bytes: number;
  evictable: boolean;
  keys: string[];
  /** Latest time at which a record that refers to it was finished. */
  finished: number;
}

/**
 * @param dryRun only say what would go, by this machine's clock: nothing is written, not even to ask the file system's
 * @throws SwpError of kind `file`
 */
export async function collectGarbage(cache: Cache, policy: Policy, dryRun: boolean): Promise<Collection> {
  const { records, damaged } = readRecords(cache);
  const stored = new Map(artifactFiles(cache.directory).map((artifact) => [artifact.path, artifact]));
  const referenced = references(cache, records, stored);
  const now = dryRun ? Date.now() : await fileSystemTime(cache);
  const found: Collected[] = [
    ...evictions(referenced, policy, rootKeys(cache.directory), stored, finishTimes(records)),
  ];
  if (damaged === 0)
    for (const [path, { bytes, mtimeMs }] of stored)
      if (!referenced.has(path) && now - mtimeMs > UNREFERENCED_MS) found.push({ kind: 'unreferenced', path, bytes });
  const inodes = new Map([...stored].map(([path, { inode }]) => [path, inode]));
  found.push(...oldCheckpoints(cache, now, inodes));
  const left = { submission: oldSubmissions(cache.directory, now), leftover: findLeftovers(cache.directory, now) };
  for (const kind of ['submission', 'leftover'] as const)
    for (const { inode, ...each } of left[kind]) {
      found.push({ kind, ...each });
      inodes.set(each.path, inode);
    }
  const [removed, refused]: [Collected[], Collected[]] = [[], []];
  for (const each of found)
    if (dryRun || remove(each, inodes.get(each.path))) removed.push(each);
    else if (each.kind === 'leftover') refused.push(each); // a submission is for its owner to remove
  const gone = new Set(removed.map(({ path }) => path));
  const staying = [...stored].filter(([path]) => !gone.has(path));
  return {
    removed,
    refused,
    kept: { files: staying.length, bytes: staying.reduce((sum, [, { bytes }]) => sum + bytes, 0) },
    damagedRecords: damaged,
  };
}

function evictions(
  referenced: Map<string, Referenced>,
  { keep, irreplaceable = new Set(), keepLast, youngerMs, maxBytes }: Policy,
  rooted: ReadonlySet<string>,
  stored: Map<string, { bytes: number }>,
  finished: ReadonlyMap<string, number>,
): Collected[] {
  const candidates = [...referenced.values()].filter(
    ({ evictable, path, keys }) =>
      evictable && stored.has(path) && !keys.some((key) => keep.has(key) || irreplaceable.has(key)),
  );
  const byRule = keepLast !== undefined || youngerMs !== undefined || keep.size > 0;
  const last = newestRecords(candidates, keepLast ?? 0, finished);
  const isRooted = ({ keys }: Referenced) => keys.some((key) => rooted.has(key));
  const isKept = (candidate: Referenced) =>
    candidate.keys.some((key) => last.has(key)) ||
    (youngerMs !== undefined && Date.now() - candidate.finished < youngerMs) ||
    (!byRule && maxBytes === undefined && isRooted(candidate));
  const evictable = candidates.filter((candidate) => !isKept(candidate));
  const evicted =
    maxBytes === undefined
      ? evictable
      : untilTheyFit(
          evictable.sort((a, b) => Number(isRooted(a)) - Number(isRooted(b)) || a.finished - b.finished),
          stored,
          maxBytes,
        );
  return evicted.map(({ path, bytes }) => ({ kind: 'evicted', path, bytes }));
}

/**
 * Keys of the records that were finished last, of those that have something to evict: one may have weights and moments.
 */
function newestRecords(
  candidates: readonly Referenced[],
  count: number,
  finished: ReadonlyMap<string, number>,
): Set<string> {
  const keys = new Set(candidates.flatMap((candidate) => candidate.keys));
  return new Set([...keys].sort((a, b) => finished.get(b)! - finished.get(a)!).slice(0, count));
}

/** As many of the first ones as have to go. */
function untilTheyFit(
  inOrder: readonly Referenced[],
  stored: Map<string, { bytes: number }>,
  maxBytes: number,
): Referenced[] {
  let total = [...stored.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  return inOrder.filter(({ bytes }) => {
    const isTooMuch = total > maxBytes;
    if (isTooMuch) total -= bytes;
    return isTooMuch;
  });
}

/** Replaced records are kept aside: they refer to their artifacts as well. */
function readRecords(cache: Cache): { records: UnsealedRecord[]; damaged: number } {
  const records: UnsealedRecord[] = [];
  let damaged = 0;
  for (const { path, key } of recordFiles(cache.directory)) {
    try {
      const stored = readStoredRecord(path, key);
      if (stored === undefined) continue; // verify puts damaged ones aside meanwhile
      if ('record' in stored) records.push(stored.record);
      else damaged++; // a later version wrote it: what it refers to is not known
    } catch (error) {
      if (!(error instanceof SwpError) || error.failure.kind !== 'content') throw error;
      damaged++;
    }
  }
  return { records, damaged };
}

/** By key, when its latest record was finished. */
function finishTimes(records: readonly UnsealedRecord[]): Map<string, number> {
  const finished = new Map<string, number>();
  for (const { key, finishedAt } of records)
    finished.set(key, Math.max(finished.get(key) ?? 0, Date.parse(finishedAt) || 0));
  return finished;
}

function references(
  cache: Cache,
  records: readonly UnsealedRecord[],
  stored: Map<string, { bytes: number }>,
): Map<string, Referenced> {
  const referenced = new Map<string, Referenced>();
  for (const { key, artifacts, finishedAt } of records)
    for (const artifact of Object.values(artifacts).flatMap(withParts)) {
      const path = cache.artifactPath(artifact);
      const known = referenced.get(path) ?? {
        path,
        bytes: stored.get(path)?.bytes ?? 0,
        evictable: true,
        keys: [],
        finished: 0,
      };
      known.evictable &&= artifact.evictable === true;
      known.keys.push(key);
      known.finished = Math.max(known.finished, Date.parse(finishedAt) || 0);
      referenced.set(path, known);
    }
  return referenced;
}

/** An artifact and what it is made of in the cache: whoever keeps a virtual one keeps its parts. */
export function withParts(artifact: RecordedArtifact): RecordedArtifact[] {
  if (artifact.external === true) return [];
  return [artifact, ...Object.values(artifact.madeOf?.parts ?? {}).flatMap(withParts)];
}

/** @param inodes is given the checkpoints' */
function oldCheckpoints(cache: Cache, now: number, inodes: Map<string, number>): Collected[] {
  const folder = join(cache.directory, 'trajectories');
  return namesIn(folder).flatMap((shard) =>
    namesIn(join(folder, shard)).flatMap((trajectory) =>
      namesIn(join(folder, shard, trajectory)).flatMap((name): Collected[] => {
        if (!/^checkpoint-\d+$/.test(name)) return [];
        const path = join(folder, shard, trajectory, name);
        // A run may replace its checkpoint, or remove it, at any moment.
        const found = lstatSync(path, { throwIfNoEntry: false });
        if (found === undefined || now - found.mtimeMs < CHECKPOINT_MS) return [];
        inodes.set(path, found.ino);
        const sizes = namesIn(path).map((file) => lstatSync(join(path, file), { throwIfNoEntry: false })?.size ?? 0);
        return [{ kind: 'checkpoint', path, bytes: sizes.reduce((sum, size) => sum + size, 0) }];
      }),
    ),
  );
}

/** The file system's own clock: that of a server may differ from this machine's. */
async function fileSystemTime(cache: Cache): Promise<number> {
  const path = join(await cache.scratch.directory(), randomBytes(8).toString('hex'));
  try {
    const file = createFile(path);
    const { mtimeMs } = fstatSync(file);
    closeSync(file);
    removeFile(path);
    return mtimeMs;
  } catch (error) {
    throw fileFailure(error, path, 'write');
  }
}

/**
 * @param inode what had it when it was listed: another file that a run has put there since stays
 * @returns false if it belongs to another user, who lets nobody remove it
 */
function remove({ kind, path }: Collected, inode: number | undefined): boolean {
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found !== undefined && (inode ?? found.ino) === found.ino) removeTree(path);
    return true;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (kind === 'checkpoint' && code === 'ENOTEMPTY') return true; // somebody keeps a new one in its place
    if ((kind === 'leftover' || kind === 'submission') && ['EACCES', 'EPERM', 'ENOTEMPTY'].includes(code)) return false;
    throw fileFailure(error, path, 'write');
  }
}
