/** Reads what aggregate wrote. The cache has verified the file's digest, so only its kind and version are checked. */
import { readFile } from 'node:fs/promises';
import { SwpError } from '../base/failure.ts';
import { fileFailure } from '../base/file-failure.ts';
import type { StudyDeclaration } from '../generated/aggregate.ts';
import type { Results } from '../generated/results.ts';

/** Results with their declaration typed: the schema leaves it open so that aggregate's schema alone describes it. */
export type StudyResults = Omit<Results, 'study'> & { study: StudyDeclaration };

/** @throws SwpError of kind `file` if it cannot be read, of kind `content` if it is not the results of a study */
export async function readResults(path: string): Promise<StudyResults> {
  const remedy = 'Run swp repro, which makes it anew.';
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw fileFailure(error, path, 'read', remedy);
  });
  const results = parsed(text);
  if (results?.version !== 3)
    throw new SwpError({ kind: 'content', path, message: 'This is not the results of a study, version 3.', remedy });
  return results as unknown as StudyResults;
}

function parsed(text: string): Partial<Results> | undefined {
  try {
    return JSON.parse(text) as Partial<Results>;
  } catch {
    return undefined;
  }
}
