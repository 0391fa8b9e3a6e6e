/** How long a run takes with several workers: in the engine's order, and quickly for many nodes. */
import { expect, it } from 'vitest';
import { makespan, type Job } from '../../src/estimate/makespan.ts';

const job = (key: string, seconds: number, waitsFor: string[] = []): Job => ({
  ...{ key, seconds, waitsFor },
  group: 'all',
  warmUp: 0,
});

it('lets the job with the longest way behind it go first, and equal ones in their order', () => {
  const jobs = [job('short', 1), job('long', 1), job('after', 5, ['long']), job('other', 1)];
  // long, then after beside short and other.
  expect(makespan(jobs, 2)).toEqual({ wall: 6, busy: 8 });
  expect(makespan(jobs, 1).wall).toBe(8);
});

it('is that of a list in which every job is looked for anew', () => {
  const jobs = Array.from({ length: 300 }, (_, index) =>
    job(
      `${index}`,
      1 + ((index * 7) % 5),
      index % 3 === 0 || index < 10 ? [] : [`${(index * 13) % index}`, `${index >> 1}`],
    ),
  );
  for (const workers of [1, 2, 7]) expect(makespan(jobs, workers).wall).toBe(byList(jobs, workers));
});

it('plays a hundred thousand jobs through that all wait for one', () => {
  const jobs = [job('first', 1), ...Array.from({ length: 100_000 }, (_, index) => job(`${index}`, 1, ['first']))];
  expect(makespan(jobs, 10).wall).toBe(10_001);
});

/** The same by a list that is sorted before each choice. */
function byList(jobs: readonly Job[], workers: number): number {
  const behind = new Map<string, number>();
  for (const { key, seconds } of [...jobs].reverse())
    behind.set(
      key,
      seconds +
        Math.max(0, ...jobs.filter(({ waitsFor }) => waitsFor.includes(key)).map((next) => behind.get(next.key)!)),
    );
  const done = new Set<string>();
  const arrived: Job[] = [];
  const slots = Array.from({ length: workers }, () => ({ until: 0, job: undefined as Job | undefined }));
  for (let now = 0; ;) {
    for (const each of jobs)
      if (!arrived.includes(each) && each.waitsFor.every((key) => done.has(key))) arrived.push(each);
    const isOpen = (each: Job) => !done.has(each.key) && !slots.some((slot) => slot.job === each);
    for (const slot of slots) {
      if (slot.job !== undefined) continue;
      const ready = arrived.filter(isOpen);
      const next = ready.sort((a, b) => behind.get(b.key)! - behind.get(a.key)!)[0];
      if (next !== undefined) Object.assign(slot, { job: next, until: now + next.seconds });
    }
    const ending = slots.filter((slot) => slot.job !== undefined).sort((a, b) => a.until - b.until)[0];
    if (ending === undefined) return now;
    now = ending.until;
    done.add(ending.job!.key);
    ending.job = undefined;
  }
}
