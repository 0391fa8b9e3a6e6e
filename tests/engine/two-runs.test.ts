/** Two runs on one cache: each node is computed once, and who waits says for whom. */
import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { renameSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { Cache } from '../../src/cache/cache.ts';
import type { SwpEvent } from '../../src/engine/event.ts';
import { Rig, type ToyRun, type ToyStudy } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await Rig.create();
});
afterEach(() => rig.remove());

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
