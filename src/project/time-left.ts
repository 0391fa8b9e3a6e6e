/**
 * Estimates how long a run will still take. Work is weighed by the parameters that count steps, so a node of 10,000
 * steps weighs ten of 1,000; what a unit of work costs is measured per stage, from nodes that ran before and now. Nodes
 * that are under way count by the part that they have done: a study may begin with one long training.
 */
import type { Plan, PlannedState } from '../engine/plan.ts';
import { paramSchemas } from '../pipeline/stage-params.ts';

interface Measured {
  seconds: number;
  weight: number;
  nodes: number;
}

export class TimeLeft {
  readonly #jobs: number;
  readonly #waiting = new Map<string, PlannedState>();
  readonly #measured = new Map<string, Measured>();
  /** Of running nodes: the share that is done, the share that an earlier run had done, and the seconds since. */
  readonly #underWay = new Map<string, { share: number; seconds: number; before: number }>();

  /** @param needed what the run brings up to date; everything that is known of other nodes serves to measure, too */
  constructor(plan: Plan, jobs: number, needed: Iterable<PlannedState> = plan.nodes.values()) {
    this.#jobs = jobs;
    for (const planned of needed) if (planned.state !== 'cached') this.#waiting.set(planned.node.key, planned);
    for (const planned of plan.nodes.values())
      if (planned.record !== undefined)
        this.#measure(planned, planned.record.seconds, (planned.record.resumedAt ?? 0) / weightOf(planned));
  }

  /**
   * @param share of the node's work that is done, 0 to 1
   * @param seconds since the node started
   * @param before share from which it went on
   */
  progress(key: string, share: number, seconds: number, before = 0): void {
    this.#underWay.set(key, { share, seconds, before });
  }

  /** @param seconds what the node took, if it ran */
  finish(key: string, seconds?: number): void {
    const planned = this.#waiting.get(key);
    if (planned !== undefined && seconds !== undefined)
      this.#measure(planned, seconds, this.#underWay.get(key)?.before);
    this.#waiting.delete(key);
    this.#underWay.delete(key);
  }

  /**
   * Seconds: all work spread over the jobs, but no less than the longest chain of nodes that wait for one another.
   * Undefined while nothing was measured.
   */
  seconds(): number | undefined {
    const measured = this.#measuredSoFar();
    if (measured.size === 0) return undefined;
    let total = 0;
    let longest = 0;
    const chains = new Map<string, number>();
    for (const [key, planned] of this.#waiting) {
      const cost = costOf(planned, measured) * (1 - (this.#underWay.get(key)?.share ?? 0));
      const inputs = Object.values(planned.node.inputs).map((input) => chains.get(input.key) ?? 0);
      const chain = cost + Math.max(0, ...inputs);
      chains.set(key, chain);
      total += cost;
      longest = Math.max(longest, chain);
    }
    return Math.max(total / this.#jobs, longest);
  }

  #measuredSoFar(): Map<string, Measured> {
    const measured = new Map(this.#measured);
    for (const [key, { share, seconds, before }] of this.#underWay) {
      const planned = this.#waiting.get(key);
      const own = share - before;
      if (planned !== undefined && own > 0)
        addMeasure(measured, planned, { seconds, weight: own * weightOf(planned), nodes: own });
    }
    return measured;
  }

  #measure(planned: PlannedState, seconds: number, before = 0): void {
    const own = 1 - before;
    if (own > 0) addMeasure(this.#measured, planned, { seconds, weight: own * weightOf(planned), nodes: own });
  }
}

function addMeasure(
  measured: Map<string, Measured>,
  { node }: PlannedState,
  { seconds, weight, nodes }: Measured,
): void {
  const before = measured.get(node.stage.name) ?? { seconds: 0, weight: 0, nodes: 0 };
  measured.set(node.stage.name, {
    seconds: before.seconds + seconds,
    weight: before.weight + weight,
    nodes: before.nodes + nodes,
  });
}

function costOf(planned: PlannedState, measured: ReadonlyMap<string, Measured>): number {
  const known = measured.get(planned.node.stage.name);
  if (known !== undefined) return (known.seconds / known.weight) * weightOf(planned);
  // A stage that was never seen: as much as a node has taken on average.
  const all = [...measured.values()];
  return all.reduce((sum, { seconds }) => sum + seconds, 0) / all.reduce((sum, { nodes }) => sum + nodes, 0);
}

/** The largest of the parameters that count steps, or 1 for a stage that has none. */
function weightOf({ node }: PlannedState): number {
  const steps = [...paramSchemas(node.stage)]
    .filter(([, { unit }]) => unit === 'steps')
    .map(([name]) => Number(node.params[name] ?? 0));
  return Math.max(1, ...steps);
}
