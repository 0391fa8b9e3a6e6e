/**
 * What a study's plan came to when everything was there: `studies/SHA/settled-DIGEST.json`. As long as nothing has
 * changed that the plan depends on, and every record and artifact is where it was, the answer is the same, and no plan
 * has to be made to know it.
 *
 * A wrong "all is there" would hide work that has to be done, so whatever is in doubt counts as changed. Records are
 * compared by what stat says: they are only replaced by rename, which gives them another inode.
 */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '../base/json.ts';
import { readStoredText } from './stored-text.ts';
import type { Cache } from './cache.ts';
import { readNote, writeNote } from './note.ts';
import type { CacheRecord } from './record.ts';
import { recordName } from './layout.ts';

export interface SettledPlan {
  /** Everything on which the plan depends that is read anew each time, such as the text of pipeline.json. */
  basis: string;
  /** Stamps of the files that are not read again, by path. */
  watched: Record<string, string>;
  /** What to say when all is there. */
  summary: JsonObject;
}

interface SettledFile extends SettledPlan {
  tombstones: string;
  accepted: string;
  /** Key and stamp of every record. */
  records: [string, string][];
  /** Path relative to the cache, and size, of every artifact that is kept for ever. */
  artifacts: [string, number][];
}

/**
 * @param studyFolder of the study in the cache
 * @param name tells sizes of the study apart
 * @param stampOf a watched file's stamp as it is now
 * @returns what was settled, if nothing has changed since
 */
export function readSettledPlan(
  cache: string,
  studyFolder: string,
  name: string,
  basis: string,
  stampOf: (path: string) => string,
): JsonObject | undefined {
  try {
    const note = readNote(settledPath(studyFolder, name));
    if (note.kind !== 'whole') return undefined;
    const file = note.value as unknown as SettledFile;
    if (
      file.basis !== basis ||
      file.tombstones !== tombstonesOf(studyFolder) ||
      file.accepted !== acceptedIn(studyFolder)
    )
      return undefined;
    for (const [path, stamp] of Object.entries(file.watched)) if (stampOf(path) !== stamp) return undefined;
    for (const [key, stamp] of file.records) if (recordStamp(join(cache, recordName(key))) !== stamp) return undefined;
    for (const [path, bytes] of file.artifacts) if (sizeOf(join(cache, path)) !== bytes) return undefined;
    return file.summary;
  } catch {
    return undefined; // none, or damaged: a plan is made
  }
}

/**
 * Notes that everything is there. A failure to write costs time and nothing else.
 * @param records of every node of the plan
 */
export async function writeSettledPlan(
  cache: Cache,
  studyFolder: string,
  name: string,
  plan: SettledPlan,
  records: Iterable<CacheRecord>,
): Promise<void> {
  const file: SettledFile = {
    ...plan,
    tombstones: tombstonesOf(studyFolder),
    accepted: acceptedIn(studyFolder),
    records: [],
    artifacts: [],
  };
  const artifacts = new Map<string, number>();
  try {
    for (const { key, artifacts: made } of records) {
      file.records.push([key, recordStamp(cache.recordPath(key))]);
      for (const artifact of Object.values(made))
        if (artifact.evictable !== true)
          artifacts.set(cache.artifactPath(artifact).slice(cache.directory.length + 1), artifact.bytes);
    }
    file.artifacts = [...artifacts];
    await writeNote(settledPath(studyFolder, name), file, {
      cache: cache.directory,
      scratch: await cache.scratch.directory(),
      durable: false,
    });
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).code !== 'string' && !('failure' in (error as object))) throw error;
  }
}

function settledPath(studyFolder: string, name: string): string {
  return join(studyFolder, `settled-${createHash('sha256').update(name).digest('hex').slice(0, 16)}.json`);
}

function recordStamp(path: string): string {
  const { size, mtimeMs, ctimeMs, ino } = lstatSync(path);
  return `${size}:${mtimeMs}:${ctimeMs}:${ino}`;
}

function sizeOf(path: string): number | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isFile() ? found.size : undefined;
}

/** Which code counts as which: keys depend on it. Of a list that cannot be read, whoever makes the plan says so. */
function acceptedIn(studyFolder: string): string {
  const text = readStoredText(join(studyFolder, 'accepted.json'), '');
  return text === undefined ? 'none' : createHash('sha256').update(text).digest('hex');
}

/** Which records the study has dismissed: one file each. */
function tombstonesOf(studyFolder: string): string {
  try {
    return createHash('sha256')
      .update(readdirSync(join(studyFolder, 'tombstones')).sort().join())
      .digest('hex');
  } catch {
    return 'none';
  }
}
