/**
 * Estimates how long a run will still take. Work is weighed by the parameters that count steps, so a node of 10,000
 * steps weighs ten of 1,000; what a unit of work costs is measured per stage, from nodes that ran before and now.
 */
import type { Plan, PlannedState } from '../engine/plan.ts';
import { paramSchemas } from '../pipeline/stage-params.ts';

interface Measured {
  seconds: number;
  weight: number;
  nodes: number;
}

export class TimeLeft {
  private readonly waiting = new Map<string, PlannedState>();
  private readonly measured = new Map<string, Measured>();
  /** Share of a running node that is done. */
  private readonly shares = new Map<string, number>();

  constructor(
    private readonly plan: Plan,
    private readonly jobs: number,
  ) {
    for (const [key, planned] of plan.nodes) {
      if (planned.state !== 'cached') this.waiting.set(key, planned);
      if (planned.record !== undefined) this.measure(planned, planned.record.seconds);
    }
  }

  /** @param share of the node's work that is done, 0 to 1 */
  progress(key: string, share: number): void {
    this.shares.set(key, share);
  }

  /** @param seconds what the node took, if it ran */
  finish(key: string, seconds?: number): void {
    const planned = this.waiting.get(key);
    if (planned !== undefined && seconds !== undefined) this.measure(planned, seconds);
    this.waiting.delete(key);
    this.shares.delete(key);
  }

  /**
   * Seconds: all work spread over the jobs, but no less than the longest chain of nodes that wait for one another.
   * Undefined while nothing was measured.
   */
  seconds(): number | undefined {
    if (this.measured.size === 0) return undefined;
    let total = 0;
    let longest = 0;
    const chains = new Map<string, number>();
    for (const [key, planned] of this.waiting) {
      const cost = this.cost(planned) * (1 - (this.shares.get(key) ?? 0));
      const inputs = Object.values(planned.node.inputs).map((input) => chains.get(input.key) ?? 0);
      const chain = cost + Math.max(0, ...inputs);
      chains.set(key, chain);
      total += cost;
      longest = Math.max(longest, chain);
    }
    return Math.max(total / this.jobs, longest);
  }

  private cost(planned: PlannedState): number {
    const known = this.measured.get(planned.node.stage.name);
    if (known !== undefined) return (known.seconds / known.weight) * weightOf(planned);
    // A stage that was never seen: as much as a node has taken on average.
    const all = [...this.measured.values()];
    return all.reduce((sum, { seconds }) => sum + seconds, 0) / all.reduce((sum, { nodes }) => sum + nodes, 0);
  }

  private measure(planned: PlannedState, seconds: number): void {
    const name = planned.node.stage.name;
    const before = this.measured.get(name) ?? { seconds: 0, weight: 0, nodes: 0 };
    this.measured.set(name, { seconds: before.seconds + seconds, weight: before.weight + weightOf(planned), nodes: before.nodes + 1 });
  }
}

/** The largest of the parameters that count steps, or 1 for a stage that has none. */
function weightOf({ node }: PlannedState): number {
  const steps = [...paramSchemas(node.stage)].filter(([, { unit }]) => unit === 'steps').map(([name]) => Number(node.params[name] ?? 0));
  return Math.max(1, ...steps);
}
