/** What a run would do: the plan, narrowed to what selectors ask for; and how large it is. */
import type { SwpEvent } from '../engine/event.ts';
import { dryRunExecutor } from '../engine/executors/dry-run-executor.ts';
import { neededNodes, type Wanted } from '../engine/needed-nodes.ts';
import type { Plan, PlannedState } from '../engine/plan.ts';
import { planEvent, run } from '../engine/run.ts';
import { lengthsOf, type Length } from '../engine/trajectory.ts';
import { missingInputs } from './missing-inputs.ts';
import type { MissingInput } from './node-rows.ts';
import { selectPlanned } from './nodes.ts';
import { planProject, type Project } from './project.ts';
import { putDamagedResultsAside, resultsKey } from './study-report.ts';

export interface PlannedRun {
  plan: Plan;
  /** The selectors that it was asked for by; none for the whole study. */
  selectors: readonly string[];
  wanted: Wanted;
  /** What nodes that it asks for lack: these are not run. */
  missing: MissingInput[];
}

/**
 * With selectors, what the report is made of is gathered besides, over whatever results there are: the report shows
 * those and lists the others as missing.
 * @param options.changesNothing leave damaged results where they are: nothing is to run
 */
export async function planRun(
  project: Project,
  selectors: readonly string[],
  { changesNothing = false } = {},
): Promise<PlannedRun> {
  if (!changesNothing) await project.cache.prepare();
  const damages = changesNothing ? [] : await putDamagedResultsAside(project);
  const plan = await planProject(project);
  plan.warnings.unshift(...damages);
  if (selectors.length === 0) return plannedRun(plan, selectors, {});
  const key = resultsKey(project);
  const targets = selectPlanned(plan, selectors).map(({ node }) => node.key);
  return plannedRun(plan, selectors, { targets, gather: key === undefined ? [] : [key] });
}

export function plannedRun(plan: Plan, selectors: readonly string[], wanted: Wanted): PlannedRun {
  return { plan, selectors, wanted, missing: missingInputs(neededNodes(plan, wanted).map(({ node }) => node)) };
}

/** What `swp repro --dry-run` says. */
export interface DryRun {
  /** The event with which the run would begin. */
  event: Extract<SwpEvent, { event: 'plan' }>;
  /** With the reason why each would run, producers first. */
  toRun: PlannedState[];
  /** Of the stages that count more than nodes: how much there is to do, and how much it would be without sharing. */
  lengths: Length[];
}

/** Runs with an executor that computes nothing. Changes nothing in the cache. */
export async function dryRun({ dag, cache, state, stages }: Project, { plan, wanted }: PlannedRun): Promise<DryRun> {
  const { total, blocked, wouldRun } = await run({
    ...wanted,
    dag,
    cache,
    study: state,
    stages,
    plan,
    executor: dryRunExecutor,
    environment: async () => ({}),
    emit: () => {},
    signal: new AbortController().signal,
  });
  const lengths = lengthsOf(wouldRun.map(({ node }) => node));
  return { event: planEvent(total, wouldRun, blocked), toRun: wouldRun, lengths };
}
