/** Looks for damage in the cache and in what a study has made of it, and recomputes nodes to compare. */
import { Cache } from '../cache/cache.ts';
import { isCache } from '../cache/layout.ts';
import { verifyCache, type Verification, type VerificationProgress } from '../verify/verify-cache.ts';
import { SwpError, type Failure } from '../base/failure.ts';
import type { Plan, PlannedState } from '../engine/plan.ts';
import { StageLoader } from '../engine/stage-loader.ts';
import { recomputeNodes, type Recomputed } from '../verify/recompute.ts';
import { localExecutor, nodeEnvironment } from './local-executor.ts';
import { locate, type ProjectOptions } from './location.ts';
import { selectPlanned } from './nodes.ts';
import { openProject, planProject, type Project } from './project.ts';
import { changedReportFile } from './report-stamp.ts';
import { putResultsAside, reportFolder, resultsKey } from './study-report.ts';

/** @param share of the artifacts that is hashed, from 0 to 1; every record is read */
export async function verifyCacheOf(
  options: ProjectOptions,
  share: number,
  progress: (progress: VerificationProgress) => void,
): Promise<Verification> {
  const installed = new Set(StageLoader.installed().names());
  const { cache: directory } = locate(options);
  const cache = isCache(directory) ? await Cache.open(directory) : Cache.at(directory);
  return verifyCache(cache, { share, installed, progress });
}

/** What a study has made of the cache: its results, and the report of them. */
export interface StudyVerification {
  /** The node that gathers the results, run again; absent where the study has none that is cached. */
  results?: Recomputed;
  /** Where the records of results lie that were to be healed, and came out different. */
  aside?: string[];
  /** A file of the report that is not as it was rendered. */
  changedReportFile?: string;
  /** Why the study could not be planned: then nothing is known of these. */
  failure?: Failure;
}

/**
 * @param tolerance as of `recompute`
 * @param heal put the record of different results aside, so that a run makes them again
 */
export async function verifyStudy(
  options: ProjectOptions,
  tolerance: number,
  heal: boolean,
): Promise<StudyVerification> {
  try {
    const project = await openProject(options);
    const planned = await planProject(project);
    const key = resultsKey(project);
    const node = key === undefined ? undefined : planned.nodes.get(key);
    const results =
      node?.state === 'cached' ? (await runAgain(project, planned, [node], tolerance, () => {}))[0] : undefined;
    const isWrong = results?.verdict === 'different' && results.failed === undefined;
    const aside = heal && isWrong && node?.record !== undefined ? await putResultsAside(project, node.record) : [];
    const changed = await changedReportFile(reportFolder(project));
    return {
      ...(results && { results }),
      ...(aside.length > 0 && { aside }),
      ...(changed !== undefined && { changedReportFile: changed }),
    };
  } catch (error) {
    // The study may be in disorder; what is wrong with the command line is for whoever typed it.
    if (!(error instanceof SwpError) || error.failure.kind === 'usage') throw error;
    return { failure: error.failure };
  }
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
  return runAgain(project, planned, selectPlanned(planned, words), tolerance, tell);
}

async function runAgain(
  project: Project,
  planned: Plan,
  nodes: readonly PlannedState[],
  tolerance: number,
  tell: (result: Recomputed) => void,
): Promise<Recomputed[]> {
  const environment = await nodeEnvironment(project.study.root);
  const executor = localExecutor({ jobs: 1 });
  try {
    return await recomputeNodes(project, planned, nodes, { executor, environment, tolerance }, tell);
  } finally {
    await executor.close();
  }
}
