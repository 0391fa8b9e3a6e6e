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

interface Running {
  /** Of the node's work, 0 to 1. */
  share: number;
  /** Share from which it went on. */
  before: number;
  /** Since it started. */
  seconds: number;
}

export class TimeLeft {
  readonly #forecast: Forecast;
  readonly #jobs: number;
  readonly #waiting: Map<string, Task>;
  readonly #running = new Map<string, Running>();
  /** Nodes of this run that are done, by kind of work. */
  readonly #timed = new Map<string, Timed[]>();

  /** @param jobs nodes at a time */
  constructor(forecast: Forecast, jobs: number) {
    this.#forecast = forecast;
    this.#jobs = jobs;
    this.#waiting = new Map(forecast.workload.tasks.map((task) => [task.planned.node.key, task]));
  }

  /**
   * @param share of the node's work that is done, 0 to 1
   * @param seconds since the node started
   * @param before share from which it went on
   */
  progress(key: string, share: number, seconds: number, before = 0): void {
    this.#running.set(key, { share, seconds, before });
  }

  /** @param seconds what the node took, if it ran */
  finish(key: string, seconds?: number): void {
    const task = this.#waiting.get(key);
    if (task !== undefined && seconds !== undefined) {
      const before = this.#running.get(key)?.before;
      const units = before === undefined ? task.units : task.work.count * (1 - before);
      if (units > 0) addTo(this.#timed, task.group, { units, seconds });
    }
    this.#waiting.delete(key);
    this.#running.delete(key);
  }

  /**
   * Plays the rest of the run through. It takes milliseconds for a thousand nodes, so views ask once a second.
   * @returns undefined while nothing was measured
   */
  seconds(): number | undefined {
    const rates = this.#rates();
    if (rates.size === 0) return undefined;
    // Work of a kind that was never seen: as long as a node takes on average.
    const known = this.#forecast.workload.tasks.flatMap((task) => {
      const rate = rates.get(task.group);
      return rate === undefined ? [] : [secondsOf(rate, task.units)];
    });
    const average = known.reduce((sum, each) => sum + each, 0) / known.length;
    const jobs = [...this.#waiting].map(([key, task]): Job => {
      const rate = rates.get(task.group);
      const running = this.#running.get(key);
      const left = 1 - (running?.share ?? 0);
      const whole = running === undefined ? task.units : task.work.count;
      return {
        key,
        group: task.group,
        seconds: (rate === undefined ? average : secondsOf(rate, whole)) * left,
        waitsFor: this.#forecast.workload.waitsFor.get(key)!.filter((producer) => this.#waiting.has(producer)),
        warmUp: 0,
      };
    });
    return makespan(jobs, this.#jobs).wall;
  }

  /** By kind of work: from nodes that were timed before and in this run, running ones included. */
  #rates(): Map<string, Rate> {
    const timed = new Map([...this.#timed].map(([group, done]) => [group, [...done]]));
    for (const [key, { share, before, seconds }] of this.#running) {
      const task = this.#waiting.get(key);
      if (task === undefined || share <= before) continue;
      addTo(timed, task.group, { units: (share - before) * task.work.count, seconds });
    }
    const rates = new Map<string, Rate>();
    const { measurements, samples } = this.#forecast;
    for (const group of new Set(this.#forecast.workload.tasks.map((task) => task.group))) {
      const measured = measurements.of(group);
      const own = timed.get(group) ?? [];
      const rate =
        own.length > 0 ? fitRate([...(measured?.warm ?? []), ...own]) : rateOf(measured, samples[group])?.rate;
      if (rate !== undefined) rates.set(group, rate);
    }
    return rates;
  }
}
