/** What is to be cut into bundles, as all steps of cutting see it. */
import { needsFirst } from '../../../base/needs-first.ts';
import { producersOf } from '../../dag-builder.ts';
import type { PlannedNode } from '../../node.ts';
import { chainStops } from '../../trajectory.ts';

export class BundleWork {
  /** By key, in an order in which they can be computed. */
  readonly nodes: ReadonlyMap<string, PlannedNode>;
  /** Canonical JSON of a node's settings. */
  readonly settingsOf: (key: string) => string;
  /** What a node is expected to take; undefined if nobody knows. */
  readonly secondsOf: (key: string) => number | undefined;
  /** The element of a live job array that has the node already. */
  readonly heldBy: (key: string) => string | undefined;
  readonly #needs = new Map<string, readonly string[]>();
  readonly #order: ReadonlyMap<string, number>;

  /**
   * A node that gathers is never taken for held: what an earlier submission gathers may be less.
   * @param nodes that are to run, producers first
   */
  constructor(
    nodes: readonly PlannedNode[],
    {
      settingsOf,
      secondsOf,
      heldBy,
    }: {
      settingsOf(node: PlannedNode): string;
      secondsOf(node: PlannedNode): number | undefined;
      heldBy(key: string): string | undefined;
    },
  ) {
    const planned = new Map(nodes.map((node) => [node.key, node]));
    const stopBefore = chainStops(nodes);
    for (const node of nodes) {
      const needed = new Set(producersOf(node).map(({ key }) => key));
      const stop = stopBefore.get(node.key);
      if (stop !== undefined) needed.add(stop);
      this.#needs.set(
        node.key,
        [...needed].filter((key) => planned.has(key)),
      );
    }
    const toCut = needsFirst(planned.keys(), (key) => this.needs(key))
      .map((key) => planned.get(key)!)
      .filter((node) => gathers(node) || heldBy(node.key) === undefined);
    const settings = new Map(toCut.map((node) => [node.key, settingsOf(node)]));
    this.nodes = new Map(toCut.map((node) => [node.key, node]));
    this.#order = new Map(toCut.map(({ key }, index) => [key, index]));
    this.settingsOf = (key) => settings.get(key)!;
    this.secondsOf = (key) => secondsOf(planned.get(key)!);
    this.heldBy = heldBy;
  }

  /**
   * Keys of the nodes, held ones among them, without which a node cannot run or would do too much: a longer training
   * goes on where a shorter one stops, and two jobs that start together would both compute the way to that stop.
   */
  needs(key: string): readonly string[] {
    return this.#needs.get(key)!;
  }

  /** In an order in which they can be computed. */
  inOrder(keys: Iterable<string>): string[] {
    return [...keys].sort((a, b) => this.#order.get(a)! - this.#order.get(b)!);
  }

  /** Undefined unless it is known of all. */
  secondsOfAll(keys: Iterable<string>): number | undefined {
    let total = 0;
    for (const key of keys) {
      const seconds = this.secondsOf(key);
      if (seconds === undefined) return undefined;
      total += seconds;
    }
    return total;
  }
}

/** Whether a node is made of whatever results there are, and so comes after all of them. */
export function gathers(node: PlannedNode): boolean {
  return Object.keys(node.gathers).length > 0;
}
