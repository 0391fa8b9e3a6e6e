/** What is known of a run at a moment, put together from its events: what the plain and the live view draw. */
import type { SwpEvent } from '../engine/event.ts';
import type { NodeLabel, Progress } from '../engine/stage.ts';
import type { TimeLeft } from './time-left.ts';

export interface RunningNode {
  stage: string;
  label: NodeLabel;
  sharedBy: number;
  /** Milliseconds of the clock. */
  startedAt: number;
  progress?: Progress;
}

export class RunState {
  readonly running = new Map<string, RunningNode>();
  total = 0;
  cached = 0;
  ran = 0;
  failed = 0;
  blocked = 0;
  /** Nodes that there are to run, by the plan. */
  toRun = 0;

  /** @param now milliseconds of a monotonic clock */
  constructor(
    private readonly timeLeft: TimeLeft,
    private readonly now: () => number = () => performance.now(),
  ) {}

  apply(event: SwpEvent): void {
    switch (event.event) {
      case 'plan':
        this.total = event.nodes.total;
        this.cached = event.nodes.cached;
        this.toRun = event.nodes.toRun;
        return;
      case 'node-start': {
        const { stage, label, sharedBy } = event;
        if (event.worker !== undefined) this.running.set(event.key, { stage, label, sharedBy, startedAt: this.now() });
        return;
      }
      case 'node-progress': {
        const node = this.running.get(event.key);
        if (node !== undefined) node.progress = event.progress;
        this.timeLeft.progress(event.key, event.progress.done / Math.max(1, event.progress.total));
        return;
      }
      case 'node-end':
        this.running.delete(event.key);
        this[event.outcome]++;
        this.timeLeft.finish(event.key, event.outcome === 'ran' ? event.seconds : undefined);
        return;
      default:
        return;
    }
  }

  get settled(): number {
    return this.cached + this.ran + this.failed + this.blocked;
  }

  /** Steps per second of a running node, over all of its time; undefined before it has done any. */
  rate(node: RunningNode): number | undefined {
    const seconds = (this.now() - node.startedAt) / 1000;
    return node.progress === undefined || node.progress.done === 0 || seconds <= 0 ? undefined : node.progress.done / seconds;
  }

  secondsLeft(): number | undefined {
    return this.timeLeft.seconds();
  }
}
