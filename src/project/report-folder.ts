/**
 * Puts a report into its folder. It is rendered aside, in a folder of this process within, and moved into place when it
 * is whole: a disk that is full, Ctrl-C or a figure that takes long leave the report that stands there as it is. What
 * is in the folder besides, such as notes of a person or the page of the DAG, stays.
 */
import { lstatSync, readFileSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { makeDirectory, replaceFile } from '../base/atomic-file.ts';
import { SwpError } from '../base/failure.ts';
import { moveTo, removeFile } from '../base/held-folder.ts';
import { isWithin } from '../base/real-path.ts';
import { Scratch } from '../cache/scratch.ts';
import { STANDARD_OUTPUT } from './output-file.ts';
import type { Project } from './project.ts';
import { beginReport, changedReportFile, digestsOf, endReport, isReport, NAME, reportFiles } from './report-stamp.ts';

const ASIDE = '.rendering';
/** Two that end at the same moment may mix: whoever finds that out renders again. */
const ATTEMPTS = 3;
const LAST = 'index.html';

/**
 * @param render writes into the folder that it is given; returns paths in it
 * @param madeOf what it is made of; undefined if what is rendered is incomplete, so that the next run tries again
 * @throws SwpError of kind `file`; what `render` throws: then nothing has changed
 */
export async function publishReport<Rendered extends { files: string[] }>(
  folder: string,
  render: (aside: string) => Promise<Rendered>,
  madeOf: (rendered: Rendered) => string | undefined,
): Promise<Rendered> {
  makeDirectory(folder);
  const scratch = new Scratch(join(folder, ASIDE));
  try {
    for (let attempt = 1; ; attempt++) {
      const aside = join(await scratch.directory(), 'report');
      const rendered = await render(aside);
      const names = rendered.files.map((path) => relative(aside, path));
      const digests = await digestsOf(aside, names);
      const before = await beginReport(folder, digests);
      for (const name of inOrder(names)) await moveIn(join(aside, name), join(folder, name));
      for (const name of before) if (!names.includes(name)) removeFile(join(folder, name));
      await endReport(folder, madeOf(rendered) ?? '', digests);
      if (attempt === ATTEMPTS || (await changedReportFile(folder)) === undefined) return rendered;
    }
  } finally {
    await scratch.clear();
    removeEmpty(join(folder, ASIDE));
  }
}

/** Removes a report in which nobody has changed anything. What is in its folder besides stays. */
export async function removeReport(folder: string): Promise<void> {
  const files = reportFiles(folder);
  if (files === undefined || (await changedReportFile(folder)) !== undefined) return;
  for (const name of [...files, NAME]) removeFile(join(folder, name));
  for (const each of new Set(files.map((name) => dirname(name)).filter((name) => name !== '.')))
    removeEmpty(join(folder, each));
  removeEmpty(folder);
}

/**
 * The folder that a person has chosen for a report.
 * @param output as -o says it, relative to the working folder
 * @throws SwpError of kind `usage` for one in the cache, and for one that holds something else than a report
 */
export function chosenFolder({ cache }: Project, output: string): string {
  const refuse = (message: string, expected: string) => new SwpError({ kind: 'usage', message, expected });
  if (output === STANDARD_OUTPUT) throw refuse('A report is a folder and no text for standard output.', 'a folder');
  const folder = resolve(output);
  if (isWithin(cache.directory, folder)) throw refuse(`${folder} is in the cache.`, 'a folder elsewhere');
  refuseForeignFolder(folder);
  return folder;
}

/** @throws SwpError of kind `usage` for a folder that holds something else than a report */
export function refuseForeignFolder(folder: string): void {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found === undefined || isReport(folder)) return;
  if (found.isDirectory() && readdirSync(folder).every((name) => name === ASIDE)) return;
  throw new SwpError({
    kind: 'usage',
    message: found.isDirectory()
      ? `${folder} holds other things than a report.`
      : `${folder} is a file, and a report is a folder.`,
    expected: 'a folder that is empty, not there yet, or has a report of swp',
  });
}

/** The page that links to all others comes last. */
function inOrder(names: readonly string[]): string[] {
  return [...names].sort((a, b) => Number(a === LAST) - Number(b === LAST));
}

/** A link of one's own in a file's place is written through, as `replaceFile` does it. */
async function moveIn(source: string, path: string): Promise<void> {
  makeDirectory(dirname(path));
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isFile())
    try {
      return moveTo(source, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error; // its folder may be a link to another disk
    }
  await replaceFile(path, readFileSync(source));
}

/** A folder that holds something, or that others are using, stays. */
function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // it is of use to somebody
  }
}
