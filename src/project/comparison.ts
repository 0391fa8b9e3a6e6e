/** Compares two experiments: which parameters differ, where their nodes part, and their metrics. */
import { SwpError } from '../base/failure.ts';
import { differences } from '../base/json-diff.ts';
import { nearestName, quoted } from '../base/nearest-name.ts';
import type { JsonValue } from '../base/json.ts';
import type { Metrics } from '../engine/stage.ts';
import type { PlannedState } from '../engine/plan.ts';
import type { Experiment } from '../pipeline/study.ts';
import { planProject, type Project } from './project.ts';

export interface Comparison {
  experiments: string[];
  seed: number;
  /** How many nodes they have in common, and how many each has. */
  shared: number;
  nodes: number[];
  /** The first place at which their nodes differ; null if none does. */
  partsAt: { step: string; round: number } | null;
  parameters: DifferingParameter[];
  /** Of nodes that are cached and not shared. */
  metrics: { step: string; round: number; a: Metrics; b: Metrics }[];
}

export interface DifferingParameter {
  stage: string;
  path: string;
  before: JsonValue;
  after: JsonValue;
  rounds: number[];
}

/** The nodes of both at one place. */
interface Pair {
  step: string;
  round: number;
  stage: string;
  a?: PlannedState;
  b?: PlannedState;
}

/**
 * @param wanted the seed of the runs to compare; the first that both have if absent
 * @throws SwpError of kind `usage` for an experiment or a seed that is not there
 */
export async function compareExperiments(project: Project, a: string, b: string, wanted?: number): Promise<Comparison> {
  const { steps } = project.study;
  const seed = commonSeed(experimentNamed(project, a), experimentNamed(project, b), wanted);
  const order = new Map(steps.map(({ name }, index) => [name, index]));
  const planned = await planProject(project);
  const pairs = pairUp([...planned.nodes.values()], a, b, seed).sort(
    (x, y) => x.round - y.round || order.get(x.step)! - order.get(y.step)!,
  );
  const parting = pairs.find((pair) => pair.a?.node.key !== pair.b?.node.key);
  return {
    experiments: [a, b],
    seed,
    shared: pairs.filter((pair) => pair.a !== undefined && pair.a.node.key === pair.b?.node.key).length,
    nodes: [pairs.filter((pair) => pair.a).length, pairs.filter((pair) => pair.b).length],
    partsAt: parting === undefined ? null : { step: parting.step, round: parting.round },
    parameters: differingParameters(pairs),
    metrics: pairs
      .filter((pair) => pair.a?.state === 'cached' && pair.b?.state === 'cached' && pair.a.node.key !== pair.b.node.key)
      .map(({ step, round, a: one, b: other }) => ({
        step,
        round,
        a: one!.record!.metrics,
        b: other!.record!.metrics,
      })),
  };
}

/** @throws SwpError of kind `usage` if the profile has no such experiment */
export function experimentNamed({ study }: Project, id: string): Experiment {
  const found = study.experiments.find((experiment) => experiment.id === id);
  if (found !== undefined) return found;
  const ids = study.experiments.map((experiment) => experiment.id);
  throw new SwpError({
    kind: 'usage',
    message: `There is no experiment ${quoted(id)} in profile ${quoted(study.profile.name)}.`,
    expected: `one of ${ids.join(', ')}`,
    suggestion: nearestName(id, ids),
  });
}

function commonSeed(first: Experiment, second: Experiment, wanted: number | undefined): number {
  const seed = wanted ?? first.seeds.find((each) => second.seeds.includes(each));
  if (seed !== undefined && [first, second].every(({ seeds }) => seeds.includes(seed))) return seed;
  throw new SwpError({
    kind: 'usage',
    message: `${first.id} and ${second.id} have no ${seed === undefined ? 'seed in common' : `seed ${seed} both`}.`,
    expected: `a seed of ${first.id} (${first.seeds.join(', ')}) and of ${second.id} (${second.seeds.join(', ')})`,
  });
}

function pairUp(nodes: PlannedState[], a: string, b: string, seed: number): Pair[] {
  const pairs = new Map<string, Pair>();
  for (const planned of nodes)
    for (const { experiment, seed: ofNode, round, step } of planned.node.labels) {
      if (ofNode !== seed || (experiment !== a && experiment !== b)) continue;
      const pair = pairs.get(`${round} ${step}`) ?? { step, round, stage: planned.node.stage.name };
      pairs.set(`${round} ${step}`, {
        ...pair,
        ...(experiment === a && { a: planned }),
        ...(experiment === b && { b: planned }),
      });
    }
  return [...pairs.values()];
}

function differingParameters(pairs: readonly Pair[]): DifferingParameter[] {
  const parameters = new Map<string, DifferingParameter>();
  for (const { a, b, round, stage } of pairs) {
    if (a === undefined || b === undefined) continue;
    for (const { path, before = null, after = null } of differences(a.node.params, b.node.params)) {
      const identity = JSON.stringify([stage, path, before, after]);
      const entry = parameters.get(identity) ?? { stage, path, before, after, rounds: [] };
      if (!entry.rounds.includes(round)) entry.rounds.push(round);
      parameters.set(identity, entry);
    }
  }
  return [...parameters.values()];
}
