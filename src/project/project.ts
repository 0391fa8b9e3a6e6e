/** Opening a study: its declaration for a profile, its DAG, and the cache with what is known of each node. */
import { dirname } from 'node:path';
import { applyAcceptances, readAcceptances } from '../cache/accepted-code.ts';
import type { Failure } from '../base/failure.ts';
import { Cache } from '../cache/cache.ts';
import type { Damage } from '../cache/damaged.ts';
import { latestFailures, readHistory } from '../cache/run-history.ts';
import { StudyState, studyFolder } from '../cache/study-state.ts';
import type { Dag } from '../engine/dag-builder.ts';
import { plan, type Plan } from '../engine/plan.ts';
import { StageLoader } from '../engine/stage-loader.ts';
import { movedModel } from '../model/model-name.ts';
import { buildDag } from '../pipeline/build-dag.ts';
import { effectiveOverrides } from '../pipeline/effective-overrides.ts';
import { loadStudy, type Study } from '../pipeline/study.ts';
import { locate, type ProjectOptions } from './location.ts';
import { variantOf } from './report-place.ts';

export interface Project {
  study: Study;
  stages: StageLoader;
  dag: Dag;
  cache: Cache;
  /** What this study remembers in the cache. */
  state: StudyState;
}

/**
 * Opens it as it is. Nothing is made: whoever is going to write prepares the cache (`Cache.prepare`).
 * @throws SwpError for everything that a user can get wrong
 */
export async function openProject(options: ProjectOptions): Promise<Project> {
  const { path, cache: directory } = locate(options);
  const { study, stages } = await openDeclaration(options);
  const accepted = readAcceptances(studyFolder(directory, path));
  const cache = Cache.at(directory);
  const dag = await buildDag(study, stages, (stage, work) => applyAcceptances(accepted, stage, work));
  return { study, stages, dag, cache, state: await StudyState.open(cache, path, variantOf(study)) };
}

/**
 * What pipeline.json declares for a profile, without its DAG and without a cache.
 * @throws SwpError for everything that a user can get wrong
 */
export async function openDeclaration(options: ProjectOptions): Promise<Pick<Project, 'study' | 'stages'>> {
  const { path, profile, overrides, declaration } = locate(options);
  const stages = StageLoader.installed(dirname(path));
  const study = await loadStudy({
    path,
    ...(declaration !== undefined && { declaration }),
    ...(profile !== undefined && { profile }),
    overrides,
    loader: stages,
  });
  // A device that is the declared one makes no other study.
  return { study: { ...study, overrides: effectiveOverrides(study) }, stages };
}

/** A failure is remembered over so many runs that did something. */
const RECENT_RUNS = 20;

function repairText({ path, message, aside }: Damage): Failure {
  return {
    kind: 'content',
    path,
    message: `${message.charAt(0).toUpperCase()}${message.slice(1)}`,
    remedy: `It was written anew; what was there is kept as ${aside}.`,
  };
}

/** Models that are not where the study says, and where they are instead. */
function movedModels({ experiments, root }: Study): [name: string, place: string][] {
  const names = new Set(experiments.map(({ model }) => model));
  return [...names].flatMap((name) => {
    const place = movedModel(name, root);
    return place === undefined ? [] : [[name, place]];
  });
}

function moveText([name, place]: [string, string]): Failure {
  return {
    kind: 'content',
    path: name,
    message: `The model is not there; ${place} has the same weights, by their SHA-256, and is used`,
    remedy: 'Correct "model" in pipeline.json.',
  };
}

/** What is there and what is missing, as it is now; nodes that failed in a recent run say so. */
export async function planProject({ dag, cache, state, study, stages }: Project): Promise<Plan> {
  const planned = await plan(dag, cache, state);
  planned.warnings.unshift(
    ...stages.warnings,
    ...cache.repaired.map(repairText),
    ...state.damages,
    ...movedModels(study).map(moveText),
  );
  const failures = latestFailures(readHistory(studyFolder(cache.directory, study.path), RECENT_RUNS));
  for (const node of planned.nodes.values()) {
    const failed = node.state === 'missing' || node.state === 'stale' ? failures.get(node.node.key) : undefined;
    if (failed !== undefined && node.reason.kind !== 'invalidated')
      node.reason = {
        kind: 'failed',
        message: 'message' in failed.failure ? failed.failure.message : failed.failure.kind,
        at: failed.at,
      };
  }
  return planned;
}
