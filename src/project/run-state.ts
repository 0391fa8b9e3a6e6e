/** The state of a run, kept up to date by its events: what the plain and the live view draw. */
import type { SwpEvent, WorkHolder } from '../engine/event.ts';
import type { NodeLabel, Progress } from '../engine/stage.ts';
import type { Left, NodeProgress, TimeLeft } from './time-left.ts';

export interface RunningNode {
  stage: string;
  label: NodeLabel;
  sharedBy: number;
  /** Milliseconds of the clock. */
  startedAt: number;
  progress?: Progress;
  /** Length from which it went on. */
  resumedAt?: number;
  /** The cluster's name of the job that computes it. */
  job?: string;
  /** The first progress and when it came: a rate leaves out what a stage prepares before it. */
  first?: { at: number; done: number };
}

/** How long a time left is shown before it is computed anew, at least: views draw more often. */
const TIME_LEFT_MS = 1_000;
/**
 * Computing it takes no more than this share of the time: for a hundred thousand nodes it holds everything up. What it
 * takes is processor time: on a crowded machine it waits long for its turn, and must not be put off for hours by that.
 */
const TIME_LEFT_SHARE = 0.02;

export type ClusterJob = Extract<SwpEvent, { event: 'job' }>;

export class RunState {
  readonly #now: () => number;
  readonly #worked: () => number;
  readonly #timeLeft: TimeLeft;
  #left: { until: number; left: Left | undefined } | undefined;
  readonly running = new Map<string, RunningNode>();
  /** Nodes that another process is computing. */
  readonly waiting = new Map<string, { label: NodeLabel; holder: WorkHolder }>();
  /** Jobs of a cluster, by what it calls them: as the last event has them. */
  readonly jobs = new Map<string, ClusterJob>();
  total = 0;
  cached = 0;
  ran = 0;
  failed = 0;
  blocked = 0;
  /** Nodes that there are to run, by the plan. */
  toRun = 0;

  /**
   * @param now milliseconds of a monotonic clock
   * @param worked milliseconds of processor time that this process has taken
   */
  constructor(
    timeLeft: TimeLeft,
    now: () => number = () => performance.now(),
    worked: () => number = () => process.cpuUsage().user / 1_000,
  ) {
    this.#now = now;
    this.#worked = worked;
    this.#timeLeft = timeLeft;
  }

  apply(event: SwpEvent): void {
    switch (event.event) {
      case 'plan':
        this.total = event.nodes.total;
        this.cached = event.nodes.cached;
        this.toRun = event.nodes.toRun;
        return;
      case 'node-wait':
        this.waiting.set(event.key, event);
        return;
      case 'node-start': {
        this.waiting.delete(event.key);
        const { stage, label, sharedBy, resumedAt, worker, job } = event;
        if (worker === undefined) return;
        this.#timeLeft.start(event.key, worker);
        this.running.set(event.key, {
          stage,
          label,
          sharedBy,
          startedAt: this.#now(),
          ...(resumedAt !== undefined && { resumedAt }),
          ...(job !== undefined && { job }),
        });
        return;
      }
      case 'job':
        this.jobs.set(event.id, event);
        return;
      case 'node-progress': {
        const node = this.running.get(event.key);
        if (node !== undefined) {
          node.progress = event.progress;
          node.first ??= { at: this.#now(), done: event.progress.done };
        }
        if (node !== undefined) this.#timeLeft.progress(event.key, this.#progressOf(node, event.progress));
        return;
      }
      case 'node-end':
        this.running.delete(event.key);
        this.waiting.delete(event.key);
        this[event.outcome]++;
        this.#timeLeft.finish(event.key, event.outcome === 'ran' ? event.seconds : undefined);
        return;
      default:
        return;
    }
  }

  /** Nodes that have ended, or were cached. */
  get ended(): number {
    return this.cached + this.ran + this.failed + this.blocked;
  }

  /** What a running node does per second, as it counts it, since its first progress; undefined before the second. */
  rate({ progress, first }: RunningNode): number | undefined {
    if (progress === undefined || first === undefined || progress.done <= first.done) return undefined;
    return (1000 * (progress.done - first.done)) / Math.max(1, this.#now() - first.at);
  }

  /** Seconds that a node has been running. */
  elapsed({ startedAt }: RunningNode): number {
    return (this.#now() - startedAt) / 1000;
  }

  #progressOf({ resumedAt = 0, first }: RunningNode, { done, total: declared }: Progress): NodeProgress {
    const total = Math.max(1, declared);
    return {
      share: done / total,
      resumedAt: resumedAt / total,
      ...(first !== undefined && {
        timed: { share: (done - first.done) / total, seconds: (this.#now() - first.at) / 1000 },
      }),
    };
  }

  /** Of the whole run; undefined while nothing was timed. */
  left(): Left | undefined {
    if (this.#left === undefined || this.#now() >= this.#left.until) {
      const before = this.#worked();
      const left = this.#timeLeft.left();
      const pause = Math.max(TIME_LEFT_MS, (this.#worked() - before) / TIME_LEFT_SHARE);
      this.#left = { until: this.#now() + pause, left };
    }
    return this.#left.left;
  }
}
