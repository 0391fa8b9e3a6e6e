/** What the bundles to be take along, and what they wait for. */
import { addTo } from '../../../base/groups.ts';
import { needsFirst } from '../../../base/needs-first.ts';
import type { Part } from './bundle-parts.ts';
import type { BundleWork } from './bundle-work.ts';

/** A part that becomes a bundle. */
export interface LinkedPart {
  part: Part;
  /** Its own and what it takes along: keys, in an order in which they can be computed. */
  nodes: readonly string[];
  /** Undefined unless it is known of all. */
  seconds: number | undefined;
  /**
   * Indexes into the same list, and elements of live job arrays, without those for which one of the others waits
   * anyway.
   */
  after: (number | string)[];
  /** Of how many others, one after the other, it comes after. */
  depth: number;
}

/**
 * What is to be taken along goes into each bundle that needs it, unless the bundle waits for another one that has it.
 * @returns each after those that it waits for
 */
export function linkParts(parts: readonly Part[], work: BundleWork): LinkedPart[] {
  const partOf = new Map(parts.flatMap((part) => part.nodes.map((key) => [key, part] as const)));
  const linked: LinkedPart[] = [];
  const waits = new Waits();
  /** Indexes of the bundles that have a part. */
  const holders = new Map<Part, number[]>();
  const gatheringLast = [...parts].sort((a, b) => Number(a.isGathering) - Number(b.isGathering));
  for (const part of needsFirst(gatheringLast, (part) => producersOf(part, partOf, work))) {
    if (part.isTakenAlong) continue;
    const after = new Set<number | string>();
    const has = new Set([part]);
    const wanted = new Set<Part>();
    // What is added to a set while it is gone through is gone through, too.
    for (const having of has) {
      for (const key of having.nodes) {
        const own = part.isGathering ? work.heldBy(key) : undefined;
        if (own !== undefined) after.add(own);
        for (const needed of work.needs(key)) {
          const producer = partOf.get(needed);
          if (producer === undefined) after.add(work.heldBy(needed)!);
          else if (producer.isTakenAlong && !part.isGathering) wanted.add(producer);
          else if (!has.has(producer)) for (const index of holders.get(producer)!) after.add(index);
        }
      }
      const reached = waits.reachedBy(after);
      for (const each of wanted) if (!holders.get(each)?.some((index) => reached.has(index))) has.add(each);
    }
    for (const each of has) addTo(holders, each, linked.length);
    const nodes = work.inOrder([...has].flatMap(({ nodes }) => nodes));
    linked.push({ part, nodes, seconds: work.secondsOfAll(nodes), ...waits.add([...after]) });
  }
  return linked;
}

/** The parts that have what a part needs. */
function producersOf(part: Part, partOf: ReadonlyMap<string, Part>, work: BundleWork): Part[] {
  const producers = new Set(part.nodes.flatMap((key) => work.needs(key).flatMap((needed) => partOf.get(needed) ?? [])));
  producers.delete(part);
  return [...producers];
}

/** Indexes first, each kind in its order. */
export function sortedAfter(after: Iterable<number | string>): (number | string)[] {
  const all = [...new Set(after)];
  return [
    ...all.filter((each) => typeof each === 'number').sort((a, b) => a - b),
    ...all.filter((each) => typeof each === 'string').sort(),
  ];
}

/** What each of a growing list waits for, directly and by way of the others. */
export class Waits {
  readonly #all: ReadonlySet<number | string>[] = [];
  readonly #depths: number[] = [];

  /** What is left of what the next one waits for, without that for which one of the others waits anyway. */
  reduced(after: readonly (number | string)[]): (number | string)[] {
    const covered = this.#coveredBy(after);
    return after.filter((each) => !covered.has(each));
  }

  /** All that has ended when these have. */
  reachedBy(after: Iterable<number | string>): ReadonlySet<number | string> {
    const reached = this.#coveredBy(after);
    for (const each of after) reached.add(each);
    return reached;
  }

  add(after: readonly (number | string)[]): Pick<LinkedPart, 'after' | 'depth'> {
    const depths = after.flatMap((each) => (typeof each === 'number' ? this.#depths[each]! + 1 : []));
    const depth = depths.reduce((deepest, each) => Math.max(deepest, each), 0);
    this.#all.push(this.reachedBy(after));
    this.#depths.push(depth);
    return { after: this.reduced(after), depth };
  }

  #coveredBy(after: Iterable<number | string>): Set<number | string> {
    const covered = new Set<number | string>();
    for (const each of after) if (typeof each === 'number') for (const other of this.#all[each]!) covered.add(other);
    return covered;
  }
}
