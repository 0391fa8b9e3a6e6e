/** Under which circumstances the nodes behind a study's results ran, as their records tell it. */
import { SwpError } from '../base/failure.ts';
import { originOf, recipeKeys, type Origin } from './origin.ts';
import { readResults } from './read-results.ts';

/** Records read at once. */
const BATCH = 64;

/** Where records are read: a cache, or an unpacked bundle. */
interface RecordSource {
  record(key: string): Promise<{ environment: Record<string, unknown> } | undefined>;
}

/** Records that are gone or damaged are left out: the report says how many nodes it knows of. */
export async function reportOrigin(cache: RecordSource, resultsPath: string): Promise<Origin> {
  const keys = recipeKeys(await readResults(resultsPath));
  const environments: Record<string, unknown>[] = [];
  for (let start = 0; start < keys.length; start += BATCH) {
    const records = await Promise.all(keys.slice(start, start + BATCH).map((key) => recordOrNothing(cache, key)));
    environments.push(...records.flatMap((record) => (record === undefined ? [] : [record.environment])));
  }
  return originOf(environments);
}

async function recordOrNothing(cache: RecordSource, key: string) {
  try {
    return await cache.record(key);
  } catch (error) {
    if (error instanceof SwpError) return undefined;
    throw error;
  }
}
