/** Reads what aggregate wrote. The cache has verified the file's digest, so only its kind and version are checked. */
import { SwpError } from '../base/failure.ts';
import { readJsonArtifact } from '../base/json-artifact.ts';
import type { StudyDeclaration } from '../generated/aggregate.ts';
import type { Results } from '../generated/results.ts';

/** The stage whose results a report is made of. An output of another stage may be called `results` and be anything. */
export const RESULTS_STAGE = 'aggregate';

/** Name of the artifact that a report is made of: the output of that stage. */
export const RESULTS_ARTIFACT = 'results';

/** Results with their declaration typed: the schema leaves it open so that aggregate's schema alone describes it. */
export type StudyResults = Omit<Results, 'study'> & { study: StudyDeclaration };

/** @throws SwpError of kind `file` if it cannot be read, of kind `content` if it is not the results of a study */
export async function readResults(path: string): Promise<StudyResults> {
  const remedy = 'Run swp repro, which makes it anew.';
  const results = await readJsonArtifact<Partial<Results> | null>(path, remedy);
  if (results?.version !== 4)
    throw new SwpError({ kind: 'content', path, message: 'This is not the results of a study, version 4.', remedy });
  return results as unknown as StudyResults;
}
