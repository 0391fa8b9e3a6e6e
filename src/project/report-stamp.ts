/**
 * What a rendered report was made of, and which files it has: `.made-of` in its folder. A file that was changed, cut
 * off or removed since is rendered again.
 */
import { lstatSync, renameSync, rmSync, statSync, type Stats } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { replaceFile } from '../base/atomic-file.ts';
import { digestFile } from '../base/digest.ts';
import { stampIfThere } from '../base/file-stamp.ts';
import type { JsonObject } from '../base/json.ts';
import { readRegularText } from '../base/regular-file.ts';
import { sealedJson } from '../base/sealed-json.ts';
import { NOTE_VERSION, readNote } from '../cache/note.ts';
import { problemOfFile } from '../cache/stored-text.ts';

/** The file's name. */
export const NAME = '.made-of';

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
 * To be called before the first file is put there: half a report must not pass for a whole one, and what stands in the
 * place of a file or of its folder must not keep it from being written. It gets another name beside.
 * @param digests of the files that are to come, by name
 * @returns names of the files of the report that stands there
 */
export async function beginReport(folder: string, digests: Record<string, string>): Promise<string[]> {
  const before = readStamp(folder)?.files ?? {};
  rmSync(join(folder, NAME), { recursive: true, force: true });
  const coming = Object.entries(digests).map(([name, sha256]) => [name, { sha256, stamp: '' }]);
  await writeStamp(folder, {
    madeOf: '',
    files: { ...before, ...(Object.fromEntries(coming) as ReportStamp['files']) },
  });
  const folders = new Set(Object.keys(digests).map((name) => dirname(name)));
  for (const name of folders) putOutOfTheWay(join(folder, name), (found) => found.isDirectory());
  for (const name of Object.keys(digests)) putOutOfTheWay(join(folder, name), (found) => found.isFile());
  return Object.keys(before);
}

/**
 * A link to what belongs there is one that somebody laid for a purpose.
 * @param belongs whether that is what is to be there
 */
function putOutOfTheWay(path: string, belongs: (found: Stats) => boolean): void {
  let isInTheWay;
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    isInTheWay = found !== undefined && !belongs(found);
  } catch {
    isInTheWay = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false; // it leads in a circle
  }
  if (isInTheWay) renameSync(path, `${path}.${randomBytes(4).toString('hex')}`);
}

/**
 * @param madeOf empty for a report that is to be rendered again
 * @param digests of the files that are there now, by name
 */
export async function endReport(folder: string, madeOf: string, digests: Record<string, string>): Promise<void> {
  const files = Object.entries(digests).map(([name, sha256]) => {
    return [name, { sha256, stamp: stampIfThere(join(folder, name)) }] as const;
  });
  await writeStamp(folder, { madeOf, files: Object.fromEntries(files) });
}

/** SHA-256 of files by name. */
export async function digestsOf(folder: string, names: readonly string[]): Promise<Record<string, string>> {
  const digests = names.map(async (name) => [name, (await digestFile(join(folder, name))).sha256] as const);
  return Object.fromEntries(await Promise.all(digests));
}

/** Names of the files with which a report was rendered; undefined where none is. */
export function reportFiles(folder: string): string[] | undefined {
  const stamp = readStamp(folder);
  return stamp && Object.keys(stamp.files);
}

async function writeStamp(folder: string, stamp: ReportStamp): Promise<void> {
  await replaceFile(join(folder, NAME), sealedJson({ version: NOTE_VERSION, ...stamp }));
}

/** Whether a report is there: one of swp 0.1.0, too, whose stamp names what it was made of and nothing else. */
export function isReport(folder: string): boolean {
  if (readStamp(folder) !== undefined) return true;
  try {
    return /^[0-9a-f]{64} [0-9a-f]+\n?$/.test(readRegularText(join(folder, NAME)));
  } catch {
    return false;
  }
}

/** Others may have written it in a folder that is shared: names that lead elsewhere count as none. */
function readStamp(folder: string): ReportStamp | undefined {
  const note = readNote(join(folder, NAME));
  if (note.kind !== 'whole') return undefined;
  const { madeOf, files } = note.value as JsonObject & ReportStamp;
  const named = Object.entries(files ?? {}).filter(([name]) => /^(figures\/)?[A-Za-z0-9][\w.-]*$/.test(name));
  return { madeOf, files: Object.fromEntries(named) };
}

async function hasDigest(path: string, sha256: string): Promise<boolean> {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined || problemOfFile(path) !== undefined) return false;
  return (await digestFile(path)).sha256 === sha256;
}
