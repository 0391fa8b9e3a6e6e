/** How long a run takes with a number of workers: simulates it node by node, in the engine's order. */
import { DirectedGraph } from 'graphology';
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
  for (const job of jobs) for (const key of job.waitsFor) followers.set(key, [...(followers.get(key) ?? []), job]);
  const byPriority = (a: Job, b: Job) => priority.get(b.key)! - priority.get(a.key)!;
  const ready = jobs.filter(({ key }) => open.get(key) === 0).sort(byPriority);
  const slots = Array.from({ length: workers }, () => ({
    warm: new Set<string>(),
    busyUntil: 0,
    job: undefined as Job | undefined,
  }));
  let [now, busy] = [0, 0];
  for (;;) {
    for (const slot of slots) {
      if (slot.job !== undefined) continue;
      const job = ready.shift();
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
      if (left === 0) insert(ready, follower, byPriority);
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

/** Inserts into an ordered list, behind equal items. */
function insert(list: Job[], job: Job, compare: (a: Job, b: Job) => number): void {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(list[middle]!, job) <= 0) low = middle + 1;
    else high = middle;
  }
  list.splice(low, 0, job);
}
