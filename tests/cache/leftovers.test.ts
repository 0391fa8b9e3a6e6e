/** What processes leave behind goes: by themselves, by the next one, or by gc. What lives stays; races harm nobody. */
import { createHash } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Cache } from '../../src/cache/cache.ts';
import { collectGarbage } from '../../src/cache/garbage-collection.ts';
import { artifactFiles, artifactName, recordName } from '../../src/cache/layout.ts';
import { processName, processSpace } from '../../src/cache/process-identity.ts';
import { verifyCache } from '../../src/verify/verify-cache.ts';
import { bundle } from '../engine/rig.ts';

const NAME = 'ab'.repeat(32);
let directory: string;
let cache: Cache;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'swp-leftovers-'));
  cache = await Cache.open(directory);
});
afterEach(async () => {
  await cache.scratch.clear();
  await rm(directory, { recursive: true });
});

const keyOf = (at: number) => at.toString(16).padStart(2, '0').repeat(32);
async function publish(at: number, evictable: boolean): Promise<void> {
  const path = join(await cache.scratch.node(), 'a.bin');
  await writeFile(path, `content ${at}`);
  await cache.publish({
    key: keyOf(at),
    contentKey: keyOf(at + 100),
    stage: 's',
    preimage: {},
    contentPreimage: {},
    outputs: { a: { path, file: 'a.bin', evictable } },
    metrics: {},
    environment: {},
    seconds: 0,
    startedAt: new Date(0),
    finishedAt: new Date(at * 1000),
  });
}

describe('of a process that ends', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s leaves nothing in tmp/ nor elsewhere', async (signal) => {
    const elsewhere = join(directory, 'elsewhere');
    await mkdir(elsewhere);
    const script = await bundle('tests/cache/lease-holder.ts');
    const child = execa(process.execPath, [script, directory, NAME, 'swp-'], {
      reject: false,
      stdin: 'pipe',
      env: { TMPDIR: elsewhere },
    });
    await new Promise((resolve) => child.stdout.once('data', resolve)); // it holds a lease
    for (const folder of [join(directory, 'tmp'), elsewhere]) expect(await readdir(folder)).toHaveLength(1);
    child.kill(signal);
    expect((await child).signal).toBe(signal);
    for (const folder of [join(directory, 'tmp'), elsewhere]) expect(await readdir(folder)).toEqual([]);
  });

  it('SIGKILL leaves what the next process sweeps', async () => {
    const child = execa(process.execPath, [await bundle('tests/cache/lease-holder.ts'), directory, NAME], {
      reject: false,
      stdin: 'pipe',
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill('SIGKILL');
    await child;
    expect(await readdir(join(directory, 'leases/holders'))).toHaveLength(1);
    expect((await cache.leases.acquire(NAME, 'here')).kind).toBe('held');
    const [own] = await readdir(join(directory, 'tmp'));
    expect(own).toMatch(processName());
    cache.leases.close();
    for (const folder of ['leases/holders', 'leases/ab']) expect(await readdir(join(directory, folder))).toEqual([]);
  });
});

it('gc removes what has shown no sign of life for a day, unless its process is known to live', async () => {
  const OLD = Date.now() / 1000 - 25 * 3600;
  const place = async (path: string, content = '', ages: number[] = [OLD]) => {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
    for (let each = join(directory, path); ages.length > 0; each = dirname(each)) {
      const age = ages.shift()!;
      await utimes(each, age, age);
    }
  };
  const NOW = Date.now() / 1000;
  const lease = (id: string) => JSON.stringify({ nonce: 'n', holder: { id, space: 'a', pid: 1 } });
  const [living, elsewhere] = [`${processName()}-aa`, '0123456789ab-1-1'];
  const dead = `${processSpace()}-${process.pid}-1-aa`; // the number is another process's by now
  const kept = {
    [`tmp/${living}/own/node-1/x`]: [OLD, OLD, OLD, OLD],
    [`tmp/${elsewhere}-aa/own/node-1/x`]: [NOW, OLD, OLD, OLD],
    [`tmp/${elsewhere}-bb/own/node-1/x`]: [OLD, OLD, OLD, NOW],
    [`leases/holders/${elsewhere}-aa`]: [NOW],
    [`leases/ab/${'1'.repeat(64)}.json`]: [OLD],
    [`leases/ab/${'2'.repeat(64)}.json`]: [NOW],
  };
  const gone = {
    [`tmp/${dead}/own/node-1/x`]: [NOW, NOW, NOW, NOW],
    [`tmp/${elsewhere}-cc/own/node-1/x`]: [OLD, OLD, OLD, OLD],
    [`leases/holders/${elsewhere}-cc`]: [OLD],
    [`leases/cd/${'3'.repeat(64)}.json`]: [OLD],
    [`leases/cd/${'4'.repeat(64)}.broken-0123456789abcdef.json`]: [OLD],
    [`leases/cd/${'5'.repeat(64)}.json`]: [OLD],
    [`leases/cd/${'6'.repeat(64)}.json`]: [NOW],
  };
  const contents = [
    lease(`${elsewhere}-aa`),
    '',
    lease(`${elsewhere}-cc`),
    lease(`${elsewhere}-dd`),
    'no lease',
    lease(dead),
  ];
  for (const [path, ages] of Object.entries({ ...kept, ...gone }))
    await place(path, path.endsWith('.json') ? contents.shift() : 'x', [...ages]);
  const { removed, refused } = await collectGarbage(cache, { keep: new Set() }, false);
  const names = (await readdir(directory, { recursive: true })).filter((name) =>
    /\/x$|[0-9]\.json$|holders\//.test(name),
  );
  expect(names.sort()).toEqual(Object.keys(kept).sort());
  expect([removed.length, refused]).toEqual([Object.keys(gone).length - 1, []]); // one was swept when gc began
});

it('gc removes what was sent to a cluster long ago, and nothing of it that may still be of use', async () => {
  const submissions = join(directory, 'studies', NAME, 'slurm');
  const months = (count: number) => new Date(Date.now() - count * 30 * 24 * 3600 * 1000);
  for (const [id, ages] of Object.entries({ old: [4, 4], queued: [4, 2] })) {
    await mkdir(join(submissions, id), { recursive: true });
    for (const [index, age] of ages.entries()) {
      const file = join(submissions, id, `${index}.jsonl`);
      await writeFile(file, '{}\n');
      await utimes(file, months(age), months(age));
    }
    await utimes(join(submissions, id), months(4), months(4));
  }
  await writeFile(join(submissions, 'a file'), '');
  const { removed } = await collectGarbage(cache, { keep: new Set() }, false);
  expect(removed).toEqual([{ kind: 'submission', path: join(submissions, 'old'), bytes: 6 }]);
  expect((await readdir(submissions)).sort()).toEqual(['a file', 'queued']);
});

describe('what goes while somebody looks at it is no error', () => {
  beforeEach(async () => {
    for (let at = 1; at <= 4; at++) await publish(at, at > 1);
  });

  it('verify: artifacts that gc evicts, records that another verify puts aside', async () => {
    const progress = () => {
      for (const { path } of artifactFiles(directory)) rmSync(path);
      for (let at = 2; at <= 4; at++) rmSync(join(directory, recordName(keyOf(at))), { force: true });
    };
    const { artifacts } = await verifyCache(cache, { progress });
    expect(artifacts).toBe(1);
  });

  it('gc: what another gc has removed, and what a run has made anew', async () => {
    const [kept, anew, ...others] = ['content 1', 'content 2', 'content 3', 'content 4'].map((text) => {
      const sha256 = createHash('sha256').update(text).digest('hex');
      return join(directory, artifactName({ sha256, file: 'a.bin' }));
    });
    const keep = new Set<string>();
    keep.has = () => {
      for (const path of others) rmSync(path, { force: true });
      writeFileSync(join(directory, 'made anew'), 'content 2');
      renameSync(join(directory, 'made anew'), anew!);
      return false;
    };
    await collectGarbage(cache, { keep, keepLast: 0 }, false);
    expect(artifactFiles(directory).map(({ path }) => path)).toEqual([kept, anew].sort());
  });
});
