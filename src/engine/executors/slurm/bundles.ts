/**
 * Cuts what is to run into bundles: a bundle is what one Slurm job works off. Nodes are often seconds long and jobs are
 * not, so by default a bundle is what one run has for itself, and what several runs share is a bundle of those.
 *
 * A bundle only says which nodes a job is for: whether one of them has a result by then, or is being computed by
 * somebody else, the job finds out as every run does. So a node may be in several bundles, and only this has to hold:
 * whatever a bundle needs is in itself, or in what it waits for, or in the cache.
 */
import { canonicalJson, type JsonValue } from '../../../base/json.ts';
import type { PlannedNode } from '../../node.ts';
import { placeOf } from '../../stage.ts';
import { fitToMinutes } from './bundle-length.ts';
import { linkParts, sortedAfter, type LinkedPart } from './bundle-links.ts';
import { nameParts } from './bundle-name.ts';
import { partsOf } from './bundle-parts.ts';
import { BundleWork } from './bundle-work.ts';
import type { Bundling, SlurmSettings } from './settings.ts';

/** @typeParam Settings what a job asks of Slurm; equal settings have equal JSON */
export interface Bundle<Settings extends object = SlurmSettings> {
  /** For people, and for squeue: `A1/s0`, `A1, A2/s0`. No two bundles of a submission have the same. */
  name: string;
  /** Keys, in an order in which they can be computed. */
  nodes: string[];
  /** Where each of the nodes stands, such as `A1/s0/r2/train`: the first of its places, as in a run's events. */
  places: string[];
  settings: Settings;
  /** What its nodes are expected to take, one after the other; null unless that is known of all. */
  seconds: number | null;
  /**
   * What has to end before it starts: bundles of this submission by their index, which is smaller than its own, and
   * elements of live job arrays of earlier ones (`123_4`). What those wait for in turn is not named again.
   */
  after: (number | string)[];
}

export interface CutOptions<Settings extends object> {
  rule: Bundling;
  settingsOf(node: PlannedNode): Settings;
  /**
   * What the settings of such nodes come to for a job that runs these, such as a GPU if one of them needs one; as they
   * are if absent.
   */
  settingsFor?(settings: Settings, nodes: readonly PlannedNode[]): Settings;
  /** What a node is expected to take; undefined if nobody knows. */
  secondsOf(node: PlannedNode): number | undefined;
  /** The element of a live job array that has the node already, such as `123_4`. */
  heldBy?(key: string): string | undefined;
}

/**
 * @param nodes that are to run, producers first
 * @returns those first that Slurm should start first
 */
export function cutIntoBundles<Settings extends object>(
  nodes: readonly PlannedNode[],
  { rule, settingsOf, settingsFor, secondsOf, heldBy = () => undefined }: CutOptions<Settings>,
): Bundle<Settings>[] {
  const work = new BundleWork(nodes, {
    settingsOf: (node) => canonicalJson(settingsOf(node) as unknown as JsonValue),
    secondsOf,
    heldBy,
  });
  const parts = partsOf(work, rule === 'node' ? 'node' : 'run');
  const fitting = typeof rule === 'object' ? fitToMinutes(parts, work, rule.minutes) : parts;
  const linked = inStartingOrder(linkParts(fitting, work));
  const names = nameParts(
    linked.map(({ part }) => part),
    work,
  );
  return linked.map(({ part, nodes: keys, seconds, after }, index) => {
    const members = keys.map((key) => work.nodes.get(key)!);
    const settings = settingsOf(work.nodes.get(part.nodes[0]!)!);
    return {
      name: names[index]!,
      nodes: [...keys],
      places: members.map(({ labels }) => placeOf(labels[0]!)),
      settings: settingsFor?.(settings, members) ?? settings,
      seconds: seconds ?? null,
      after,
    };
  });
}

/**
 * Slurm starts the elements of an array by their index. Bundles that wait for less come first, as their indexes have to
 * be smaller; among those, the ones with most behind them, as in a run on one machine; then in the study's order.
 */
function inStartingOrder(linked: readonly LinkedPart[]): LinkedPart[] {
  const behind = waysBehind(linked);
  const order = [...linked.keys()].sort(
    (a, b) => linked[a]!.depth - linked[b]!.depth || behind[b]! - behind[a]! || a - b,
  );
  const place = new Map(order.map((before, now) => [before, now]));
  return order.map((index) => {
    const { after, ...rest } = linked[index]!;
    return { ...rest, after: sortedAfter(after.map((each) => (typeof each === 'number' ? place.get(each)! : each))) };
  });
}

/** Ways that differ by less than a fifth count as equal: the study's order tells more than such an estimate. */
const STEPS_PER_DOUBLING = 4;

/** In seconds if those are known of all, else in nodes; on a scale of so many steps per doubling. */
function waysBehind(linked: readonly LinkedPart[]): number[] {
  const isKnown = linked.every(({ seconds }) => seconds !== undefined);
  const ways = linked.map(({ seconds, nodes }) => (isKnown ? seconds! : nodes.length));
  const longest = linked.map(() => 0);
  for (const index of [...linked.keys()].reverse()) {
    ways[index]! += longest[index]!;
    for (const before of linked[index]!.after)
      if (typeof before === 'number') longest[before] = Math.max(longest[before]!, ways[index]!);
  }
  return ways.map((way) => Math.round(STEPS_PER_DOUBLING * Math.log2(1 + way)));
}
