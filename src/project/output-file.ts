/**
 * Where the option -o, --output of a command leads: the same rules for every command. A path is relative to the working
 * folder; `-` is standard output; folders that are missing are made; what swp did not write is not replaced.
 */
import { closeSync, readSync, statSync, type Stats } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { makeDirectory } from '../base/atomic-file.ts';
import { SwpError } from '../base/failure.ts';
import { fileFailure } from '../base/file-failure.ts';
import { quoted } from '../base/nearest-name.ts';
import { isWithin, realPath } from '../base/real-path.ts';
import { openRegularFile } from '../base/regular-file.ts';
import type { Project } from './project.ts';

/** What --output says for standard output. */
export const STANDARD_OUTPUT = '-';

/** Enough of a file to tell what it is. */
const STARTING_BYTES = 1 << 16;

export interface OutputKind {
  /** Follows "no": what the command writes, such as `.onnx file`. */
  what: string;
  /** How every file of the kind begins, in Latin-1. */
  begins: string;
  /** What of a file's first bytes is to begin so, if it is not these themselves. */
  beginning?(start: Buffer): Buffer;
  /** What the file is called if nobody says so; a path relative to the working folder. */
  name: string;
}

/**
 * The file to write; its folder is there afterwards.
 * @param output what the option says; undefined for the name that the kind has
 * @returns absolute path
 * @throws SwpError of kind `usage` for a place where nothing may be written; of kind `file`
 */
export function outputFile({ study, cache }: Project, output: string | undefined, kind: OutputKind): string {
  const given = output ?? kind.name;
  const path = resolve(given);
  const found = statOf(path);
  if (found?.isDirectory() || /[/\\]$/.test(given))
    throw refusal(given, 'is a folder', `a file, such as ${quoted(join(given, basename(kind.name)))}`);
  if (realPath(path) === realPath(study.path)) throw refusal(given, 'is the study itself', 'another file');
  if (isWithin(cache.directory, path)) throw refusal(given, 'is in the cache', 'a file elsewhere');
  if (found?.isFile() && found.size > 0 && !beginsWith(path, kind))
    throw refusal(given, `is there and is no ${kind.what}: it is not replaced`, 'a new file, or one of that kind');
  try {
    makeDirectory(dirname(path));
  } catch (error) {
    throw fileFailure(error, dirname(path), 'create');
  }
  return path;
}

/**
 * Of commands that write no text.
 * @param isTerminal whether standard output is one
 * @throws SwpError of kind `usage` if the result cannot go to standard output: a terminal would obey what is in it, and
 *   what is said of it in JSON goes there, too
 */
export function checkStandardOutput(options: { output?: string; json?: boolean }, isTerminal: boolean): void {
  if (options.output !== STANDARD_OUTPUT) return;
  if (options.json)
    throw new SwpError({
      kind: 'usage',
      message: '--output - and --json both write to standard output.',
      expected: 'one of them, or a file for --output',
    });
  if (isTerminal)
    throw new SwpError({
      kind: 'usage',
      message: '--output - would write a file that is no text to the terminal.',
      expected: 'a file, or another program that reads it',
    });
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw fileFailure(error, path, 'write');
  }
}

function beginsWith(path: string, { begins, beginning = (start) => start }: OutputKind): boolean {
  const start = Buffer.alloc(STARTING_BYTES);
  try {
    const { file } = openRegularFile(path, { follow: true });
    try {
      readSync(file, start, 0, start.length, 0);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw fileFailure(error, path, 'read');
  }
  const found = beginning(start).toString('latin1', 0, begins.length);
  return found.toLowerCase() === begins.toLowerCase();
}

function refusal(given: string, what: string, expected: string): SwpError {
  return new SwpError({ kind: 'usage', message: `--output ${quoted(given)} ${what}.`, expected });
}
