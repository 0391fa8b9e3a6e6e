/**
 * A virtual file stands for a large one: it says of which parts that one is made, and in what form. Whoever knows the
 * form reads the parts in its place; for everybody else the large file is made of them.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { fileFailure } from './file-failure.ts';
import type { JsonObject } from './json.ts';

export interface VirtualFile {
  /** How the parts make the file, such as `masked-weights`. */
  form: string;
  /** The stage that declares the form; and its module, for whoever makes the file. */
  stage: string;
  module?: string;
  /** Of the file that it stands for. */
  sha256: string;
  bytes: number;
  /** Absolute paths by name; each may be virtual itself. */
  parts: Record<string, string>;
  /** What the form needs besides the parts. */
  settings?: JsonObject;
}

/** No safetensors file begins so: its header would be larger than any disk. */
const MARK = '{"swp-virtual":1,';

export async function writeVirtualFile(
  path: string,
  { form, stage, module, sha256, bytes, parts, settings }: VirtualFile,
): Promise<void> {
  const text = JSON.stringify({ 'swp-virtual': 1, form, stage, module, sha256, bytes, parts, settings });
  await writeFile(path, text);
}

/**
 * @returns undefined for a file that is none, or cannot be read: whoever reads it meets the error
 * @throws SwpError of kind `file`
 */
export async function readVirtualFile(path: string): Promise<VirtualFile | undefined> {
  if (!beginsWithMark(path)) return undefined;
  try {
    return JSON.parse(await readFile(path, 'utf8')) as VirtualFile;
  } catch (error) {
    throw fileFailure(error, path, 'read');
  }
}

function beginsWithMark(path: string): boolean {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const start = Buffer.alloc(MARK.length);
    return readSync(file, start, 0, start.length, 0) === start.length && start.toString('latin1') === MARK;
  } catch {
    return false;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
