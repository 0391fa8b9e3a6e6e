/** What a run would do: the plan, narrowed to what selectors ask for; and how large it is. */
import { expectedRestores, neededNodes, type Wanted } from '../engine/needed-nodes.ts';
import type { Plan, PlannedState } from '../engine/plan.ts';
import { lengthsOf, type Length } from '../engine/trajectory.ts';
import { selectPlanned } from './nodes.ts';
import { planProject, type Project } from './project.ts';
import { resultsKey } from './study-report.ts';

export interface PlannedRun {
  plan: Plan;
  /** The selectors that it was asked for by; none for the whole study. */
  selectors: readonly string[];
  wanted: Wanted;
}

/**
 * With selectors, what the report is made of is gathered besides, over whatever results there are: the report shows
 * those and lists the others as missing.
 */
export async function planRun(project: Project, selectors: readonly string[]): Promise<PlannedRun> {
  const plan = await planProject(project);
  if (selectors.length === 0) return { plan, selectors, wanted: {} };
  const key = resultsKey(project);
  const targets = selectPlanned(plan, selectors).map(({ node }) => node.key);
  return { plan, selectors, wanted: { targets, gather: key === undefined ? [] : [key] } };
}

/** What `swp repro --dry-run` says. */
export interface DryRun {
  /** How many nodes the run would bring up to date. */
  total: number;
  cached: number;
  /** With the reason why each would run. */
  toRun: PlannedState[];
  /** How many nodes would run, by stage. */
  stages: Record<string, number>;
  /** Of the stages that count more than nodes: how much there is to do, and how much it would be without sharing. */
  lengths: Length[];
}

export function dryRun({ plan, wanted }: PlannedRun): DryRun {
  const needed = neededNodes(plan, wanted);
  const restores = expectedRestores(plan, needed);
  const toRun = needed
    .filter(({ node, state }) => state !== 'cached' || restores.has(node.key))
    .map((planned) => ({ ...planned, reason: restores.get(planned.node.key) ?? planned.reason }));
  const stages: Record<string, number> = {};
  for (const { node } of toRun) stages[node.stage.name] = (stages[node.stage.name] ?? 0) + 1;
  return {
    total: needed.length,
    cached: needed.length - toRun.length,
    toRun,
    stages,
    lengths: lengthsOf(toRun.map(({ node }) => node)),
  };
}
