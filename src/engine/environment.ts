/**
 * Where and with what a node ran: kept in its record, never in a key or an artifact. It lets a comparison that spans
 * several machines or versions be seen as such.
 */
import { execFile } from 'node:child_process';
import { arch, cpus, hostname, platform, release } from 'node:os';
import { promisify } from 'node:util';
import { packageVersion } from '../base/package-root.ts';
import type { JsonObject } from '../base/json.ts';

/**
 * @param root the project whose git commit is recorded; without git, or outside a repository, `git` is null
 * @param libraries versions of what stages compute with
 */
export async function collectEnvironment(root: string, libraries: JsonObject): Promise<JsonObject> {
  return {
    node: process.versions.node,
    swp: packageVersion(),
    ...libraries,
    platform: platform(),
    release: release(),
    arch: arch(),
    cpu: processorModel(),
    cpus: cpus().length,
    host: hostname(),
    git: await gitState(root),
  };
}

/** The processor as records name it: times are compared between records of the same one. */
export function processorModel(): string | null {
  return cpus()[0]?.model.trim() ?? null;
}

/** Commit and whether there are uncommitted changes; null without git, or outside a repository. */
export async function gitState(root: string): Promise<JsonObject | null> {
  const git = async (...args: string[]) => (await promisify(execFile)('git', args, { cwd: root })).stdout.trimEnd();
  try {
    const commit = await git('rev-parse', 'HEAD');
    return { commit, dirty: (await git('status', '--porcelain', '--untracked-files=no')) !== '' };
  } catch {
    return null;
  }
}
