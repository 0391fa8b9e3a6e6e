/** What a command works on: the study of a profile, its DAG, and the cache with what is known about each node. */
import { dirname } from 'node:path';
import { applyAcceptances, readAcceptances } from '../cache/accepted-code.ts';
import { Cache } from '../cache/cache.ts';
import { latestFailures, readHistory } from '../cache/run-history.ts';
import { StudyState, studyFolder } from '../cache/study-state.ts';
import type { Dag } from '../engine/dag-builder.ts';
import type { NodeState } from '../engine/event.ts';
import type { PlannedNode } from '../engine/node.ts';
import { plan, type Plan, type PlannedState } from '../engine/plan.ts';
import { StageLoader } from '../engine/stage-loader.ts';
import { buildDag } from '../pipeline/build-dag.ts';
import { parseSelector, selectNodes } from '../pipeline/selector.ts';
import { WHOLE_STUDY } from '../pipeline/whole-study.ts';
import { loadStudy, type Study } from '../pipeline/study.ts';
import { locate, type ProjectOptions } from './location.ts';

export interface Project {
  study: Study;
  stages: StageLoader;
  dag: Dag;
  cache: Cache;
  /** What this study remembers in the cache. */
  state: StudyState;
}

/** @throws SwpError for everything that a user can get wrong */
export async function openProject(options: ProjectOptions): Promise<Project> {
  const { path, profile, overrides, cache: directory } = locate(options);
  const stages = StageLoader.installed(dirname(path));
  const study = await loadStudy({ path, ...(profile !== undefined && { profile }), overrides, loader: stages });
  const accepted = readAcceptances(studyFolder(directory, path));
  const [dag, cache] = await Promise.all([
    buildDag(study, stages, (stage, work) => applyAcceptances(accepted, stage, work)),
    Cache.open(directory),
  ]);
  return { study, stages, dag, cache, state: await StudyState.open(cache, path, study.profile.name) };
}

/** A failure is remembered over so many runs that did something. */
const RECENT_RUNS = 20;

export async function planProject({ dag, cache, state, study }: Project): Promise<Plan> {
  const planned = await plan(dag, cache, state);
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

/** The nodes that the words of a selector mean; all of them for no words. */
export function selectPlanned(planned: Plan, words: readonly string[]): PlannedState[] {
  const all = [...planned.nodes.values()];
  if (words.length === 0) return all;
  const selected = new Set(
    selectNodes(
      all.map(({ node }) => node),
      parseSelector(words),
    ),
  );
  return all.filter(({ node }) => selected.has(node));
}

/** The runs that a node serves, e.g. [{ experiment: 'A1', seed: 0 }]; none for a node of the whole study. */
export function runsOf({ labels }: PlannedNode): { experiment: string; seed: number }[] {
  const runs = new Map(
    labels
      .filter(({ experiment }) => experiment !== WHOLE_STUDY)
      .map(({ experiment, seed }) => [`${experiment}/${seed}`, { experiment, seed }]),
  );
  return [...runs.values()];
}

/** A node as `--json` shows it. */
export interface NodeJson {
  key: string;
  stage: string;
  round: number;
  step: string;
  runs: { experiment: string; seed: number }[];
  state: NodeState;
  /** Why it is, or is not, to be run. */
  reason: PlannedState['reason'];
  /** Keys of the nodes that it consumes. */
  inputs: string[];
}

export function nodeJson({ node, state, reason }: PlannedState): NodeJson {
  const [label] = node.labels;
  const gathered = Object.values(node.gathers).flat();
  const inputs = [...Object.values(node.inputs), ...gathered].map(({ key }) => key);
  return {
    key: node.key,
    stage: node.stage.name,
    round: label?.round ?? 0,
    step: label?.step ?? '',
    runs: runsOf(node),
    state,
    reason,
    inputs: [...new Set(inputs)],
  };
}

/** How many nodes are in each state. */
export function countStates(nodes: Iterable<{ state: NodeState }>): Record<NodeState, number> {
  const counts = { cached: 0, missing: 0, stale: 0 };
  for (const { state } of nodes) counts[state]++;
  return counts;
}
