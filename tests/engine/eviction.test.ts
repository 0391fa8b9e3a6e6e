/** Lazy artifacts: what was evicted is computed again only if a node that runs asks for it. */
import { rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { collectGarbage } from '../../src/cache/garbage-collection.ts';
import { expectedRestores, neededNodes } from '../../src/engine/needed-nodes.ts';
import { Rig, type ToyRun, type ToyStudy } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await Rig.create();
});
afterEach(() => rig.remove());

/** Its text is evictable, its total is not. */
const count = (to: number, from?: string): ToyStudy[string] => ({
  stage: 'count',
  params: { to },
  ...(from !== undefined && { from }),
});
const chain: ToyStudy = { A: count(3), B: count(4, 'A'), C: { from: 'B' } };

async function evict(run: ToyRun, ...artifacts: string[]): Promise<void> {
  for (const record of run.result.records.values())
    for (const name of artifacts)
      if (record.stage === 'count' && record.artifacts[name])
        await rm(rig.cache.artifactPath(record.artifacts[name]), { force: true });
  await rig.reopen();
}

it('nothing runs while nobody asks for what was evicted', async () => {
  await evict(await rig.run({ A: chain.A!, B: chain.B! }), 'text');
  const run = await rig.run({ A: chain.A!, B: chain.B! });
  expect(run.result).toMatchObject({ total: 2, cached: 2, ran: 0 });
});

it('a new node has what it consumes computed again, and what that was made of, as far as it is gone', async () => {
  const first = await rig.run({ A: chain.A!, B: chain.B! });
  await evict(first, 'text');
  const run = await rig.run({ ...chain });
  expect(run.ran).toEqual(['A', 'B', 'C']);
  expect(run.result).toMatchObject({ total: 3, cached: 0, ran: 3, warnings: [] });
  const reasons = run.events.flatMap((event) =>
    event.event === 'node-start' ? [[event.label.experiment, event.reason]] : [],
  );
  expect(reasons).toEqual([
    ['A', { kind: 'evicted', artifact: 'text', neededBy: 'B/s0/r0/step' }],
    ['B', { kind: 'evicted', artifact: 'text', neededBy: 'C/s0/r0/step' }],
    ['C', { kind: 'missing' }],
  ]);
});

it('gc evicts nothing that a run has made which has not ended, though no study has had it yet', async () => {
  const { scratch } = rig.cache;
  const folder = scratch.node.bind(scratch);
  const evicted: string[] = [];
  scratch.node = async () => {
    const { removed } = await collectGarbage(rig.cache, { keep: new Set() }, false);
    evicted.push(...removed.map(({ path }) => path));
    return folder();
  };
  const run = await rig.run({ ...chain });
  expect(run.ran).toEqual(['A', 'B', 'C']);
  expect(evicted).toEqual([]);
});

it('what is evicted just before a node has it is computed again, and is no failure of the node', async () => {
  await rig.run({ A: chain.A! });
  await rig.reopen();
  const { scratch } = rig.cache;
  const folder = scratch.node.bind(scratch);
  let evictions = 0;
  scratch.node = async () => {
    if (evictions++ === 0) await rm(rig.path('cache/artifacts'), { recursive: true });
    return folder();
  };
  const run = await rig.run({ A: chain.A!, B: chain.B! });
  expect(run.ran).toEqual(['A', 'B']);
  expect(run.result.failed).toBe(0);
});

it('the plan counts what will have to be computed again', async () => {
  await evict(await rig.run({ A: chain.A!, B: chain.B! }), 'text');
  const planned = await rig.plan(chain);
  const needed = neededNodes(planned, {});
  expect([...expectedRestores(planned, needed).values()]).toMatchObject([
    { kind: 'evicted', neededBy: 'C/s0/r0/step' },
    { kind: 'evicted', neededBy: 'B/s0/r0/step' },
  ]);
  const { events } = await rig.run(chain);
  expect(events[0]).toMatchObject({ event: 'plan', nodes: { total: 3, cached: 0, toRun: 3 } });
});

it('a node outside of what was asked for is computed again, too, if that needs it', async () => {
  await evict(await rig.run({ A: chain.A!, B: chain.B! }), 'text');
  const run = await rig.run(chain, { only: ['C'] });
  expect(run.ran).toEqual(['A', 'B', 'C']);
});

it('two nodes that need the same have it computed once', async () => {
  await evict(await rig.run({ A: count(3) }), 'text');
  const run = await rig.run({ A: count(3), C: { from: 'A' }, D: { from: 'A', params: { say: 'other' } } });
  expect(run.ran).toEqual(['A', 'C', 'D']);
});

it('a node that is equal to another one asks for nothing', async () => {
  const first = {
    start: { params: { say: 'aX' } },
    head: { stage: 'first', from: 'start' },
    N: count(3, 'head'),
  } satisfies ToyStudy;
  await evict(await rig.run(first), 'text');
  const run = await rig.run({ ...first, start: { params: { say: 'aY' } } });
  expect(run.ran).toEqual(['head', 'start']);
});

it('what is kept for ever is computed again at once when it is lost', async () => {
  await evict(await rig.run({ A: count(3) }), 'total');
  expect((await rig.run({ A: count(3) })).ran).toEqual(['A']);
});

it('other bits than before are told, and what was made of the earlier ones stands', async () => {
  const hidden = rig.path('hidden.txt');
  await writeFile(hidden, '1');
  const study: ToyStudy = { A: { stage: 'count', params: { to: 1, hiddenFile: hidden } }, old: { from: 'A' } };
  await evict(await rig.run(study), 'text');
  await writeFile(hidden, '2');
  const run = await rig.run({ ...study, fresh: { from: 'A', params: { say: 'fresh' } } });
  expect(run.ran).toEqual(['A', 'fresh']);
  expect(run.result.warnings).toMatchObject([
    { kind: 'other-bits', stage: 'count', node: 'A/s0/r0/step', artifacts: ['text'] },
  ]);
  expect((await rig.run(study)).result).toMatchObject({ cached: 2, ran: 0 });
});

it('what cannot be computed again blocks who asks for it, and nothing else', async () => {
  const gone = rig.path('gone.txt');
  await writeFile(gone, '1');
  const study: ToyStudy = { A: { stage: 'count', params: { to: 1, hiddenFile: gone } }, B: count(2, 'A') };
  await evict(await rig.run(study), 'text');
  await rm(gone);
  const run = await rig.run({ ...study, C: { from: 'B' }, D: {} });
  expect(run.ended('failed')).toEqual(['A']);
  expect(run.ended('blocked').sort()).toContain('C');
  expect(run.ran).toEqual(['D']);
});
