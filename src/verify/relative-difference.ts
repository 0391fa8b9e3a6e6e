/** How far apart two artifacts are, value by value: tensors by their L2 norm, numbers in JSON by themselves. */
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { parseBoundedJson } from '../base/bounded-json.ts';
import { readStoredTensors } from '../model/stored-tensors.ts';

/** @returns the largest relative difference of a tensor or a number; Infinity where something else differs */
export async function relativeDifference(before: string, after: string): Promise<number> {
  if (extname(before) === '.safetensors') return ofTensors(before, after);
  if (extname(before) === '.json') return ofValues(await readJson(before), await readJson(after));
  return Infinity;
}

async function ofTensors(before: string, after: string): Promise<number> {
  const [a, b] = [(await readStoredTensors(before)).tensors, (await readStoredTensors(after)).tensors];
  if (a.size !== b.size) return Infinity;
  let worst = 0;
  for (const [name, { data }] of a) {
    const other = b.get(name)?.data;
    if (other?.length !== data.length) return Infinity;
    let [difference, norm] = [0, 0];
    for (let index = 0; index < data.length; index++) {
      difference += (Number(data[index]) - Number(other[index])) ** 2;
      norm += Number(data[index]) ** 2;
    }
    if (difference > 0) worst = Math.max(worst, Math.sqrt(difference / norm));
  }
  return worst;
}

function ofValues(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number')
    return a === b ? 0 : Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b));
  if (isDigest(a) && isDigest(b)) return 0; // names of recipes and contents, not results
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b ? 0 : Infinity;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return Infinity;
  // Not all at once: a list may have more values than a function takes arguments.
  return names.reduce(
    (worst, name) =>
      Math.max(worst, ofValues((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name])),
    0,
  );
}

/** @throws SyntaxError for what is no JSON, or is nested too deeply to walk through */
async function readJson(path: string): Promise<unknown> {
  return parseBoundedJson(await readFile(path, 'utf8'));
}

function isDigest(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}
