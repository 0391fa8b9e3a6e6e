/**
 * Begins a study: a folder with a pipeline.json that runs, the schema by which editors check it, a README.md and a
 * .gitignore.
 */
import { randomBytes } from 'node:crypto';
import {
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { makeDirectory, replaceFile } from '../base/atomic-file.ts';
import { SwpError } from '../base/failure.ts';
import { fileFailure } from '../base/file-failure.ts';
import { NAME_PATTERN, NAME_RULE } from '../base/json-mistakes.ts';
import { listed } from '../base/listed.ts';
import { quoted } from '../base/nearest-name.ts';
import { packageRoot } from '../base/package-root.ts';
import { SCHEMA_FILE, studySchemaText } from './study-schema.ts';

export interface NewStudy {
  /** Absolute. */
  folder: string;
  /** The study's, in pipeline.json. */
  name: string;
  /** Names of what was written, in the folder. */
  files: string[];
}

const NAME = new RegExp(NAME_PATTERN);
const REMEDY = 'Nothing of the study is there. Put that right, or name another folder: swp init FOLDER.';

/**
 * Writes a study into a folder, which is made if it is not there. All of it or nothing: whatever fails, the folder is
 * as it was.
 * @param folder relative to the working folder
 * @param name the study's; the folder's name if absent
 * @throws SwpError of kind `usage` for a name that is none, or where a file of that name is there already; `file` for
 *   what the system refuses
 */
export function createStudy(folder: string, name?: string): NewStudy {
  const path = resolve(folder);
  if (name !== undefined && !NAME.test(name))
    throw new SwpError({ kind: 'usage', message: `${quoted(name)} cannot be a study's name.`, expected: NAME_RULE });
  const studyName = name ?? nameOf(path);
  const files = contents(studyName);
  try {
    refuseExisting(path, Object.keys(files));
    const made = makeFolder(path);
    try {
      writeAll(path, files);
    } catch (error) {
      for (const each of made) removeIfEmpty(each);
      throw error;
    }
  } catch (error) {
    throw fileFailure(error, path, 'create', REMEDY);
  }
  return { folder: path, name: studyName, files: Object.keys(files) };
}

/**
 * Writes the schema beside a study anew, as this version of swp has it.
 * @param folder the study's
 * @returns absolute path of the schema
 * @throws SwpError of kind `usage` where there is no pipeline.json; `file` for what the system refuses
 */
export async function refreshSchema(folder: string): Promise<string> {
  const root = resolve(folder);
  if (!existsSync(join(root, 'pipeline.json')))
    throw new SwpError({
      kind: 'usage',
      message: `There is no pipeline.json in ${root}.`,
      expected: 'the folder of a study; without --schema, swp init makes one',
    });
  const path = join(root, SCHEMA_FILE);
  try {
    await replaceFile(path, studySchemaText());
  } catch (error) {
    throw fileFailure(error, path, 'write', 'Put that right and run again.');
  }
  return path;
}

/** What is written, by name. pipeline.json comes last: where it is, all of the study is. */
function contents(name: string): Record<string, string> {
  const template = (file: string) => readFileSync(join(packageRoot, 'templates/study', file), 'utf8');
  return {
    [SCHEMA_FILE]: studySchemaText(),
    // npm leaves files called .gitignore out of packages.
    '.gitignore': template('gitignore'),
    'README.md': template('README.md').replace('# my-study', `# ${name}`),
    'pipeline.json': template('pipeline.json').replace('"name": "my-study"', `"name": ${JSON.stringify(name)}`),
  };
}

/** The folder's name, with what a study's name cannot have left out. */
function nameOf(folder: string): string {
  const name = basename(folder)
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+|[-.]+$/g, '')
    .slice(0, 80);
  return NAME.test(name) ? name : 'study';
}

/** @throws SwpError that names everything that is in the way */
function refuseExisting(folder: string, names: readonly string[]): void {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isDirectory())
    throw new SwpError({ kind: 'usage', message: `${folder} is no folder.`, expected: 'a new or an empty folder' });
  const present = names.filter((name) => lstatSync(join(folder, name), { throwIfNoEntry: false }) !== undefined);
  if (present.length === 0) return;
  throw new SwpError({
    kind: 'usage',
    message: `${listed(present)} ${present.length > 1 ? 'are' : 'is'} in ${folder} already, and nothing is overwritten.`,
    expected: `a folder without ${listed(names)}: a new one with swp init FOLDER, or this one once they are moved away`,
  });
}

/** @returns the folders that were not there, the innermost first */
function makeFolder(path: string): string[] {
  const missing: string[] = [];
  for (let each = path; !existsSync(each) && dirname(each) !== each; each = dirname(each)) missing.push(each);
  try {
    makeDirectory(path);
  } catch (error) {
    for (const each of missing) removeIfEmpty(each);
    throw error;
  }
  return missing;
}

/** Everything is on the disk before the first name appears; a name that somebody else takes meanwhile stays theirs. */
function writeAll(folder: string, files: Readonly<Record<string, string>>): void {
  const draft = join(folder, `.swp-init-${randomBytes(8).toString('hex')}`);
  const placed: string[] = [];
  try {
    mkdirSync(draft);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(draft, name), text, { flag: 'wx' });
    for (const name of Object.keys(files)) {
      place(join(draft, name), join(folder, name));
      placed.push(join(folder, name));
    }
  } catch (error) {
    for (const path of placed) rmSync(path, { force: true });
    throw error;
  } finally {
    removeDraft(draft);
  }
}

/** Gives a file its name, if that is free. */
function place(draft: string, path: string): void {
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    // Some file systems have no links.
    try {
      copyFileSync(draft, path, constants.COPYFILE_EXCL);
    } catch (failed) {
      if ((failed as NodeJS.ErrnoException).code !== 'EEXIST') rmSync(path, { force: true });
      throw failed;
    }
  }
}

function removeDraft(draft: string): void {
  try {
    rmSync(draft, { recursive: true, force: true });
  } catch {
    // The study is whole, or what failed is told.
  }
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It was never made, or somebody else put something there meanwhile.
  }
}
