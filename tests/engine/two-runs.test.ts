/** Two runs on one cache: each node is computed once, and who waits says for whom. */
import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { renameSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Cache } from '../../src/cache/cache.ts';
import type { SwpEvent } from '../../src/engine/event.ts';
import { Rig, type ToyRun, type ToyStudy } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await Rig.create();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rig.remove();
});

/** Two runs, the second one begun when the first one computes A; `then` is called when the second one waits for it. */
async function together(
  study: ToyStudy,
  then: (first: { say(): void; pid: number }) => void,
  other: ToyStudy = study,
): Promise<{ first: ToyRun; second: ToyRun; waits: Extract<SwpEvent, { event: 'node-wait' }>[] }> {
  const server = createServer().listen(rig.path('socket'));
  onTestFinished(() => void server.close());
  const connected = once(server, 'connection') as Promise<[Socket]>;
  let pid = 0;
  let first!: Promise<ToyRun>;
  const holding = new Promise<void>((resolve) => {
    first = rig.run(study, {
      onEvent: (event) => {
        if (event.event !== 'node-log' || !event.line.startsWith('holding ')) return;
        pid = Number(event.line.slice(8));
        resolve();
      },
    });
  });
  const [socket] = await connected;
  socket.on('error', () => {});
  server.on('connection', (later: Socket) => later.on('error', () => {}).write('go on'));
  await holding;
  const cache = rig.cache;
  await rig.reopen(); // a cache of its own, as another process has
  const waits: Extract<SwpEvent, { event: 'node-wait' }>[] = [];
  const second = rig.run(other, {
    onEvent: (event) => {
      if (event.event !== 'node-wait') return;
      waits.push(event);
      // On a busy machine the first run may still be at C, which the second one then waits for, too.
      if (event.label.experiment === 'A') then({ say: () => void socket.write('go on'), pid });
    },
  });
  const runs = { first: await first, second: await second, waits };
  expect(cache).not.toBe(rig.cache);
  return runs;
}

const held = (): ToyStudy => ({
  A: { params: { do: 'wait for a word', connect: rig.path('socket') } },
  B: { from: 'A' },
  C: {},
});

it('compute each node once; the second one waits for the first, and goes on with other nodes meanwhile', async () => {
  const { first, second, waits } = await together(held(), ({ say }) => say());
  expect(first.ran).toContain('A');
  expect([...first.ran, ...second.ran].sort()).toEqual(['A', 'B', 'C']);
  expect(second.result).toMatchObject({ total: 3, failed: 0, blocked: 0 });
  expect(waits.filter(({ label }) => label.experiment === 'A')).toMatchObject([
    { holder: { pid: process.pid, place: 'A/s0/r0/step' } },
  ]);
});

it('of which the first one fails at a node: the second one tries itself', async () => {
  const { first, second } = await together(held(), ({ pid }) => process.kill(pid, 'SIGKILL'));
  expect(first.ended('failed')).toEqual(['A']);
  expect(second.events.some((event) => event.event === 'node-start' && event.label.experiment === 'A')).toBe(true);
});

it('whose recipes differ but whose content is the same compute it once, too', async () => {
  const start = (say: string): ToyStudy => ({ start: { params: { say } }, head: { stage: 'first', from: 'start' } });
  const end: ToyStudy = { A: { from: 'head', params: { do: 'wait for a word', connect: rig.path('socket') } } };
  const { first, second } = await together({ ...start('aX'), ...end }, ({ say }) => say(), { ...start('aY'), ...end });
  expect(first.ran).toContain('A');
  expect(second.ran).toEqual(['head', 'start']);
  expect(second.result).toMatchObject({ failed: 0, cached: 1 });
});

describe('on one trajectory', () => {
  const count = (to: number): ToyStudy[string] => ({ stage: 'count', params: { to } });
  /** A run whose training stands still at a length; resolves once its checkpoint there is kept. */
  const standing = async (study: ToyStudy, at: number) => {
    vi.stubEnv('TOY_HOLD', String(at));
    let pid = 0;
    let ended!: Promise<ToyRun>;
    await new Promise<void>((resolve) => {
      ended = rig.run(study, {
        checkpointSeconds: 0,
        onEvent: (event) => {
          if (event.event === 'node-log' && event.line.startsWith('holding ')) pid = Number(event.line.slice(8));
          if (event.event === 'node-checkpoint' && event.at === at) resolve();
        },
      });
    });
    vi.unstubAllEnvs();
    await rig.reopen();
    return { ended, kill: () => process.kill(pid, 'SIGKILL') };
  };

  it('a short one does not wait for a long one: it computes its own piece', async () => {
    const long = await standing({ L: count(20) }, 12);
    const short = await rig.run({ S: count(5) });
    expect([short.ran, short.events.filter(({ event }) => event === 'node-wait')]).toEqual([['S'], []]);
    long.kill();
    expect((await long.ended).ended('failed')).toEqual(['L']);
  });

  it('a long one waits for a short one, from which it goes on, and says so once', async () => {
    const short = await standing({ S: count(5) }, 3);
    const long = await rig.run({ L: count(9) }, { onEvent: ({ event }) => event === 'node-wait' && short.kill() });
    await short.ended;
    expect(long.ran).toEqual(['L']);
    expect(long.events.filter(({ event }) => event === 'node-wait')).toMatchObject([
      { label: { experiment: 'L' }, holder: { pid: process.pid, place: 'S/s0/r0/step' } },
    ]);
  });

  it('a checkpoint that another run removes just when it is chosen costs time and nothing else', async () => {
    const killed = await standing({ L: count(20) }, 12);
    killed.kill();
    await killed.ended;
    const { trajectories } = rig.cache;
    const checkpoint = trajectories.checkpoint.bind(trajectories);
    let removed = 0;
    trajectories.checkpoint = async (...args) => {
      const found = await checkpoint(...args);
      if (found === undefined) return undefined;
      removed++;
      await rm(rig.path('cache/trajectories'), { recursive: true });
      return found;
    };
    expect((await rig.run({ L: count(20) })).ran).toEqual(['L']);
    expect(removed).toBe(1);
  });
});

it('leave no lease behind', async () => {
  await together(held(), ({ say }) => say());
  const store = (await Cache.open(rig.cache.directory)).leases;
  expect((await store.acquire('ef'.repeat(32), 'x')).kind).toBe('held');
  await store.close();
});

it('of which one has published a result but still holds its lease: the other one takes the result at once', async () => {
  const made = [...(await rig.run({ A: {} })).result.records.values()][0]!;
  const { key, contentKey } = made;
  const published = [
    rig.cache.recordPath(key),
    rig.path('cache/contents', contentKey.slice(0, 2), `${contentKey}.json`),
  ];
  for (const path of published) await rename(path, `${path}.later`);
  const { leases } = await Cache.open(rig.cache.directory);
  onTestFinished(() => leases.close());
  expect((await leases.acquire(contentKey, 'elsewhere')).kind).toBe('held');
  await rig.reopen();
  const { result, events } = await rig.run(
    { A: {} },
    {
      onEvent: ({ event }) => {
        if (event === 'node-wait') for (const path of published) renameSync(`${path}.later`, path);
      },
    },
  );
  expect(result).toMatchObject({ cached: 1, ran: 0, failed: 0 });
  expect(events.filter(({ event }) => event === 'node-wait')).toHaveLength(1);
});
