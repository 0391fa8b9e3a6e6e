/**
 * Trajectories: nodes that differ only in how far they go are stops of one computation. They run in order, and each
 * goes on where the one before it, or a checkpoint, has stopped. This only saves work: keys do not depend on it.
 */
import type { CacheRecord } from '../cache/record.ts';
import type { TrajectoryStore } from '../cache/trajectory-store.ts';
import { SwpError } from '../base/failure.ts';
import { addTo } from '../base/groups.ts';
import type { JsonObject } from '../base/json.ts';
import { digestJson } from '../base/digest.ts';
import type { PlannedNode } from './node.ts';
import type { Trajectory } from './stage.ts';

/** A node's place on its trajectory. */
export interface TrajectoryPoint {
  /** Identity of the trajectory: the pre-image without the length, unless what happens depends on that. */
  trajectory: string;
  declared: Trajectory;
  at: number;
}

/** Where a run goes on. */
export interface StartingPoint {
  at: number;
  /** Whether a run that was interrupted left it, and not an earlier stop. */
  interrupted: boolean;
  /** Absolute paths by artifact name. */
  state: Record<string, string>;
}

/**
 * @param preimage of the node's recipe key, for planning, or of its content key, for finding what was computed
 * @returns undefined for a node that is on no trajectory
 */
export function pointOf({ stage, params }: PlannedNode, preimage: JsonObject): TrajectoryPoint | undefined {
  const trajectory = stage.trajectory?.(params);
  if (trajectory === undefined) return undefined;
  const at = params[trajectory.length];
  if (typeof at !== 'number' || !Number.isSafeInteger(at))
    throw new Error(`Stage ${stage.name}: the length "${trajectory.length}" of its trajectory is no whole number.`);
  return { trajectory: trajectoryKey(preimage, trajectory), declared: trajectory, at };
}

function trajectoryKey(preimage: JsonObject, { length, dependsOnLength = false }: Trajectory): string {
  const params = Object.fromEntries(
    Object.entries(preimage.params as JsonObject).filter(([name]) => dependsOnLength || name !== length),
  );
  return digestJson({ ...preimage, record: `${preimage.record as string}-trajectory`, params });
}

interface Stop {
  node: PlannedNode;
  point: TrajectoryPoint;
}

/** The points of a plan, by trajectory, the nearest first. */
function trajectoriesOf(nodes: Iterable<PlannedNode>): Stop[][] {
  const byTrajectory = new Map<string, Stop[]>();
  for (const node of nodes) {
    const point = pointOf(node, node.preimage);
    if (point === undefined) continue;
    addTo(byTrajectory, point.trajectory, { node, point });
  }
  return [...byTrajectory.values()].map((stops) => stops.sort((a, b) => a.point.at - b.point.at));
}

/** For each node that goes on where another one of them stops: that one's key. */
export function chainStops(nodes: Iterable<PlannedNode>): Map<string, string> {
  const before = new Map<string, string>();
  for (const stops of trajectoriesOf(nodes))
    for (const [index, { node }] of stops.slice(1).entries()) before.set(node.key, stops[index]!.node.key);
  return before;
}

/** A stage's work as a length, such as training steps. */
export interface Length {
  stage: string;
  /** The parameter's name. */
  unit: string;
  /** Place by place, as if nothing were shared. */
  asked: number;
  /** Once equal nodes are one, and stops are chained. */
  distinct: number;
}

export function lengthsOf(nodes: Iterable<PlannedNode>): Length[] {
  const byStage = new Map<string, Length>();
  for (const stops of trajectoriesOf(nodes)) {
    const { stage } = stops[0]!.node;
    const length = byStage.get(stage.name) ?? {
      stage: stage.name,
      unit: stops[0]!.point.declared.length,
      asked: 0,
      distinct: 0,
    };
    for (const { point, node } of stops) length.asked += node.labels.length * point.at;
    length.distinct += stops.at(-1)!.point.at;
    byStage.set(stage.name, length);
  }
  return [...byStage.values()];
}

/** What finding a starting point asks of a cache. */
export interface StateSource {
  trajectories: Pick<TrajectoryStore, 'stops' | 'checkpoint'>;
  artifactPath(artifact: CacheRecord['artifacts'][string]): string;
  hasArtifact(artifact: CacheRecord['artifacts'][string]): boolean;
  verify(artifact: CacheRecord['artifacts'][string]): Promise<void>;
}

/**
 * The furthest point before a node's own from which its trajectory can go on.
 * @param point by the content pre-image
 * @param countingRecord a record that counts in this study, whether or not all its artifacts are there
 * @param replaces id of the record that the user dismissed, if this run is to replace one: a checkpoint counts only if
 *   it was made for that, too
 */
export async function startingPoint(
  point: TrajectoryPoint,
  cache: StateSource,
  countingRecord: (key: string) => Promise<CacheRecord | undefined>,
  replaces: string | null,
): Promise<StartingPoint | undefined> {
  const checkpoint = await cache.trajectories.checkpoint(point.trajectory, point.at);
  for (const { at, key } of await cache.trajectories.stops(point.trajectory)) {
    if (at >= point.at) continue;
    if (checkpoint !== undefined && checkpoint.replaces === replaces && checkpoint.at > at) break;
    const record = await countingRecord(key);
    if (record === undefined || !isStop(record, point, at)) continue;
    const state = await stateOf(record, point.declared.state, cache);
    if (state !== undefined) return { at, interrupted: false, state };
  }
  return checkpoint?.replaces === replaces
    ? { at: checkpoint.at, interrupted: true, state: checkpoint.files }
    : undefined;
}

/** A stop's note only helps to find its record: that the state is of this trajectory and length, the record says. */
function isStop({ contentPreimage }: CacheRecord, { trajectory, declared }: TrajectoryPoint, at: number): boolean {
  const params = contentPreimage.params as JsonObject;
  return params[declared.length] === at && trajectoryKey(contentPreimage, declared) === trajectory;
}

/** @returns undefined unless every artifact of the state is there and whole: evicted or damaged ones only cost time */
async function stateOf(
  record: CacheRecord,
  names: readonly string[],
  cache: StateSource,
): Promise<Record<string, string> | undefined> {
  const state: Record<string, string> = {};
  for (const name of names) {
    const artifact = record.artifacts[name];
    if (artifact === undefined || !cache.hasArtifact(artifact)) return undefined;
    try {
      await cache.verify(artifact);
    } catch (error) {
      if (error instanceof SwpError) return undefined;
      throw error;
    }
    state[name] = cache.artifactPath(artifact);
  }
  return state;
}
