/** Prepares a node's work for an executor: paths of what it consumes and of what it makes. */
import { randomBytes } from 'node:crypto';
import { linkSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { writeVirtualFile } from '../base/virtual-file.ts';
import { SwpError } from '../base/failure.ts';
import { fileFailure, isAbsent } from '../base/file-failure.ts';
import type { Cache } from '../cache/cache.ts';
import type { LocatedArtifact } from '../cache/artifact-store.ts';
import type { CacheRecord } from '../cache/record.ts';
import type { PreparedJob } from './executor.ts';
import { artifactOf } from './node-identity.ts';
import type { PlannedNode } from './node.ts';
import type { GatheredArtifact } from './stage.ts';
import type { StageLoader } from './stage-loader.ts';

/** Finds an artifact by its producer's key; undefined for a gathered one that is missing. */
export type FindArtifact = (producer: string, artifact: string) => Promise<LocatedArtifact | undefined>;

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
    return cache.locate(artifact);
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
  const newName = (extension: string) => join(folder, `.input-${pinned++}${extension}`);
  const toMake: NonNullable<PreparedJob['toMake']> = [];
  const pathOf = async (producer: string, artifact: string, input: string) => {
    const found = await findArtifact(producer, artifact);
    if (found === undefined) return undefined;
    const path = await placeArtifact(found, stages, newName, pin);
    if (typeof found === 'string' || 'external' in found || node.stage.inputs[input]?.virtual === true) return path;
    const to = newName(extname(found.file));
    toMake.push({ from: path, to });
    return to;
  };
  const inputs: Record<string, string> = {};
  for (const [name, { key, artifact }] of Object.entries(node.inputs))
    inputs[name] = (await pathOf(key, artifact, name))!;
  const gathered: Record<string, GatheredArtifact[]> = {};
  for (const [name, items] of Object.entries(node.gathers)) {
    gathered[name] = [];
    for (const { key, artifact, label, stage } of items) {
      const path = await pathOf(key, artifact, name);
      gathered[name].push({ label, stage, artifact, key, ...(path !== undefined && { path }) });
    }
  }
  const outputs = Object.entries(node.stage.outputs).map(([name, { file }]) => [name, join(folder, file)] as const);
  return {
    module: stages.modulePath(node.stage.name),
    root: stages.root,
    params: node.params,
    inputs,
    gathered,
    ...(toMake.length > 0 && { toMake }),
    outputs: Object.fromEntries(outputs),
  };
}

/** The files outside of the cache that an artifact is made of. */
export function externalFiles(found: LocatedArtifact): { path: string; sha256: string }[] {
  if (typeof found === 'string') return [];
  if ('external' in found) return [{ path: found.external, sha256: found.sha256 }];
  return Object.values(found.parts).flatMap(externalFiles);
}

/**
 * A path of an artifact, wherever it is: of a virtual one that of a virtual file.
 * @param newName a path that is free, of this extension
 * @param hold makes a file stay
 */
export async function placeArtifact(
  found: LocatedArtifact,
  stages: StageLoader,
  newName: (extension: string) => string,
  hold: (path: string, link: string) => Promise<string> = (path) => Promise.resolve(path),
): Promise<string> {
  if (typeof found === 'string') return hold(found, newName(extname(found)));
  if ('external' in found) return found.external; // it is the user's, may be large, and is never copied
  const parts: Record<string, string> = {};
  for (const [name, part] of Object.entries(found.parts))
    parts[name] = await placeArtifact(part, stages, newName, hold);
  const path = newName('.virtual');
  await writeVirtualFile(path, { ...found, module: stages.modulePath(found.stage), parts });
  return path;
}

/**
 * A hard link to an artifact, so that the file stays while the node runs, even if the artifact is evicted meanwhile; a
 * copy where the file system makes no link, or has too many of them.
 * @returns the path to use
 */
async function pin(path: string, link: string): Promise<string> {
  try {
    linkSync(path, link);
  } catch (error) {
    if (isAbsent(error)) throw fileFailure(error, path, 'read');
    await copyFile(path, link).catch((failed: unknown) => {
      throw fileFailure(failed, path, 'read');
    });
  }
  return link;
}

/**
 * Holds the files from which a trajectory goes on.
 * @returns undefined if one of them is gone
 */
export async function pinState(
  state: Record<string, string>,
  folder: string,
): Promise<Record<string, string> | undefined> {
  const pinned: Record<string, string> = {};
  try {
    for (const [name, path] of Object.entries(state))
      pinned[name] = await pin(path, join(folder, `.state-${randomBytes(4).toString('hex')}${extname(path)}`));
    return pinned;
  } catch (error) {
    if (error instanceof SwpError && error.failure.kind === 'file' && error.failure.code === 'ENOENT') return undefined;
    throw error;
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
