/** Bundles of about so many minutes: long parts are cut, short ones put together. */
import { linkParts, sortedAfter, Waits } from './bundle-links.ts';
import type { Part } from './bundle-parts.ts';
import type { BundleWork } from './bundle-work.ts';

/**
 * What nobody knows the length of is not put together with anything, and counts as nothing where a long part is cut.
 */
export function fitToMinutes(parts: readonly Part[], work: BundleWork, minutes: number): Part[] {
  const limit = 60 * minutes;
  return packed(
    parts.flatMap((part) => (part.isTakenAlong ? [part] : cut(part, work, limit))),
    work,
    limit,
  );
}

/** Nodes of less than this share of the limit stay with what they follow, even beyond the limit. */
const SHORT = 0.1;

/** Consecutive nodes until the limit is reached; a node that is longer than that only has short ones with it. */
function cut(part: Part, work: BundleWork, limit: number): Part[] {
  const pieces: string[][] = [[]];
  let [seconds, longest] = [0, 0];
  for (const key of part.nodes) {
    const more = work.secondsOf(key) ?? 0;
    const room = more <= SHORT * limit ? Math.max(limit, longest) + SHORT * limit : limit;
    if (pieces.at(-1)!.length > 0 && seconds + more > room) {
      pieces.push([]);
      [seconds, longest] = [0, 0];
    }
    pieces.at(-1)!.push(key);
    seconds += more;
    longest = Math.max(longest, more);
  }
  return pieces.map((nodes) => ({ ...part, nodes }));
}

interface Pack {
  members: Part[];
  /** All nodes, with those taken along. */
  nodes: Set<string>;
  /** Its number among those that packs wait for. */
  index: number;
}

/**
 * Parts with equal settings that wait for the same are put together, in the order in which they come. None of them can
 * wait for another one, directly or not: it would have to wait for itself.
 */
function packed(parts: readonly Part[], work: BundleWork, limit: number): Part[] {
  const waits = new Waits();
  const packs: Pack[] = [];
  const packOf: number[] = [];
  const open = new Map<string, Pack>();
  for (const { part, nodes, after } of linkParts(parts, work)) {
    const awaited = sortedAfter(
      waits.reduced(sortedAfter(after.map((each) => (typeof each === 'number' ? packOf[each]! : each)))),
    );
    const kind = JSON.stringify([part.settings, awaited]);
    const together = open.get(kind);
    if (together !== undefined && !part.isGathering && fits(new Set([...together.nodes, ...nodes]), work, limit)) {
      together.members.push(part);
      for (const key of nodes) together.nodes.add(key);
      packOf.push(together.index);
      continue;
    }
    const pack: Pack = { members: [part], nodes: new Set(nodes), index: packs.length };
    packs.push(pack);
    packOf.push(pack.index);
    waits.add(awaited);
    if (!part.isGathering) open.set(kind, pack);
  }
  return [
    ...parts.filter(({ isTakenAlong }) => isTakenAlong),
    ...packs.map(({ members }): Part => ({
      ...members[0]!,
      nodes: work.inOrder(members.flatMap(({ nodes }) => nodes)),
      runs: new Set(members.flatMap(({ runs }) => [...runs])),
    })),
  ];
}

function fits(nodes: ReadonlySet<string>, work: BundleWork, limit: number): boolean {
  const seconds = work.secondsOfAll(nodes);
  return seconds !== undefined && seconds <= limit;
}
