/**
 * What the runs of a study did: `studies/SHA/history/TIME-ID.json`, one file per `swp repro` that had something to do.
 * No result depends on it: a damaged file is passed over.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Failure } from '../base/failure.ts';
import type { JsonObject } from '../base/json.ts';
import { fileFailure, isAbsent } from '../base/file-failure.ts';
import { readNote, writeNote } from './note.ts';
import type { Scratch } from './scratch.ts';

export interface HistoryNode {
  /** E.g. `A1/s0/r2/train`. */
  place: string;
  key: string;
  outcome: 'ran' | 'failed';
  seconds: number;
  failure?: Failure;
  /** Absent in histories of earlier versions. */
  stage?: string;
  /** It was the first of its stage in its worker: it loaded what later ones found loaded. */
  first?: true;
}

/** What a run was expected to take, before it began. */
export interface HistoryEstimate {
  /** From the first node's start to the last one's end. */
  seconds: { estimate: number; lower: number; upper: number };
  jobs: number;
  /** Seconds of all nodes of a stage, one after the other; null where nothing was measured. */
  stages: { stage: string; nodes: number; seconds: number | null }[];
}

export interface HistoryEntry {
  /** ISO 8601. */
  startedAt: string;
  /** Of the nodes, from the first one's start to the last one's end. */
  seconds: number;
  /** What the person waited: with the start of swp and the rendering of the report. */
  waited?: number;
  estimate?: HistoryEstimate;
  profile: string;
  /** The command's selectors. */
  selectors: string[];
  counts: { total: number; cached: number; ran: number; failed: number; blocked: number };
  stopped?: string;
  user: string;
  host: string;
  pid: number;
  git: JsonObject | null;
  nodes: HistoryNode[];
}

/** @throws SwpError of kind `file` */
export async function addToHistory(studyFolder: string, entry: HistoryEntry, scratch: Scratch): Promise<void> {
  const name = `${entry.startedAt.replace(/[:.]/g, '-')}-${randomBytes(3).toString('hex')}.json`;
  const path = join(studyFolder, 'history', name);
  try {
    const cache = dirname(dirname(studyFolder));
    await writeNote(path, entry, { cache, scratch: await scratch.directory(), durable: false });
  } catch (error) {
    throw fileFailure(error, path, 'write');
  }
}

/**
 * @param limit read no more runs than these
 * @returns the newest first
 */
export function readHistory(studyFolder: string, limit = Infinity): HistoryEntry[] {
  const folder = join(studyFolder, 'history');
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw fileFailure(error, folder, 'read');
  }
  return names
    .sort()
    .reverse()
    .slice(0, limit)
    .flatMap((name) => {
      const note = readNote(join(folder, name));
      return 'value' in note && isEntry(note.value) ? [note.value] : [];
    });
}

/** Earlier versions sealed nothing, so that what they wrote is looked at before anything walks through it. */
function isEntry(value: JsonObject | HistoryEntry): value is HistoryEntry & JsonObject {
  const { nodes, counts, selectors, startedAt } = value;
  return (
    typeof startedAt === 'string' &&
    typeof counts === 'object' &&
    counts !== null &&
    Array.isArray(selectors) &&
    Array.isArray(nodes) &&
    nodes.every((node) => {
      const { key, place } = (node ?? {}) as Partial<HistoryNode>;
      return typeof key === 'string' && typeof place === 'string';
    })
  );
}

/** The latest failure of each key that has not come to a result since. */
export function latestFailures(history: readonly HistoryEntry[]): Map<string, { failure: Failure; at: string }> {
  const latest = new Map<string, { failure: Failure; at: string } | undefined>();
  for (const { nodes, startedAt } of history)
    for (const { key, failure } of nodes) if (!latest.has(key)) latest.set(key, failure && { failure, at: startedAt });
  return new Map([...latest].flatMap(([key, found]) => (found === undefined ? [] : [[key, found]])));
}
