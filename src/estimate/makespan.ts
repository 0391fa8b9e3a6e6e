/** How long a run takes with a number of workers: simulates it node by node, in the engine's order. */
import { addTo } from '../base/groups.ts';

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
 * @param jobs in any order that has no circle
 * @param workers at least 1
 * @returns seconds until the last one is done, and of all together
 */
export function makespan(jobs: readonly Job[], workers: number): { wall: number; busy: number } {
  const followers = new Map<string, Job[]>();
  for (const job of jobs) for (const key of job.waitsFor) addTo(followers, key, job);
  const priority = secondsBehind(jobs, followers);
  const open = openOf(jobs);
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

/** How many jobs each has still to wait for. */
function openOf(jobs: readonly Job[]): Map<string, number> {
  return new Map(jobs.map(({ key, waitsFor }) => [key, waitsFor.length]));
}

/**
 * Seconds from a job's start to the end of the longest chain behind it. No graph is built for it: a view of a large run
 * asks for the time left again and again.
 */
function secondsBehind(jobs: readonly Job[], followers: ReadonlyMap<string, Job[]>): Map<string, number> {
  const open = openOf(jobs);
  const sorted = jobs.filter(({ waitsFor }) => waitsFor.length === 0);
  for (const { key } of sorted)
    for (const follower of followers.get(key) ?? []) {
      const left = open.get(follower.key)! - 1;
      open.set(follower.key, left);
      if (left === 0) sorted.push(follower);
    }
  const behind = new Map<string, number>();
  for (const { key, seconds } of sorted.reverse()) {
    let longest = 0;
    for (const follower of followers.get(key) ?? []) longest = Math.max(longest, behind.get(follower.key)!);
    behind.set(key, seconds + longest);
  }
  return behind;
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
