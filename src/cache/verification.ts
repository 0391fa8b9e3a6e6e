/** Verifies a cache: every artifact against its name, every record against its keys. What is damaged is put aside. */
import { readFileSync } from 'node:fs';
import { SwpError } from '../base/failure.ts';
import { digestFile, digestJson } from '../base/digest.ts';
import type { Cache } from './cache.ts';
import { fileFailure } from '../base/file-failure.ts';
import { parseRecord } from './record.ts';
import { artifactFiles, recordFiles } from './layout.ts';

export interface Damage {
  /** Absolute, where it was. */
  path: string;
  /** What is wrong with it. */
  message: string;
  /** Where it lies now; absent for what is missing. */
  aside?: string;
}

export interface Verification {
  records: number;
  artifacts: number;
  bytes: number;
  damages: Damage[];
}

export interface VerificationProgress {
  done: number;
  total: number;
}

/**
 * @param share of the artifacts that is hashed, from 0 to 1: those whose digests begin lowest, so the same ones each
 *   time
 * @throws SwpError of kind `file` if the cache cannot be read
 */
export async function verifyCache(
  cache: Cache,
  share: number,
  progress: (progress: VerificationProgress) => void,
  signal?: AbortSignal,
): Promise<Verification> {
  const result: Verification = { records: 0, artifacts: 0, bytes: 0, damages: [] };
  for (const { path, key } of recordFiles(cache.directory)) verifyRecord(cache, path, key, result);
  const artifacts = artifactFiles(cache.directory).filter(
    (artifact) => parseInt(artifact.sha256.slice(0, 8), 16) / 2 ** 32 <= share,
  );
  const total = artifacts.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { path, sha256: named, bytes } of artifacts) {
    if (signal?.aborted) break;
    const { sha256 } = await digestFile(path);
    result.artifacts++;
    result.bytes += bytes;
    if (sha256 !== named)
      result.damages.push({ path, message: `its SHA-256 is ${sha256}`, aside: cache.moveAside(path) });
    progress({ done: result.bytes, total });
  }
  return result;
}

/** Checks a record's keys, and that the artifacts that it names and that are kept for ever exist. */
function verifyRecord(cache: Cache, path: string, key: string, result: Verification): void {
  result.records++;
  try {
    const record = parseRecord(readFileSync(path, 'utf8'), path, key);
    const wrong =
      digestJson(record.preimage) !== key
        ? 'its key is not the hash of its pre-image'
        : digestJson(record.contentPreimage) !== record.contentKey
          ? 'its content key is not the hash of its content pre-image'
          : undefined;
    if (wrong !== undefined) {
      result.damages.push({ path, message: wrong, aside: cache.moveAside(path) });
      return;
    }
    for (const artifact of Object.values(record.artifacts))
      if (artifact.evictable !== true && !cache.hasArtifact(artifact))
        result.damages.push({
          path: cache.artifactPath(artifact),
          message: `it is missing or cut off, and the record ${key.slice(0, 12)} names it`,
        });
  } catch (error) {
    if (!(error instanceof SwpError) || error.failure.kind !== 'content') throw fileFailure(error, path, 'read');
    result.damages.push({ path, message: error.failure.message, aside: cache.moveAside(path) });
  }
}
