/**
 * The code of a stage that is a program: the files that the patterns under "code" of its manifest name. Their contents
 * enter the key of every node, so a pattern that names no file is an error, told at its place.
 */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, lstatSync, openSync, readFileSync, readSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { SwpError } from '../base/failure.ts';
import { fileFailure, isAbsent, refuseOddFile } from '../base/file-failure.ts';
import { stampIfThere } from '../base/file-stamp.ts';
import { globMatcher } from '../base/glob.ts';
import type { JsonSource } from '../base/json-source.ts';
import { nearestName } from '../base/nearest-name.ts';
import type { StageManifest } from '../generated/stage-manifest.ts';

/** The code of a program. */
export interface ProgramCode {
  /** SHA-256 of the manifest and of every file that it names as code, hexadecimal. */
  fingerprint: string;
  /** Names of the files of code relative to the project's root, sorted. */
  names: string[];
  /**
   * By absolute path, the stamps of the manifest, of these files, and of the folders in which another one may turn up,
   * as they were when the code was hashed.
   */
  stamps: ReadonlyMap<string, string>;
  /** Whether all of it is still what was hashed, for the moment before and after a node runs. */
  isUnchanged(): boolean;
}

const PART_BYTES = 1 << 20;

/** A file that changes more often while it is read is none of code. */
const TRIES = 5;

/** Made by Python of the files beside it, while the program runs. */
const MADE_BY_RUNNING = '__pycache__';

/**
 * @param root the project's root: what the patterns are relative to
 * @param path of the manifest
 * @param source the manifest with the places in it
 * @throws SwpError of kind `study` for a pattern that names no file, or that no pattern can be; `file` or `content` if
 *   a file of the code cannot be read
 */
export function programCode(
  root: string,
  path: string,
  manifest: Pick<StageManifest, 'code'>,
  source: JsonSource,
): ProgramCode {
  const { code = [] } = manifest;
  const list = () => {
    const found = code.map((pattern, index) => new CodePattern(root, pattern, source, index).find());
    const names = [...new Set(found.flatMap(({ files }) => files))].sort();
    const folders = [...new Set(['stages', ...found.flatMap((each) => each.folders)])];
    return { names, files: [path, ...[...names, ...folders].map((name) => join(root, name))] };
  };
  try {
    for (let tries = 0; tries < TRIES; tries++) {
      const { names, files } = list();
      const stamps = new Map(files.map((file) => [file, stampIfThere(file)]));
      const fingerprint = hashOf(root, path, names);
      const isAtRest = () => files.every((file) => stampIfThere(file) === stamps.get(file));
      if (!isAtRest() || list().names.join('\n') !== names.join('\n')) continue; // it changed while it was read
      return {
        ...{ fingerprint, names, stamps },
        isUnchanged: () => isAtRest() || isSame(root, path, manifest, source, fingerprint),
      };
    }
  } catch (error) {
    throw fileFailure(error, join(root, 'stages'), 'read');
  }
  throw new SwpError({
    kind: 'content',
    path,
    message: 'The code that it names keeps changing while it is read',
    remedy: 'Let "code" name no file that a running program writes, such as a log.',
  });
}

/** By content, where a file was touched and not changed. */
function isSame(...[root, path, manifest, source, fingerprint]: [...Parameters<typeof programCode>, string]): boolean {
  try {
    return programCode(root, path, manifest, source).fingerprint === fingerprint;
  } catch {
    return false;
  }
}

function hashOf(root: string, path: string, names: readonly string[]): string {
  const hash = createHash('sha256').update(readFileSync(path));
  for (const name of names) {
    hash.update(`\n${name}\n`);
    hashFile(join(root, name), hash);
  }
  return hash.digest('hex');
}

/**
 * Part by part, since a file may be large.
 * @throws SwpError of kind `content` for a pipe or a device, which reading might never end
 */
function hashFile(path: string, hash: Hash): void {
  const { size } = refuseOddFile(path, 'Put a file there, or name another one in "code" of the manifest.');
  const file = openSync(path, 'r');
  try {
    const part = Buffer.allocUnsafe(Math.min(PART_BYTES, Math.max(1, size)));
    for (let read = readSync(file, part); read > 0; read = readSync(file, part)) hash.update(part.subarray(0, read));
  } finally {
    closeSync(file);
  }
}

/** One entry of "code". */
class CodePattern {
  readonly #root: string;
  readonly #written: string;
  readonly #pattern: string;
  readonly #source: JsonSource;
  readonly #index: number;

  constructor(root: string, written: string, source: JsonSource, index: number) {
    this.#root = root;
    this.#written = written;
    this.#pattern = written.replace(/^(\.\/+)+/, '').replace(/\/{2,}/g, '/');
    this.#source = source;
    this.#index = index;
  }

  /**
   * The files that it names, and the folders on which that depends: names relative to the root.
   * @throws SwpError of kind `study` if there are none
   */
  find(): { files: string[]; folders: string[] } {
    this.#refuseWhatIsNoPattern();
    const kind = this.#pattern === '' ? undefined : kindOf(join(this.#root, this.#pattern));
    if (kind === 'file') return { files: [this.#pattern], folders: [] };
    if (kind === 'folder') {
      const folder = this.#pattern.replace(/\/$/, '');
      throw this.#failure(`"${this.#written}" is a folder.`, `"${folder}/**" for all files in it`);
    }
    const parts = this.#pattern.split('/');
    const firstGlob = parts.findIndex((part) => /[*?[{\\]/.test(part));
    const isGlob = firstGlob !== -1;
    const base = parts.slice(0, isGlob ? firstGlob : -1).join('/');
    if (isGlob && base === '' && parts.includes('**'))
      throw this.#failure(
        `"${this.#written}" means files of the whole project, of its cache, too.`,
        'a pattern that begins with a folder, such as "stages/**"',
      );
    const depth = parts.includes('**') ? Infinity : parts.length - parts.slice(0, Math.max(0, firstGlob)).length;
    const { files, folders } = entriesUnder(this.#root, base, isGlob ? depth : 1);
    const matches = globMatcher(this.#pattern);
    const found = isGlob ? files.filter(matches) : [];
    if (found.length === 0) throw this.#failure(...this.#nothing(files));
    return { files: found, folders };
  }

  #refuseWhatIsNoPattern(): void {
    if (/^!(?!\()/.test(this.#pattern))
      throw this.#failure(
        `"${this.#written}" would mean every file but some.`,
        'patterns of the files that are code: none is taken out by another',
      );
    if (/^([/~]|[A-Za-z]:)/.test(this.#pattern) || this.#pattern.split('/').includes('..'))
      throw this.#failure(
        `"${this.#written}" leads out of the project.`,
        'a file of the project; a link in it may lead elsewhere, and counts by what it leads to',
      );
  }

  /** @param near files in whose place it may have been meant */
  #nothing(near: readonly string[]): [string, string, string | undefined] {
    const suggestion = nearestName(this.#pattern, [...near, ...entriesUnder(this.#root, 'stages', Infinity).files]);
    return [`"${this.#written}" matches no file.`, 'the files of the program, relative to pipeline.json', suggestion];
  }

  #failure(message: string, expected: string, suggestion?: string): SwpError {
    const at = this.#source.at(['code', this.#index]).locate();
    return new SwpError({ kind: 'study', at, message, expected, ...(suggestion !== undefined && { suggestion }) });
  }
}

/** A link counts as what it leads to; one that leads nowhere is a file that cannot be read. */
function kindOf(path: string): 'file' | 'folder' | undefined {
  try {
    lstatSync(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
  try {
    return statSync(path).isDirectory() ? 'folder' : 'file';
  } catch {
    return 'file';
  }
}

/**
 * What is in a folder of the project and below it, with names relative to the root. Links to folders are followed; one
 * that leads to a folder above it is not, since it would have no end.
 */
function entriesUnder(root: string, base: string, depth: number): { files: string[]; folders: string[] } {
  const files: string[] = [];
  const folders: string[] = [];
  const visit = (folder: string, above: readonly string[], left: number): void => {
    const path = join(root, folder);
    let real: string;
    try {
      real = realpathSync(path);
      if (above.includes(real) || !statSync(path).isDirectory()) return;
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code!)) return;
      throw error;
    }
    if (folder !== '') folders.push(folder);
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const name = relative(root, join(path, entry.name));
      const kind = entry.isSymbolicLink() ? kindOf(join(root, name)) : entry.isDirectory() ? 'folder' : 'file';
      if (kind !== 'folder') files.push(name);
      else if (left > 1 && entry.name !== MADE_BY_RUNNING) visit(name, [...above, real], left - 1);
    }
  };
  visit(base, [], depth);
  return { files, folders };
}
