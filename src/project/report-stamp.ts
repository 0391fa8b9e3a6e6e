/**
 * What a rendered report was made of, and which files it has: `.made-of` in its folder. A file that was changed, cut
 * off or removed since is rendered again.
 */
import { lstatSync, renameSync, rmSync, statSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join, relative } from 'node:path';
import { replaceFile } from '../base/atomic-file.ts';
import { digestFile } from '../base/digest.ts';
import { stampIfThere } from '../base/file-stamp.ts';
import type { JsonObject } from '../base/json.ts';
import { sealedJson } from '../base/sealed-json.ts';
import { NOTE_VERSION, readNote } from '../cache/note.ts';
import { problemOfFile } from '../cache/stored-text.ts';

const NAME = '.made-of';

interface ReportStamp {
  /** The results and the renderer. */
  madeOf: string;
  /** Of every file, by its path in the report's folder: as long as the stamp is the same, it need not be read. */
  files: Record<string, { sha256: string; stamp: string }>;
}

/** Whether a report is there, made of this, with every file as it was rendered. */
export async function isRendered(folder: string, madeOf: string): Promise<boolean> {
  const stamp = readStamp(folder);
  if (stamp?.madeOf !== madeOf) return false;
  return (await firstChanged(folder, stamp)) === undefined;
}

/** Path of the first file that is not as it was rendered; undefined if all are, or no report is there. */
export async function changedReportFile(folder: string): Promise<string | undefined> {
  const stamp = readStamp(folder);
  return stamp === undefined ? undefined : firstChanged(folder, stamp);
}

async function firstChanged(folder: string, { files }: ReportStamp): Promise<string | undefined> {
  for (const [name, { sha256, stamp: before }] of Object.entries(files)) {
    const path = join(folder, name);
    // A copy of the folder has other stamps, and the same content.
    if (stampIfThere(path) !== before && !(await hasDigest(path, sha256))) return path;
  }
  return undefined;
}

/**
 * To be called before anything is rendered: half a report must not pass for a whole one, and what stands in a file's
 * place must not keep the file from being written. It gets another name beside.
 */
export function beginReport(folder: string): void {
  const names = Object.keys(readStamp(folder)?.files ?? {});
  rmSync(join(folder, NAME), { recursive: true, force: true });
  for (const name of names) {
    const path = join(folder, name);
    if (isInTheWay(path)) renameSync(path, `${path}.${randomBytes(4).toString('hex')}`);
  }
}

/** Whether something else than a file stands there. A link to a file is one that somebody laid for a purpose. */
function isInTheWay(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === false;
  } catch {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false; // it leads in a circle
  }
}

/** @param files that were written, by path */
export async function endReport(folder: string, madeOf: string, files: readonly string[]): Promise<void> {
  const entries = await Promise.all(
    files.map(async (path) => {
      const stamp = stampIfThere(path);
      return [relative(folder, path), { sha256: (await digestFile(path)).sha256, stamp }] as const;
    }),
  );
  const stamp: ReportStamp = { madeOf, files: Object.fromEntries(entries) };
  await replaceFile(join(folder, NAME), sealedJson({ version: NOTE_VERSION, ...stamp }));
}

function readStamp(folder: string): ReportStamp | undefined {
  const note = readNote(join(folder, NAME));
  return note.kind === 'whole' ? (note.value as JsonObject & ReportStamp) : undefined;
}

async function hasDigest(path: string, sha256: string): Promise<boolean> {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined || problemOfFile(path) !== undefined) return false;
  return (await digestFile(path)).sha256 === sha256;
}
