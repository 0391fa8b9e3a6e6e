/**
 * Makes the virtual artifacts of a bundle of what they are made of, as far as that is there: masks are in most bundles,
 * and the files of a published model may be on this machine. What is made has to have the recorded digests.
 */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { SwpError } from '../base/failure.ts';
import type { Cache } from '../cache/cache.ts';
import type { CacheRecord, RecordedArtifact } from '../cache/record.ts';
import { makeArtifact } from '../engine/make-artifact.ts';
import { placeArtifact } from '../engine/prepare-job.ts';
import { StageLoader } from '../engine/stage-loader.ts';
import { sourceFileName } from '../model/stand-in.ts';
import type { Source } from './attach-sources.ts';
import type { CheckResult, Finding } from './finding.ts';
import type { Manifest } from './manifest.ts';

/**
 * @param cache the unpacked bundle
 * @param sources files of models that are there, by digest
 */
export async function checkWeights(
  { places }: Manifest,
  records: ReadonlyMap<string, CacheRecord>,
  cache: Cache,
  sources: ReadonlyMap<string, Source>,
): Promise<CheckResult> {
  for (const { sha256, isThere } of sources.values())
    if (isThere) cache.declareExternal({ sha256, path: join(cache.directory, sourceFileName(sha256)) });
  const placeOfKey = new Map(Object.entries(places).map(([place, key]) => [key, place]));
  const stages = StageLoader.installed();
  const findings: Finding[] = [];
  const seen = new Set<string>();
  let made = 0;
  for (const { key, artifacts } of records.values())
    for (const [name, artifact] of Object.entries(artifacts)) {
      if (artifact.madeOf === undefined || seen.has(artifact.sha256) || !isOfSources(artifact)) continue;
      seen.add(artifact.sha256);
      if (!cache.hasArtifact(artifact)) continue;
      const message = await problemOf(artifact, cache, stages);
      if (message === undefined) made++;
      else findings.push({ check: 'weights', where: placeOfKey.get(key) ?? key, message: `its "${name}": ${message}` });
    }
  const left = seen.size - made - findings.length;
  const ofOthers = left > 0 ? `; ${left} ${left === 1 ? 'is' : 'are'} made of what is not there` : '';
  return {
    findings,
    said:
      made === 0
        ? []
        : [
            `${made} ${made === 1 ? 'artifact' : 'artifacts'} of weights made again of the model's files and the bundled masks: the same bits${ofOthers}`,
          ],
  };
}

/** Whether a file outside of the cache is among what it is made of. */
function isOfSources({ external, madeOf }: RecordedArtifact): boolean {
  return external === true || Object.values(madeOf?.parts ?? {}).some(isOfSources);
}

async function problemOf(artifact: RecordedArtifact, cache: Cache, stages: StageLoader): Promise<string | undefined> {
  const folder = await cache.scratch.node();
  try {
    await cache.verify(artifact);
    const newName = (extension: string) => join(folder, `${randomBytes(8).toString('hex')}${extension}`);
    const from = await placeArtifact(cache.locate(artifact), stages, newName);
    await makeArtifact(from, newName('.made'));
    return undefined;
  } catch (error) {
    if (!(error instanceof SwpError)) throw error;
    return error.message;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
