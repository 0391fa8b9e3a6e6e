/** Runs a bundled study again, from its pipeline.json alone, and compares every artifact with the bundled one. */
import type { CacheRecord } from '../cache/record.ts';
import type { Cache } from '../cache/cache.ts';
import type { JsonObject } from '../base/json.ts';
import { compareResults, differsFrom, wholeArtifact, type Compared } from '../verify/recompute.ts';
import type { OpenBundle } from './verify.ts';

export interface RecomputedPlace extends Omit<Compared, 'verdict'> {
  /** Such as A1/s0/r2/train. */
  place: string;
  /** `missing`: this run has no result of it. */
  verdict: Compared['verdict'] | 'missing';
}

/**
 * @param made records of a run of the bundle's study, by place
 * @param cache where that run kept its results
 * @param environment of the nodes of that run
 * @param tolerance as of compareResults
 */
export async function compareWithBundle(
  bundle: OpenBundle,
  made: ReadonlyMap<string, CacheRecord>,
  cache: Cache,
  environment: JsonObject,
  tolerance: number,
): Promise<RecomputedPlace[]> {
  const compared = new Map<string, Promise<Compared>>();
  const places: RecomputedPlace[] = [];
  for (const [place, key] of Object.entries(bundle.verified.manifest.places)) {
    const [before, after] = [bundle.records.get(key), made.get(place)];
    if (before === undefined) continue;
    if (after === undefined) {
      places.push({ place, verdict: 'missing' });
      continue;
    }
    // One node serves many places.
    const pair = `${key} ${after.key}`;
    const comparison =
      compared.get(pair) ??
      compareRecords(before, after, bundle.cache, cache, differsFrom(before, environment), tolerance);
    compared.set(pair, comparison);
    places.push({ place, ...(await comparison) });
  }
  return places;
}

async function compareRecords(
  before: CacheRecord,
  after: CacheRecord,
  bundled: Cache,
  cache: Cache,
  elsewhere: string[],
  tolerance: number,
): Promise<Compared> {
  const made = await Promise.all(
    Object.entries(after.artifacts).map(
      async ([name, artifact]) =>
        [name, { sha256: artifact.sha256, path: await wholeArtifact(cache, artifact) }] as const,
    ),
  );
  return compareResults(
    before,
    (artifact) => wholeArtifact(bundled, artifact),
    { artifacts: Object.fromEntries(made), metrics: after.metrics },
    elsewhere,
    tolerance,
  );
}
