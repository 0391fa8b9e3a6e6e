/** The project's own study with every step of its DAG written out, for tests that change steps. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../src/base/package-root.ts';

export async function writtenOutStudy(): Promise<Record<string, unknown>> {
  const read = async (name: string) => JSON.parse(await readFile(join(packageRoot, name), 'utf8')) as object;
  return { ...(await read('pipeline.json')), dag: await read('templates/standard-dag.json') };
}
