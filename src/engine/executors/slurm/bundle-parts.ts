/**
 * The first cut: which nodes belong together, whatever that takes.
 *
 * A node belongs to the runs that need it: those of its labels and of whatever goes on from it. So what a node needs
 * belongs to at least the same runs. Nodes of the same runs and settings are one part, cut where the settings change on
 * the way: the level counts these changes, and the stratum how often something was gathered before. None of the three
 * ever goes back on the way from a node to one that needs it, so parts cannot wait for one another in a circle.
 */
import { addTo } from '../../../base/groups.ts';
import { gathers, type BundleWork } from './bundle-work.ts';

/** A bundle to be, without what it takes along of others. */
export interface Part {
  /** Keys, in an order in which they can be computed. */
  nodes: readonly string[];
  /** The runs that need its nodes, such as `A1/s0`, as numbers into one list. */
  runs: ReadonlySet<Run>;
  /** Canonical JSON. */
  settings: string;
  /** It is a node that gathers. */
  isGathering: boolean;
  /** So short that it gets no job of its own: every part that needs it takes all of it along. */
  isTakenAlong: boolean;
}

/** One experiment with one seed; there is one such object for each. */
export interface Run {
  experiment: string;
  seed: number;
}

/** A job for less than this would wait in the queue for longer than it runs. */
const OWN_JOB_SECONDS = 60;

/** @param rule `node`: every node is a part of its own */
export function partsOf(work: BundleWork, rule: 'run' | 'node'): Part[] {
  const runs = new RunsOfNodes(work);
  const groups = new Map<string, string[]>();
  const kinds = rule === 'run' ? kindsOf(work, runs) : undefined;
  for (const key of work.nodes.keys()) addTo(groups, kinds?.get(key) ?? key, key);
  const parts = [...groups.values()].map((nodes): Part => {
    const first = work.nodes.get(nodes[0]!)!;
    const settings = work.settingsOf(first.key);
    return { nodes, runs: runs.of(first.key), settings, isGathering: gathers(first), isTakenAlong: false };
  });
  return rule === 'run' ? withoutShortJobs(parts, work) : parts;
}

/** Nodes of one part have equal kinds. */
function kindsOf(work: BundleWork, runs: RunsOfNodes): Map<string, string> {
  const kinds = new Map<string, string>();
  const levels = new Map<string, number>();
  const strata = new Map<string, number>();
  for (const [key, node] of work.nodes) {
    const [own, settings] = [runs.nameOf(key), work.settingsOf(key)];
    let [level, stratum] = [0, 0];
    for (const needed of work.needs(key)) {
      if (!work.nodes.has(needed)) continue; // held
      stratum = Math.max(stratum, strata.get(needed)! + (gathers(work.nodes.get(needed)!) ? 1 : 0));
      if (runs.nameOf(needed) === own)
        level = Math.max(level, levels.get(needed)! + (work.settingsOf(needed) === settings ? 0 : 1));
    }
    levels.set(key, level);
    strata.set(key, stratum);
    kinds.set(key, gathers(node) ? key : JSON.stringify([own, stratum, level, settings]));
  }
  return kinds;
}

/**
 * What several runs share and takes less than a minute goes into every bundle that needs it: one of the jobs computes
 * it, the others wait for that as long as it takes. Where it is not known how long it takes, it gets a job of its own:
 * all jobs of a study waiting for hours, each with the GPU that it holds, is worse than one more job in the queue, and
 * it is known the next time. So does what other settings need.
 *
 * What only gathering nodes need goes into the first bundle that belongs to some of its runs alone.
 */
function withoutShortJobs(parts: readonly Part[], work: BundleWork): Part[] {
  const partOf = new Map(parts.flatMap((part) => part.nodes.map((key) => [key, part] as const)));
  const needing = new Map<Part, Set<Part>>(parts.map((part) => [part, new Set()]));
  for (const part of parts)
    for (const key of part.nodes)
      for (const needed of work.needs(key)) {
        const producer = partOf.get(needed);
        if (producer !== undefined && producer !== part) needing.get(producer)!.add(part);
      }
  // Where something goes on from what is gathered, what takes nodes along could have to wait for itself.
  if (parts.some((part) => part.isGathering && needing.get(part)!.size > 0)) return [...parts];
  const isShort = (part: Part) =>
    part.runs.size > 1 &&
    !part.isGathering &&
    (work.secondsOfAll(part.nodes) ?? Infinity) < OWN_JOB_SECONDS &&
    [...needing.get(part)!].every((other) => other.isGathering || other.settings === part.settings);
  const short = new Set(parts.filter(isShort));
  const added = new Map<Part, string[]>();
  const kept: Part[] = [];
  for (const part of parts) {
    if (!short.has(part)) kept.push(part);
    else if ([...needing.get(part)!].some(({ isGathering }) => !isGathering))
      kept.push({ ...part, isTakenAlong: true });
    else {
      const host = parts.find((other) => !short.has(other) && canHost(other, part));
      if (host === undefined) kept.push(part);
      else for (const key of part.nodes) addTo(added, host, key);
    }
  }
  return kept.map((part) => ({ ...part, nodes: work.inOrder([...part.nodes, ...(added.get(part) ?? [])]) }));
}

/**
 * Whether nodes that nothing needs can go into another part. What they need belongs to at least their runs, and the
 * other part to fewer: so nothing that they need waits for it.
 */
function canHost(host: Part, { runs, settings }: Part): boolean {
  return (
    !host.isGathering &&
    host.settings === settings &&
    host.runs.size < runs.size &&
    [...host.runs].every((run) => runs.has(run))
  );
}

/** The runs that need each node. */
class RunsOfNodes {
  readonly #sets = new Map<string, ReadonlySet<Run>>();
  readonly #names = new Map<string, string>();
  readonly #runs = new Map<string, { run: Run; number: number }>();

  constructor(work: BundleWork) {
    const needing = new Map<string, string[]>();
    for (const [key, node] of work.nodes)
      if (!gathers(node)) for (const needed of work.needs(key)) addTo(needing, needed, key);
    for (const [, { labels }] of work.nodes) for (const label of labels) this.#run(label);
    for (const [key, { labels }] of [...work.nodes].reverse()) {
      const numbers = new Set(labels.map((label) => this.#run(label).number));
      for (const other of needing.get(key) ?? [])
        for (const run of this.#sets.get(other)!) numbers.add(this.#run(run).number);
      const ordered = [...numbers].sort((a, b) => a - b);
      const all = [...this.#runs.values()];
      this.#sets.set(key, new Set(ordered.map((number) => all[number]!.run)));
      this.#names.set(key, ordered.join());
    }
  }

  of(key: string): ReadonlySet<Run> {
    return this.#sets.get(key)!;
  }

  /** Equal for equal sets. */
  nameOf(key: string): string {
    return this.#names.get(key)!;
  }

  #run({ experiment, seed }: Run): { run: Run; number: number } {
    const name = JSON.stringify([experiment, seed]);
    const known = this.#runs.get(name) ?? { run: { experiment, seed }, number: this.#runs.size };
    this.#runs.set(name, known);
    return known;
  }
}
