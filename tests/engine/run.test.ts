/** What a run computes, reuses, and reports. */
import { chmod, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Rig, placeFor, type ToyStudy } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await Rig.create();
});
afterEach(() => rig.remove());

const CHAIN: ToyStudy = { A: {}, B: { from: 'A' }, C: { from: 'B', and: 'A' } };

describe('what is computed', () => {
  it('is what is missing, and nothing the second time', async () => {
    const first = await rig.run(CHAIN);
    expect(first.ran).toEqual(['A', 'B', 'C']);
    expect(await first.read('C')).toBe('AB+AC');

    const second = await rig.run(CHAIN);
    expect(second.result).toMatchObject({
      total: 3,
      cached: 3,
      ran: 0,
      failed: 0,
      blocked: 0,
      failures: [],
      warnings: [],
    });
    expect(second.events).toEqual([{ event: 'plan', nodes: { total: 3, cached: 3, toRun: 0 }, stages: {} }]);
  });

  it('is one node for two places with the same recipe', async () => {
    const same = { say: 'same' };
    const { result, events } = await rig.run({
      A: { params: same },
      B: { params: same },
      C: { from: 'A' },
      D: { from: 'B', params: { say: 'C' } },
    });
    expect(result).toMatchObject({ total: 2, ran: 2 });
    expect(events).toContainEqual(
      expect.objectContaining({
        event: 'node-start',
        label: expect.objectContaining({ experiment: 'A' }),
        sharedBy: 2,
      }),
    );
  });

  it('is the changed node and what follows from it, when a parameter changes', async () => {
    await rig.run(CHAIN);
    const { ran } = await rig.run({ ...CHAIN, B: { from: 'A', params: { say: 'b' } } });
    expect(ran).toEqual(['B', 'C']);
  });

  it("is what uses a stage, when the stage's code changes", async () => {
    const study: ToyStudy = { A: {}, B: { stage: 'first', from: 'A' } };
    await rig.run(study);
    rig.fingerprints.first = 'first-2';
    expect((await rig.run(study)).ran).toEqual(['B']);
  });

  it('stops where a changed node makes the same content as before (early cutoff)', async () => {
    const study = (say: string): ToyStudy => ({
      A: { params: { say } },
      B: { stage: 'first', from: 'A' },
      C: { from: 'B' },
    });
    const before = await rig.run(study('xy'));
    const { result, ran, ended, events } = await rig.run(study('xz'));
    expect(ran).toEqual(['A', 'B']);
    expect(ended('cached')).toEqual(['C']);
    const [sourceKey] = [...before.result.records.keys()].slice(-1);
    expect(events).toContainEqual(
      expect.objectContaining({ event: 'node-start', reason: { kind: 'same-content', sourceKey } }),
    );
    const alias = [...result.records.values()].at(-1)!;
    expect(alias).toMatchObject({ aliasOf: sourceKey, artifacts: before.result.records.get(sourceKey!)!.artifacts });
    expect((await rig.run(study('xz'))).result).toMatchObject({ cached: 3, ran: 0 });
  });

  it('is done once for two recipes that turn out the same at the same time', async () => {
    const { ran, ended } = await rig.run({
      A: { params: { say: 'xy' } },
      B: { params: { say: 'xz' } },
      C: { stage: 'first', from: 'A' },
      D: { stage: 'first', from: 'B' },
      E: { from: 'C', params: { say: '!' } },
      F: { from: 'D', params: { say: '!' } },
    });
    expect(ran).toHaveLength(5);
    expect(ended('cached')).toHaveLength(1);
    expect(['E', 'F']).toContain(ended('cached')[0]);
  });

  it('is only what the targets need', async () => {
    const study: ToyStudy = { ...CHAIN, D: {}, E: { from: 'D' } };
    const { ran, result } = await rig.run(study, { only: ['B'] });
    expect(ran).toEqual(['A', 'B']);
    expect(result.total).toBe(2);
    expect((await rig.run(study, { only: ['B'] })).result).toMatchObject({ total: 1, cached: 1 });
  });

  it('is again what has lost an artifact, and not what follows from it', async () => {
    const first = await rig.run(CHAIN);
    const [a] = [...first.result.records.values()];
    const path = rig.cache.artifactPath(a!.artifacts.text!);
    await rm(path);
    expect((await rig.run(CHAIN)).ran).toEqual(['A']);
    expect(await readFile(path, 'utf8')).toBe('A');
  });
});

describe('gathering', () => {
  const gather = (params: ToyStudy['A']): ToyStudy => ({ A: {}, B: params, C: { stage: 'list', all: ['A', 'B'] } });

  it('sees every result with its label, in order', async () => {
    const { read } = await rig.run(gather({}));
    expect(await read('C')).toBe('A: A\nB: B');
  });

  it('goes on without what failed, under a key of its own', async () => {
    const study = gather({ params: { do: 'throw' } });
    const holed = await rig.run(study);
    expect(holed.ran).toEqual(['A', 'C']);
    expect(holed.ended('failed')).toEqual(['B']);
    expect(await holed.read('C')).toBe('A: A\nB: missing');
    const [key, record] = [...holed.result.records].at(-1)!;
    expect(record.key).not.toBe(key);
    expect(JSON.stringify(record.preimage)).toContain('"missing":true');
    expect(await rig.cache.record(key)).toBeUndefined();

    const again = await rig.run(study);
    expect(again.ended('failed')).toEqual(['B']);
    expect(again.result).toMatchObject({ cached: 2, ran: 0, failed: 1 });
  });
});

describe('a dismissed record', () => {
  it('is computed again, in the study that dismissed it and in no other', async () => {
    const mine = await rig.study('mine.json');
    const theirs = await rig.study('theirs.json');
    const { result } = await rig.run(CHAIN, { study: mine });
    await rig.run(CHAIN, { study: theirs });
    const record = [...result.records.values()][1]!;
    await mine.dismiss(record, [placeFor('B')], 'a doubt');

    expect((await rig.run(CHAIN, { study: await rig.study('theirs.json') })).result).toMatchObject({
      cached: 3,
      ran: 0,
    });
    const reopened = await rig.study('mine.json');
    expect((await rig.plan(CHAIN, reopened)).at('B')).toMatchObject({
      state: 'stale',
      reason: { kind: 'invalidated', why: 'a doubt' },
    });
    const again = await rig.run(CHAIN, { study: reopened });
    expect(again.ran).toEqual(['B']);
    expect((await rig.run(CHAIN, { study: await rig.study('mine.json') })).result).toMatchObject({ cached: 3, ran: 0 });
  });

  it('is computed again even though another recipe has the same content', async () => {
    const recipe = (say: string): ToyStudy => ({
      A: { params: { say } },
      B: { stage: 'first', from: 'A' },
      C: { from: 'B' },
    });
    await rig.run(recipe('xy'));
    const study = await rig.study();
    const { result } = await rig.run(recipe('xz'), { study });
    const alias = [...result.records.values()].at(-1)!;
    expect(alias.aliasOf).toBeDefined();
    await study.dismiss(alias, [placeFor('C')]);
    const { ran, events } = await rig.run(recipe('xz'), { study });
    expect(ran).toEqual(['C']);
    expect(events).toContainEqual(expect.objectContaining({ event: 'node-start', reason: { kind: 'invalidated' } }));
  });

  it('whose rerun comes out the same lets what follows from it stand: nothing is told of that', async () => {
    const study = await rig.study();
    const { result } = await rig.run(CHAIN, { study });
    await study.dismiss([...result.records.values()][0]!, [placeFor('A')]);
    const again = await rig.run(CHAIN, { study });
    expect(again.ran).toEqual(['A']);
    expect(again.result).toMatchObject({ total: 3, cached: 2, ran: 1 });
    expect(again.events[0]).toMatchObject({ event: 'plan', nodes: { total: 3, cached: 2, toRun: 1 } });
    expect(again.ended('cached')).toEqual([]);
  });

  it('whose rerun comes out different makes what follows from it run again', async () => {
    const hidden: ToyStudy = {
      A: { params: { hiddenFile: rig.path('hidden') } },
      B: { from: 'A' },
      C: { stage: 'first', from: 'B' },
      D: { from: 'C' },
    };
    await writeFile(rig.path('hidden'), 'one');
    const study = await rig.study();
    const { result } = await rig.run(hidden, { study });
    await writeFile(rig.path('hidden'), 'only');
    await study.dismiss([...result.records.values()][0]!, [placeFor('A')]);
    const { ran, events, read } = await rig.run(hidden, { study });
    expect(ran).toEqual(['A', 'B', 'C']);
    expect(events).toContainEqual(
      expect.objectContaining({ event: 'node-start', reason: { kind: 'input-differs', input: 'from' } }),
    );
    expect(await read('D')).toBe('oD');
  });
});

describe('damage', () => {
  it('to a record costs a warning and a rerun; the damaged file is kept aside', async () => {
    const first = await rig.run(CHAIN);
    const key = [...first.result.records.keys()][1]!;
    const path = rig.cache.recordPath(key);
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.slice(0, 100));
    const { ran, result } = await rig.run(CHAIN);
    expect(ran).toEqual(['B']);
    expect(result.warnings).toEqual([expect.objectContaining({ kind: 'content', path })]);
    expect((await rig.cache.record(key))!.artifacts).toEqual(JSON.parse(text).artifacts);
    const [aside] = await readdir(rig.path('cache/damaged'));
    expect(await readFile(rig.path('cache/damaged', aside!), 'utf8')).toBe(text.slice(0, 100));
  });

  it('to an artifact is noticed by who reads it: it is put aside, and computed again', async () => {
    const first = await rig.run({ A: {} });
    const artifact = [...first.result.records.values()][0]!.artifacts.text!;
    const path = rig.cache.artifactPath(artifact);
    await chmod(path, 0o644);
    await writeFile(path, 'B');
    await rig.reopen();
    const run = await rig.run({ A: {}, C: { from: 'A' } });
    expect(run.ran).toEqual(['A', 'C']);
    expect(await run.read('C')).toBe('AC');
    const [name] = await readdir(rig.path('cache/damaged'));
    expect(await readFile(rig.path('cache/damaged', name!), 'utf8')).toBe('B');
    const remedy = `It is kept as ${rig.path('cache/damaged', name!)}, and computed again. Check the disk.`;
    expect(run.result.warnings).toMatchObject([
      { kind: 'content', path, message: expect.stringContaining('SHA-256'), remedy },
    ]);
  });
});

it("counts what its nodes did even if the study's memory cannot be written: that only explains", async () => {
  await rm(join(rig.cache.directory, 'studies'), { recursive: true });
  await symlink('gone', join(rig.cache.directory, 'studies'));
  const { result } = await rig.run({ A: {}, B: { params: { do: 'throw' } } });
  expect(result).toMatchObject({
    ran: 1,
    failed: 1,
    warnings: [{ kind: 'file', operation: 'write', code: 'ENOENT' }],
  });
  expect(await readdir(rig.cache.directory + '/tmp')).toEqual([]);
});

it('of a cache that cannot be written fails node by node, and says why', async () => {
  await rig.run({ A: {} });
  await rig.reopen();
  await rm(join(rig.cache.directory, 'tmp'), { recursive: true });
  await writeFile(join(rig.cache.directory, 'tmp'), 'in the way');
  const { result } = await rig.run({ A: {}, B: { from: 'A' } });
  expect(result).toMatchObject({
    cached: 1,
    failed: 1,
    failures: [{ label: { experiment: 'B' }, failure: { kind: 'file', operation: 'create' } }],
  });
});

describe('an external file', () => {
  it('counts by its content', async () => {
    const study: ToyStudy = { A: { params: { file: 'data' } } };
    await writeFile(rig.path('data'), 'one');
    expect((await rig.run(study)).ran).toEqual(['A']);
    await writeFile(rig.path('data'), 'one');
    expect((await rig.run(study)).ran).toEqual([]);
    await writeFile(rig.path('data'), 'two');
    expect((await rig.run(study)).ran).toEqual(['A']);
  });

  it.each([true, false])('that changes while a node uses it: nothing is recorded, in key: %s', async (fileInKey) => {
    await writeFile(rig.path('data'), 'one');
    const { result } = await rig.run({ A: { params: { file: 'data', fileInKey, changes: rig.path('data') } }, B: {} });
    expect(result).toMatchObject({ ran: 1, failed: 1 });
    expect(result.failures).toMatchObject([
      {
        failure: {
          ...{ kind: 'file-changed', path: rig.path('data'), stage: 'text' },
          change: 'has 10 bytes instead of 3',
        },
      },
    ]);
    expect(await rig.cache.record(result.failures[0]!.key)).toBeUndefined();
  });
});
