/** What a run has to do: the nodes, how many units of work each has, and which of these are done already. */
import { producersOf } from '../engine/dag-builder.ts';
import { canonicalJson, type JsonObject, type JsonValue } from '../base/json.ts';
import { expectedRestores, isToRun, neededNodes, type Wanted } from '../engine/needed-nodes.ts';
import { identify } from '../engine/node-identity.ts';
import type { PlannedNode } from '../engine/node.ts';
import type { Plan, PlannedState } from '../engine/plan.ts';
import type { StageDefinition, StageWork } from '../engine/stage.ts';
import { chainStops, pointOf, startingPoint, type StateSource } from '../engine/trajectory.ts';
import type { CacheRecord } from '../cache/record.ts';

export interface Task {
  planned: PlannedState;
  work: StageWork;
  /** Tasks of one group take as long per unit. */
  group: string;
  /** Units that this run has to do; an earlier stop or checkpoint has done the rest. */
  units: number;
  /** Units that an earlier run has done already, in the cache. */
  resumed: number;
}

export interface Workload {
  /** Nodes that the run looks at. */
  total: number;
  /** How many of them cannot run. */
  blocked: number;
  /** Producers first. */
  tasks: Task[];
  /** Keys of the tasks that a task waits for. */
  waitsFor: Map<string, string[]>;
}

export interface WorkloadOptions {
  wanted: Wanted;
  cache: StateSource;
  /** The project's root. */
  root: string;
  /** A record that counts in this study. */
  countingRecord(key: string): Promise<CacheRecord | undefined>;
  /** As if nothing were in the cache. */
  fresh?: boolean;
}

/** Runs nothing; reads what trajectories have left in the cache. */
export async function workloadOf(
  plan: Plan,
  { wanted, cache, root, countingRecord, fresh = false }: WorkloadOptions,
): Promise<Workload> {
  const seen = fresh ? emptied(plan) : plan;
  const needed = neededNodes(seen, wanted);
  const restores = expectedRestores(seen, needed);
  const toRun = needed.filter((planned) => isToRun(planned) || restores.has(planned.node.key));
  const running = new Set(toRun.map(({ node }) => node.key));
  const stopBefore = chainStops(
    [...seen.nodes.values()]
      .filter((planned) => running.has(planned.node.key) || hasState(planned))
      .map(({ node }) => node),
  );
  const waitsFor = new Map<string, string[]>();
  const tasks: Task[] = [];
  for (const planned of toRun) {
    const { node } = planned;
    const gathers = existing(node, (key) => running.has(key) || seen.nodes.get(key)?.state === 'cached');
    const work = await workOf({ ...node, gathers }, root);
    const before = stopBefore.get(node.key);
    const chained = before === undefined ? undefined : seen.nodes.get(before);
    const recordOf = (key: string) => (running.has(key) ? undefined : seen.nodes.get(key)?.record);
    const share = await shareDoneBefore(node, { chained, fresh, cache, recordOf, countingRecord });
    const units = work.count * (1 - share);
    tasks.push({
      planned,
      work,
      group: groupOf(node.stage.name, work),
      units,
      resumed: chained !== undefined && running.has(chained.node.key) ? 0 : work.count - units,
    });
    const awaited = [...producersOf(node).map(({ key }) => key), ...(before === undefined ? [] : [before])];
    waitsFor.set(
      node.key,
      awaited.filter((key) => running.has(key)),
    );
  }
  const blocked = needed.filter(({ state }) => state === 'blocked').length;
  return { total: needed.length, blocked, tasks, waitsFor };
}

/**
 * How much a node computes: what its stage says; otherwise one unit, or one per artifact that it gathers.
 * @param root the project's
 */
export function workOf(
  { stage, params, gathers }: Pick<PlannedNode, 'stage' | 'params'> & { gathers: Record<string, readonly unknown[]> },
  root: string,
): StageWork | Promise<StageWork> {
  if (stage.work !== undefined) return stage.work(params, root);
  const gathered = Object.values(gathers).reduce((sum, items) => sum + items.length, 0);
  if (Object.keys(gathers).length > 0) return { unit: 'results', count: Math.max(1, gathered), alike: null };
  return { unit: 'nodes', count: 1, alike: modelOf(stage, params) };
}

/** Of what a node gathers, the artifacts that will be there: it runs without the others. */
function existing({ gathers }: PlannedNode, willBe: (key: string) => boolean): PlannedNode['gathers'] {
  return Object.fromEntries(
    Object.entries(gathers).map(([name, items]) => [name, items.filter(({ key }) => willBe(key))]),
  );
}

/** The key under which times of equal work are collected. */
export function groupOf(stage: string, { unit, alike }: StageWork): string {
  return canonicalJson([stage, unit, alike]);
}

/** The parameter that names what a node works on, if its schema marks one. */
function modelOf({ params: schema }: StageDefinition, params: JsonObject): JsonValue {
  const properties = (schema as { properties?: Record<string, { unit?: string }> }).properties ?? {};
  const name = Object.keys(properties).find((property) => properties[property]!.unit === 'model');
  return name === undefined ? null : (params[name] ?? null);
}

function emptied({ nodes, warnings }: Plan): Plan {
  return {
    nodes: new Map(
      [...nodes].map(([key, planned]) => [
        key,
        planned.state === 'blocked' ? planned : { node: planned.node, state: 'missing', reason: { kind: 'missing' } },
      ]),
    ),
    warnings,
  };
}

/** Whether a later stop of its trajectory can go on from it. */
function hasState({ state, node, evicted = [] }: PlannedState): boolean {
  const names = node.stage.trajectory?.(node.params).state ?? [];
  return state === 'cached' && !names.some((name) => evicted.includes(name));
}

interface DoneBefore {
  /** The stop before it in the plan, if it goes on from one. */
  chained: PlannedState | undefined;
  fresh: boolean;
  cache: StateSource;
  recordOf(key: string): CacheRecord | undefined;
  countingRecord(key: string): Promise<CacheRecord | undefined>;
}

/**
 * The share of a node's work that is done when it starts: by an earlier stop of the plan, or a stop or checkpoint in
 * the cache.
 */
async function shareDoneBefore(
  node: PlannedNode,
  { chained, fresh, cache, recordOf, countingRecord }: DoneBefore,
): Promise<number> {
  const end = pointOf(node, node.preimage)?.at ?? 0;
  if (end <= 0) return 0;
  const reached = chained === undefined ? 0 : pointOf(chained.node, chained.node.preimage)!.at;
  const known = !fresh && producersOf(node).every(({ key }) => recordOf(key) !== undefined);
  const point = known ? pointOf(node, identify(node, recordOf).contentPreimage)! : undefined;
  const found = point === undefined ? undefined : await startingPoint(point, cache, countingRecord, null);
  return Math.min(1, Math.max(reached, found?.at ?? 0) / end);
}
