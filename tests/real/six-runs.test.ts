/**
 * Six people on one cache, by the real command line, with studies that overlap and stops of one trajectory: two of them
 * are killed at events of theirs, the others end, and no node is computed twice but for what the killed ones were at.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SwpEvent } from '../../src/engine/event.ts';
import { SwpProject } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'swp-six-'));
});
afterEach(() => rm(cache, { recursive: true }));

interface Person {
  events: SwpEvent[];
  kill(signal: NodeJS.Signals): void;
  /** Resolves with the exit code; undefined for one that was killed. */
  ended: Promise<number | undefined>;
}

/** @param steps of each of the person's experiments: equal ones are the same nodes, others stops of one trajectory */
async function start(
  steps: Record<string, number>,
  onEvent: (event: SwpEvent, person: Person) => void = () => {},
): Promise<Person> {
  const experiments = Object.fromEntries(
    Object.entries(steps).map(([name, count]) => [name, { params: { train: { steps: count } } }]),
  );
  const project = await SwpProject.create({ ...tinyStudy(), experiments });
  const running = project.start('repro', '--cache', cache, '--json', '--jobs', '2', '--checkpoint-every', '1');
  const events: SwpEvent[] = [];
  const person = {
    events,
    kill: (signal: NodeJS.Signals) => void running.kill(signal),
    ended: running.then(({ exitCode }) => exitCode),
  };
  createInterface(running.stdout!).on('line', (line) => {
    const event = JSON.parse(line) as SwpEvent;
    events.push(event);
    onEvent(event, person);
  });
  return person;
}

const isTraining = (event: SwpEvent) =>
  event.event === 'node-start' && event.stage === 'train' && event.worker !== undefined;

it('six runs on one cache end, though two of them are killed, and no node is computed by two', async () => {
  const people = await Promise.all([
    start({ L: 12_000 }, (event, { kill }) => event.event === 'node-checkpoint' && kill('SIGKILL')),
    start({ S: 60 }),
    start({ S: 60, L: 12_000 }),
    start({ M: 2_000, other: 61 }),
    start({ S: 60, M: 2_000 }, (event, { kill }) => isTraining(event) && kill('SIGKILL')),
    start({ L: 12_000, M: 2_000 }),
  ]);
  const codes = await Promise.all(people.map(({ ended }) => ended));
  const survivors = people.filter((_, index) => codes[index] !== undefined);
  expect(codes.filter((code) => code !== undefined)).toEqual(survivors.map(() => 0));
  expect(survivors.length).toBeGreaterThanOrEqual(4); // whoever found everything done was not killed

  const started = new Map<string, number>();
  const unfinished = new Map<string, number>();
  for (const { events } of people) {
    const open = new Set<string>();
    for (const event of events) {
      if (event.event === 'node-start' && event.worker !== undefined) {
        started.set(event.key, (started.get(event.key) ?? 0) + 1);
        open.add(event.key);
      } else if (event.event === 'node-end') open.delete(event.key);
    }
    for (const key of open) unfinished.set(key, (unfinished.get(key) ?? 0) + 1);
  }
  for (const [key, times] of started) expect(times, key).toBeLessThanOrEqual(1 + (unfinished.get(key) ?? 0));

  for (const { events } of people) {
    const waits = events.flatMap((event) => (event.event === 'node-wait' ? [`${event.key} ${event.holder.pid}`] : []));
    expect(waits).toEqual([...new Set(waits)]);
  }
  const left = await readdir(join(cache, 'leases/holders'));
  expect(left.length).toBeLessThanOrEqual(people.length - survivors.length);
});

it.each(['SIGINT', 'SIGTERM'] as const)(
  'who waits for another run ends at %s, while that one goes on',
  async (signal) => {
    let training!: () => void;
    const trains = new Promise<void>((resolve) => (training = resolve));
    const holder = await start({ L: 10_000_000 }, (event) => isTraining(event) && training());
    await trains;
    const waiter = await start({ L: 10_000_000 }, (event, { kill }) => event.event === 'node-wait' && kill(signal));
    expect(await waiter.ended).toBe(signal === 'SIGINT' ? 130 : 143);
    expect(waiter.events.filter(({ event }) => event === 'node-wait')).toHaveLength(1);
    expect(holder.events.some((event) => event.event === 'node-end' && event.stage === 'train')).toBe(false);
    const short = await start({ S: 60 });
    expect(await short.ended).toBe(0); // it does not wait for the end of the long one
    expect(short.events.filter(({ event }) => event === 'node-wait')).toEqual([]);
    holder.kill('SIGINT');
    expect(await holder.ended).toBe(130);
  },
);
