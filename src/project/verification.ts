/** Looks for damage in the cache, and recomputes nodes to compare. */
import { Cache } from '../cache/cache.ts';
import { verifyCache, type Verification, type VerificationProgress } from '../verify/verify-cache.ts';
import { StageLoader } from '../engine/stage-loader.ts';
import { recomputeNodes, type Recomputed } from '../verify/recompute.ts';
import { localExecutor, nodeEnvironment } from './local-executor.ts';
import { locate, type ProjectOptions } from './location.ts';
import { selectPlanned } from './nodes.ts';
import { planProject, type Project } from './project.ts';

/** @param share of the artifacts that is hashed, from 0 to 1; every record is read */
export async function verifyCacheOf(
  options: ProjectOptions,
  share: number,
  progress: (progress: VerificationProgress) => void,
): Promise<Verification> {
  const installed = new Set(StageLoader.installed().names());
  return verifyCache(await Cache.open(locate(options).cache), { share, installed, progress });
}

/**
 * Runs nodes again, publishes nothing, and compares what they make with what is recorded.
 * @param tolerance where the machine or a version is another: largest relative difference of a tensor
 * @param tell is given each result as it comes
 */
export async function recompute(
  project: Project,
  words: readonly string[],
  tolerance: number,
  tell: (result: Recomputed) => void,
): Promise<Recomputed[]> {
  const planned = await planProject(project);
  const environment = await nodeEnvironment(project.study.root);
  const executor = localExecutor({ jobs: 1 });
  const options = { executor, environment, tolerance };
  try {
    return await recomputeNodes(project, planned, selectPlanned(planned, words), options, tell);
  } finally {
    await executor.close();
  }
}
