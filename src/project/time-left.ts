/**
 * How long a run will still take, by the model that estimates rest on (src/estimate): the work that is left, at the
 * rates of nodes that were timed, before and in this run. Nodes that are running count by the part that they have done:
 * a study may begin with one long training.
 */
import { addTo } from '../base/groups.ts';
import { rateOf } from '../estimate/estimate.ts';
import { makespan, type Job } from '../estimate/makespan.ts';
import { fitRate, secondsOf, type Rate, type Timed } from '../estimate/rate.ts';
import type { Forecast } from '../estimate/study-estimate.ts';
import type { Task } from '../estimate/workload.ts';

/** A running node; shares are of its work, 0 to 1. */
export interface NodeProgress {
  /** Done, whoever did it. */
  share: number;
  /** Share from which it went on; 0 by default. */
  resumedAt?: number;
  /** Done since its first progress, and the seconds since: what a stage prepares before tells nothing of its rate. */
  timed?: { share: number; seconds: number };
}

/** What is left of a run. */
export interface Left {
  seconds: number;
  /** Stages of which many nodes are left and none was timed: the seconds are without them. */
  untimed: string[];
}

/** Less than this tells nothing of a rate: the first steps also compile. Seconds. */
const LEAST_TIMED = 0.5;
/** What a worker loads with its first node of a kind takes no longer than this. Seconds. */
const WARM_UP = 20;
/** Kinds of work that nothing is known of count like the average node up to this share of the nodes that are left. */
const FEW = 0.05;

export class TimeLeft {
  readonly #forecast: Forecast;
  readonly #jobs: number;
  readonly #waiting: Map<string, Task>;
  readonly #running = new Map<string, NodeProgress>();
  /** Nodes that are the first of their kind in their worker: they also load what later ones find loaded. */
  readonly #first = new Set<string>();
  /** Kinds of work that each worker has met. */
  readonly #met = new Map<number, Set<string>>();
  /** Nodes of this run that are done, by kind of work. */
  readonly #timed = new Map<string, Timed[]>();
  /** The first ones of their workers. */
  readonly #timedFirst = new Map<string, Timed[]>();

  /** @param jobs nodes at a time */
  constructor(forecast: Forecast, jobs: number) {
    this.#forecast = forecast;
    this.#jobs = jobs;
    this.#waiting = new Map(forecast.workload.tasks.map((task) => [task.planned.node.key, task]));
  }

  start(key: string, worker: number): void {
    const task = this.#waiting.get(key);
    if (task === undefined) return;
    const met = this.#met.get(worker) ?? new Set<string>();
    this.#met.set(worker, met);
    if (!met.has(task.group)) this.#first.add(key);
    met.add(task.group);
  }

  progress(key: string, progress: NodeProgress): void {
    this.#running.set(key, progress);
  }

  /** @param seconds what the node took, if it ran */
  finish(key: string, seconds?: number): void {
    const task = this.#waiting.get(key);
    if (task !== undefined && seconds !== undefined) {
      const running = this.#running.get(key);
      const units = running?.resumedAt === undefined ? task.units : task.work.count * (1 - running.resumedAt);
      const ownPace = this.#first.has(key) ? paceOf(task, running) : undefined;
      const isCold = this.#first.has(key) && seconds < WARM_UP;
      if (ownPace !== undefined) addTo(this.#timed, task.group, ownPace);
      else if (units > 0) addTo(isCold ? this.#timedFirst : this.#timed, task.group, { units, seconds });
    }
    this.#waiting.delete(key);
    this.#running.delete(key);
    this.#first.delete(key);
  }

  /**
   * Plays the rest of the run through. It takes milliseconds for a thousand nodes, so views ask once a second.
   * @returns undefined while nothing was timed
   */
  left(): Left | undefined {
    const rates = this.#rates();
    if (rates.size === 0 && this.#waiting.size > 0) return undefined;
    const known: number[] = [];
    const unknown: Task[] = [];
    for (const task of this.#waiting.values()) {
      const rate = rates.get(task.group);
      if (rate === undefined) unknown.push(task);
      else known.push(secondsOf(rate, task.units));
    }
    const few = unknown.length <= Math.max(1, FEW * this.#waiting.size);
    const average = known.reduce((sum, each) => sum + each, 0) / Math.max(1, known.length);
    const jobs = [...this.#waiting].map(([key, task]): Job => {
      const rate = rates.get(task.group);
      const running = this.#running.get(key);
      const remaining = 1 - (running?.share ?? 0);
      const whole = running === undefined ? task.units : task.work.count;
      return {
        key,
        group: task.group,
        seconds: (rate === undefined ? (few ? average : 0) : secondsOf(rate, whole)) * remaining,
        waitsFor: this.#forecast.workload.waitsFor.get(key)!.filter((producer) => this.#waiting.has(producer)),
        warmUp: 0,
      };
    });
    return {
      seconds: makespan(jobs, this.#jobs).wall,
      untimed: few ? [] : [...new Set(unknown.map(({ planned }) => planned.node.stage.name))],
    };
  }

  /** By kind of work: from nodes that were timed before and in this run, running ones included. */
  #rates(): Map<string, Rate> {
    const timed = new Map([...this.#timed].map(([group, done]) => [group, [...done]]));
    for (const [key, running] of this.#running) {
      const task = this.#waiting.get(key);
      const pace = task === undefined ? undefined : paceOf(task, running);
      if (pace !== undefined) addTo(timed, task!.group, pace);
    }
    const rates = new Map<string, Rate>();
    const { measurements, samples } = this.#forecast;
    for (const [group, count] of this.#waitingByGroup()) {
      const measured = measurements.of(group);
      const own = timed.get(group) ?? [];
      const first = this.#timedFirst.get(group) ?? [];
      const rate =
        own.length > 0
          ? fitRate([...(measured?.warm ?? []), ...own])
          : (rateOf(measured, samples[group])?.rate ?? (count <= this.#jobs ? fitRate(first) : undefined));
      if (rate !== undefined) rates.set(group, rate);
    }
    return rates;
  }

  /** How many nodes of each kind are left. */
  #waitingByGroup(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { group } of this.#waiting.values()) counts.set(group, (counts.get(group) ?? 0) + 1);
    return counts;
  }
}

/** How far a node came in how long since its first progress; undefined while that tells nothing. */
function paceOf({ work }: Task, running: NodeProgress | undefined): Timed | undefined {
  const timed = running?.timed;
  if (timed === undefined || timed.share <= 0 || timed.seconds < LEAST_TIMED) return undefined;
  return { units: timed.share * work.count, seconds: timed.seconds };
}
