/** JSON artifacts: written canonically (RFC 8785 and a newline), so that equal results are equal bytes. */
import { readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import canonicalize from 'canonicalize';
import { SwpError } from './failure.ts';
import { fileFailure } from './file-failure.ts';

/** Files read at once. */
const BATCH = 64;

/** @throws SwpError of kind `not-finite` if a number is not finite: JSON cannot hold it, and nothing is written */
export async function writeJsonArtifact(path: string, value: object): Promise<void> {
  refuseNonFinite(value, basename(path));
  await writeFile(path, `${canonicalize(value)}\n`);
}

/**
 * @param name of the artifact
 * @throws SwpError of kind `not-finite` that names the place of the first number that is none
 */
export function refuseNonFinite(value: object, name: string): void {
  const found = nonFiniteIn(value);
  if (found !== undefined)
    throw new SwpError({
      kind: 'not-finite',
      message: `${name} would say ${found.number} at ${found.path}`,
      remedy:
        'It is not kept. What it is computed from is too large or undefined: look at the weights and losses before.',
    });
}

/** The first number in a value that is not finite, and its place, such as `points[3].loss`. */
function nonFiniteIn(value: unknown): { number: number; path: string } | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : { number: value, path: '' };
  if (typeof value !== 'object' || value === null) return undefined;
  const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
  for (const [name, each] of entries) {
    const found = nonFiniteIn(each);
    if (found === undefined) continue;
    const part = typeof name === 'number' ? `[${name}]` : name;
    const separator = found.path === '' || found.path.startsWith('[') ? '' : '.';
    return { ...found, path: `${part}${separator}${found.path}` };
  }
  return undefined;
}

/**
 * @param remedy what to do where the file cannot be read or is damaged
 * @throws SwpError if the file cannot be read or is not JSON
 */
export async function readJsonArtifact<Content>(path: string, remedy?: string): Promise<Content> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw fileFailure(error, path, 'read', remedy ?? 'Check that the file exists and may be read.');
  });
  try {
    return JSON.parse(text) as Content;
  } catch (error) {
    throw new SwpError({
      kind: 'content',
      path,
      message: `This artifact is not JSON: ${(error as Error).message}`,
      remedy: remedy ?? 'The artifact is damaged; invalidate the node that made it and run again.',
    });
  }
}

/**
 * Reads many artifacts, a bounded number at a time: a study may have tens of thousands.
 * @param items each with the path of its artifact; without one where the node that makes it failed or was not run
 * @returns the same items in the same order, each with what its artifact holds; without content where there is no path
 * @throws SwpError if a file cannot be read or is not JSON
 */
export async function readJsonArtifacts<Item extends { path?: string }, Content>(
  items: readonly Item[],
  signal: AbortSignal,
): Promise<(Item & { content?: Content })[]> {
  const read: (Item & { content?: Content })[] = [];
  for (let start = 0; start < items.length; start += BATCH) {
    signal.throwIfAborted();
    const batch = items.slice(start, start + BATCH);
    const contents = batch.map(({ path }) => (path === undefined ? undefined : readJsonArtifact<Content>(path)));
    for (const [index, content] of (await Promise.all(contents)).entries())
      read.push({ ...batch[index]!, ...(content !== undefined && { content }) });
  }
  return read;
}
