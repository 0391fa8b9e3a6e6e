/** How long a run takes with a number of workers: simulates it node by node, in the engine's order. */
import { DirectedGraph } from 'graphology';
import { addTo } from '../base/groups.ts';
import { longestWays } from '../engine/longest-way.ts';

export interface Job {
  key: string;
  /** Keys of the jobs that must be done before. */
  waitsFor: readonly string[];
  seconds: number;
  /** The first job of a group in each worker takes `warmUp` longer: it loads what later ones find loaded. */
  group: string;
  warmUp: number;
}

/**
 * List scheduling: the job with the longest way to the end goes first, into the first free worker.
 * @param jobs producers first
 * @param workers at least 1
 * @returns seconds until the last one is done, and of all together
 */
export function makespan(jobs: readonly Job[], workers: number): { wall: number; busy: number } {
  const priority = secondsBehind(jobs);
  const open = new Map(jobs.map(({ key, waitsFor }) => [key, waitsFor.length]));
  const followers = new Map<string, Job[]>();
  for (const job of jobs) for (const key of job.waitsFor) addTo(followers, key, job);
  const ready = new ReadyJobs(({ key }) => priority.get(key)!);
  for (const job of jobs) if (open.get(job.key) === 0) ready.add(job);
  const slots = Array.from({ length: workers }, () => ({
    warm: new Set<string>(),
    busyUntil: 0,
    job: undefined as Job | undefined,
  }));
  let [now, busy] = [0, 0];
  for (;;) {
    for (const slot of slots) {
      if (slot.job !== undefined) continue;
      const job = ready.take();
      if (job === undefined) break;
      const seconds = job.seconds + (slot.warm.has(job.group) ? 0 : job.warmUp);
      slot.warm.add(job.group);
      Object.assign(slot, { job, busyUntil: now + seconds });
      busy += seconds;
    }
    const next = slots.filter(({ job }) => job !== undefined).sort((a, b) => a.busyUntil - b.busyUntil)[0];
    if (next === undefined) return { wall: now, busy };
    now = next.busyUntil;
    for (const follower of followers.get(next.job!.key) ?? []) {
      const left = open.get(follower.key)! - 1;
      open.set(follower.key, left);
      if (left === 0) ready.add(follower);
    }
    next.job = undefined;
  }
}

/** Seconds from a job's start to the end of the longest chain behind it. */
function secondsBehind(jobs: readonly Job[]): Map<string, number> {
  const dag = new DirectedGraph<Job>();
  for (const job of jobs) dag.addNode(job.key, job);
  for (const { key, waitsFor } of jobs) for (const producer of waitsFor) dag.mergeEdge(producer, key);
  return longestWays(dag, (key) => dag.getNodeAttribute(key, 'seconds'));
}

/** Jobs that can start, the most urgent first, equal ones in the order in which they came: a binary heap. */
class ReadyJobs {
  readonly #priorityOf: (job: Job) => number;
  readonly #heap: { job: Job; priority: number; arrival: number }[] = [];
  #arrivals = 0;

  constructor(priorityOf: (job: Job) => number) {
    this.#priorityOf = priorityOf;
  }

  add(job: Job): void {
    const heap = this.#heap;
    let place = heap.push({ job, priority: this.#priorityOf(job), arrival: this.#arrivals++ }) - 1;
    for (let above = (place - 1) >> 1; place > 0 && this.#before(place, above); above = (place - 1) >> 1) {
      this.#swap(place, above);
      place = above;
    }
  }

  take(): Job | undefined {
    const heap = this.#heap;
    if (heap.length === 0) return undefined;
    this.#swap(0, heap.length - 1);
    const { job } = heap.pop()!;
    for (let place = 0; ;) {
      let first = place;
      for (const below of [2 * place + 1, 2 * place + 2])
        if (below < heap.length && this.#before(below, first)) first = below;
      if (first === place) return job;
      this.#swap(place, first);
      place = first;
    }
  }

  #before(a: number, b: number): boolean {
    const [first, second] = [this.#heap[a]!, this.#heap[b]!];
    return first.priority > second.priority || (first.priority === second.priority && first.arrival < second.arrival);
  }

  #swap(a: number, b: number): void {
    [this.#heap[a], this.#heap[b]] = [this.#heap[b]!, this.#heap[a]!];
  }
}
