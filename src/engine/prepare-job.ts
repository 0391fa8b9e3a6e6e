/** Prepares a node's work for an executor: paths of what it consumes and of what it makes. */
import { linkSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileFailure, isAbsent } from '../base/file-failure.ts';
import type { Cache } from '../cache/cache.ts';
import type { CacheRecord } from '../cache/record.ts';
import type { PreparedJob } from './executor.ts';
import { artifactOf } from './node-identity.ts';
import type { PlannedNode } from './node.ts';
import type { GatheredArtifact } from './stage.ts';
import type { StageLoader } from './stage-loader.ts';

/** Finds the file of an artifact by its producer's key; undefined for a gathered one that is missing. */
export type FindArtifact = (producer: string, artifact: string) => Promise<string | undefined>;

/**
 * Finds artifacts in a cache. Each is checked against its digest.
 * @param recordOf record of a producer; undefined for one whose gathered artifact is missing
 */
export function verifiedArtifacts(cache: Cache, recordOf: (producer: string) => CacheRecord | undefined): FindArtifact {
  return async (producer, name) => {
    const record = recordOf(producer);
    if (record === undefined) return undefined;
    const artifact = artifactOf(record, name);
    await cache.verify(artifact);
    return cache.artifactPath(artifact);
  };
}

/**
 * @param folder an empty directory, for the outputs and for links to the inputs
 * @throws SwpError of kind `content` for an artifact that is damaged
 */
export async function prepareJob(
  node: Pick<PlannedNode, 'stage' | 'params' | 'inputs' | 'gathers'>,
  folder: string,
  stages: StageLoader,
  findArtifact: FindArtifact,
): Promise<PreparedJob> {
  let pinned = 0;
  const pathOf = async (producer: string, artifact: string) => {
    const path = await findArtifact(producer, artifact);
    return path === undefined ? undefined : pin(path, join(folder, `.input-${pinned++}${extname(path)}`));
  };
  const inputs: Record<string, string> = {};
  for (const [name, { key, artifact }] of Object.entries(node.inputs)) inputs[name] = (await pathOf(key, artifact))!;
  const gathered: Record<string, GatheredArtifact[]> = {};
  for (const [name, items] of Object.entries(node.gathers)) {
    gathered[name] = [];
    for (const { key, artifact, label, stage } of items) {
      const path = await pathOf(key, artifact);
      gathered[name].push({ label, stage, artifact, key, ...(path !== undefined && { path }) });
    }
  }
  const outputs = Object.entries(node.stage.outputs).map(([name, { file }]) => [name, join(folder, file)] as const);
  return {
    module: stages.modulePath(node.stage.name),
    params: node.params,
    inputs,
    gathered,
    outputs: Object.fromEntries(outputs),
  };
}

/**
 * A hard link to an artifact, so that the file stays while the node runs, even if the artifact is evicted meanwhile.
 * @returns the path to use
 */
function pin(path: string, link: string): string {
  try {
    linkSync(path, link);
    return link;
  } catch (error) {
    if (isAbsent(error)) throw fileFailure(error, path, 'read');
    return path; // a file system without links, or with too many of them
  }
}

/** What a job on a trajectory knows of its checkpoints. */
export async function prepareCheckpoints(
  folder: string,
  everySeconds: number,
  state: readonly string[],
): Promise<NonNullable<PreparedJob['checkpoints']>> {
  const checkpoints = join(folder, '.checkpoints'); // no output can be called so
  await mkdir(checkpoints);
  return { folder: checkpoints, everySeconds, state };
}
