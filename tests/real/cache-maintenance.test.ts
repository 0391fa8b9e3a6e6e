/** swp gc and swp verify, on caches that the real stages filled. */
import { chmod, cp, mkdtemp, open, readdir, rm, truncate, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { reseal } from '../support/reseal.ts';
import { SwpProject } from '../support/swp-project.ts';
import type { CacheRecord } from '../../src/cache/record.ts';
import { tinyStudy } from '../support/tiny-study.ts';

/** Filled once; each test works on a copy. */
let filled: string;
beforeAll(async () => {
  filled = await mkdtemp(join(tmpdir(), 'swp-filled-'));
});
afterAll(() => rm(filled, { recursive: true, force: true }));

let made: Promise<void> | undefined;
async function project(): Promise<SwpProject> {
  const fresh = await SwpProject.create(tinyStudy());
  made ??= (async () => {
    expect((await fresh.swp('repro')).exitCode).toBe(0);
    await cp(fresh.path('cache'), filled, { recursive: true, preserveTimestamps: true });
  })();
  await made;
  await cp(filled, fresh.path('cache'), { recursive: true, preserveTimestamps: true });
  return fresh;
}

const artifacts = async (of: SwpProject) =>
  (await readdir(of.path('cache/artifacts'), { recursive: true }))
    .filter((name) => name.includes('/'))
    .map((name) => of.path('cache/artifacts', name));
const weights = async (of: SwpProject) => (await artifacts(of)).filter((path) => path.endsWith('.safetensors'));
interface Collected {
  removed: { kind: string; path: string }[];
  kept: { files: number };
}
const gc = async (of: SwpProject, ...args: string[]) => (await of.swp('gc', '--json', ...args)).json<Collected>()[0]!;
const counts = async (of: SwpProject) => (await of.swp('repro', '--json')).json<{ nodes: object }>().at(-1)!.nodes;

describe('swp gc', () => {
  test('by itself removes what no study refers to, and nothing else', async () => {
    const of = await project();
    expect((await gc(of)).removed).toEqual([]);
    const stray = of.path('cache/artifacts/aa', `${'aa'.repeat(32)}.safetensors`);
    await of.write(`cache/artifacts/aa/${'aa'.repeat(32)}.safetensors`, 'left by a crash');
    expect((await gc(of)).removed).toEqual([]); // a running process may be about to write its record
    await utimes(stray, 1, 1);
    expect((await gc(of)).removed).toMatchObject([{ kind: 'unreferenced', path: stray }]);
    // Another parameter: what the study had before, nobody refers to any more.
    const study = tinyStudy();
    study.experiments = { A1: {} };
    await of.write('pipeline.json', study);
    await of.swp('repro');
    await rm(of.path('cache/studies'), { recursive: true });
    await of.swp('repro', '--json', 'experiment=A1');
    expect((await gc(of)).removed.length).toBeGreaterThan(0);
    expect(await counts(of)).toMatchObject({ ran: 0 });
  });

  test('keeps records and metrics by every rule; evicted weights cost nothing until something needs them', async () => {
    const of = await project();
    const before = await artifacts(of);
    const dry = await gc(of, '--keep-last', '0', '--dry-run');
    expect(await artifacts(of)).toEqual(before);
    const done = await gc(of, '--keep-last', '0');
    expect(done).toEqual({ ...dry, dryRun: false });
    expect(done.removed.length).toBeGreaterThan(5);
    expect((await weights(of)).filter((path) => done.removed.some((each) => each.path === path))).toEqual([]);
    const study = tinyStudy();
    expect(await counts(of)).toMatchObject({ total: 10, cached: 10, ran: 0 });
    study.defaults.params.eval = { ...study.defaults.params.eval, sequences: 16 };
    await of.write('pipeline.json', study);
    const result = await of.swp('repro', '--json');
    expect(result.json<{ nodes: object }>().at(-1)!.nodes).toMatchObject({ failed: 0, blocked: 0 });
    expect(result.stderr).toBe(''); // the same bits as before
  });

  test('removes nothing for a word that is no number', async () => {
    const of = await project();
    const before = await artifacts(of);
    for (const word of ['all', '-1', '1.5', '']) {
      const { exitCode, stderr } = await of.swp('gc', '--keep-last', word);
      expect([exitCode, stderr.split('\n')[0]]).toEqual([
        2,
        `error: option '--keep-last <number>' argument '${word}' is invalid. It must be a whole number, 0 or more.`,
      ]);
    }
    expect(await artifacts(of)).toEqual(before);
  });

  test('keeps what a rule names: experiments, the newest, a size', async () => {
    const of = await project();
    const all = (await gc(of, '--keep-last', '0', '--dry-run')).removed.length;
    const keeping = async (...args: string[]) => all - (await gc(of, ...args, '--dry-run')).removed.length;
    expect(await keeping('--keep', 'experiment=A1', '--keep', 'stage=prune')).toBeGreaterThan(2);
    const lasting = new Set((await gc(of, '--keep-last', '0', '--dry-run')).removed.map(({ path }) => path));
    for (const { path } of (await gc(of, '--keep-last', '3', '--dry-run')).removed) lasting.delete(path);
    const { nodes } = (await of.swp('show', 'stage=*', '--json')).json<{
      nodes: { record: Pick<CacheRecord, 'finishedAt' | 'artifacts'> }[];
    }>()[0]!;
    const large = nodes
      .map(({ record }) => record)
      .filter(({ artifacts: made }) => made.weights !== undefined)
      .sort((a, b) => (a.finishedAt < b.finishedAt ? 1 : -1));
    for (const { weights, optimizer } of large.slice(0, 3).map(({ artifacts: made }) => made)) {
      const stored = weights!.madeOf?.parts.weights ?? weights!; // of pruned weights, what they are made of
      for (const { sha256 } of [stored, ...(optimizer === undefined ? [] : [optimizer])])
        expect([...lasting].some((path) => path.includes(sha256))).toBe(true);
    }
    expect(await keeping('--younger', '1h')).toBe(all);
    expect(await keeping('--max-size', '1TB')).toBe(all);
    expect(await keeping('--max-size', '0B')).toBe(0);
    // A size evicts no more than it takes, and nothing that another rule keeps.
    expect(await keeping('--max-size', '1TB', '--keep', 'experiment=A1')).toBe(all);
    expect(await keeping('--max-size', '0B', '--keep', 'experiment=A1')).toBe(await keeping('--keep', 'experiment=A1'));
    expect(await keeping('--max-size', '0B', '--keep-last', '2')).toBe(await keeping('--keep-last', '2'));
    expect((await of.swp('repro', '--memory-per-node', '10MB')).stderr).toContain('It must be 64MB or more');
    expect((await of.swp('gc', '--max-size', 'much')).stderr).toContain('It must be a size such as 50GB or 512MiB.');
    expect((await of.swp('gc', '--keep', 'experiment=Z9')).exitCode).toBe(2);
  });

  test('keeps everything of a cache with a record that cannot be read', async () => {
    const of = await project();
    const [shard] = await readdir(of.path('cache/records'));
    const [name] = await readdir(of.path('cache/records', shard!));
    await truncate(of.path('cache/records', shard!, name!), 20);
    for (const path of await artifacts(of)) await utimes(path, 1, 1);
    const { stdout, stderr } = await of.swp('gc', '--dry-run');
    expect(stdout).toContain('Would free 0 B');
    expect(stderr).toContain('1 record cannot be read: what they refer to is kept.');
  });
});

describe('swp verify', () => {
  async function flipBit(path: string): Promise<void> {
    await chmod(path, 0o644);
    const file = await open(path, 'r+');
    const { size } = await file.stat();
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, size - 1);
    byte[0]! ^= 4;
    await file.write(byte, 0, 1, size - 1);
    await file.close();
  }

  test('finds a flipped bit, a truncated file and a wrong record; the next run heals them', async () => {
    const of = await project();
    expect((await of.swp('verify')).stdout).toMatch(/^10 records and \d+ artifacts \([\d.]+ MB\): all whole\.$/);
    const [flipped] = await weights(of);
    await flipBit(flipped!);
    const cut = (await artifacts(of)).find((path) => path.endsWith('.json'))!;
    await chmod(cut, 0o644);
    await truncate(cut, 3);
    const [shard] = await readdir(of.path('cache/records'));
    const [name] = await readdir(of.path('cache/records', shard!));
    const record = of.path('cache/records', shard!, name!);
    await reseal<{ preimage: { version: number } }>(record, ({ preimage }) => void (preimage.version = 2));

    const found = await of.swp('verify');
    expect(found.exitCode).toBe(1);
    expect(found.stdout).toContain(`damaged: ${flipped}: its SHA-256 is `);
    expect(found.stdout).toContain(`damaged: ${cut}: `);
    expect(found.stdout).toContain(`damaged: ${record}: its key is not the hash of its pre-image.`);
    expect(await readdir(of.path('cache/damaged'))).toHaveLength(3);
    expect(await counts(of)).toMatchObject({ total: 10, failed: 0 });
    expect((await of.swp('verify')).exitCode).toBe(0);
  });

  test('--heal computes again what is lost at once; --sample reads less', async () => {
    const of = await project();
    const curve = (await artifacts(of)).find((path) => path.endsWith('.json'))!;
    await rm(curve);
    const healed = await of.swp('verify', '--heal', '--json');
    expect(healed.json<{ nodes?: object }>().at(-1)!.nodes).toMatchObject({ total: 10, failed: 0 });
    expect((await of.swp('verify')).exitCode).toBe(0);
    const read = (result: { json<V>(): V[] }) => result.json<{ artifacts: number }>()[0]!.artifacts;
    expect(read(await of.swp('verify', '--json', '--sample', '30%'))).toBeLessThan(
      read(await of.swp('verify', '--json')),
    );
  });

  test('--recompute runs nodes again: the same bits, or it says how far they are', async () => {
    const of = await project();
    const same = await of.swp('verify', '--recompute', 'stage=train,prune', 'experiment=A1');
    expect(same.stdout.split('\n').map((line) => line.split(' ')[0])).toEqual(['same', 'same', 'same']);
    expect(same.exitCode).toBe(0);
    // A record of other bits, as another machine would have left it.
    const { record } = (await of.swp('show', 'stage=train', 'experiment=A1', 'round=1', '--json')).json<{
      record: { key: string; artifacts: Record<string, { sha256: string }> };
    }>()[0]!;
    const path = of.path('cache/records', record.key.slice(0, 2), `${record.key}.json`);
    const other = record.artifacts.optimizer!.sha256;
    await reseal<typeof record & { metrics: object }>(path, ({ artifacts, metrics }) => {
      artifacts.weights!.sha256 = other;
      Object.assign(metrics, { finalLoss: 1.25 });
    });
    const different = await of.swp('verify', '--recompute', 'stage=train', 'experiment=A1', 'round=1');
    expect(different.stdout).toMatch(
      /^different A1 seed 0 round 1 train: weights: .*; metrics: finalLoss was 1\.25, and is \d/,
    );
    expect(different.exitCode).toBe(1);
    await gc(of, '--keep-last', '0');
    expect((await of.swp('verify', '--recompute', 'stage=prune')).stdout).toContain(
      'skipped   A1 seed 0 round 1 prune: its input "weights" was evicted',
    );
  });

  test('--recompute asks for equal bits of the exact engine, whatever machine the record is of', async () => {
    for (const [engine, verdict] of [
      ['onnx', 'close'],
      ['exact', 'different'],
    ] as const) {
      const of = await SwpProject.create({ ...tinyStudy(), experiments: { A1: {} } });
      const chosen = ['--engine', engine];
      await of.swp('repro', ...chosen);
      const node = ['stage=train', 'experiment=A1', 'round=1', ...chosen];
      const { record } = (await of.swp('show', ...node, '--json')).json<{ record: { key: string } }>()[0]!;
      const path = of.path('cache/records', record.key.slice(0, 2), `${record.key}.json`);
      await reseal<{ metrics: { finalLoss: number }; environment: object }>(path, ({ metrics, environment }) => {
        Object.assign(environment, { cpu: 'another processor', exact: 'another generator' });
        metrics.finalLoss *= 1 + 1e-9;
      });
      const { stdout } = await of.swp('verify', '--recompute', ...node);
      expect(stdout).toMatch(new RegExp(`^${verdict} .*A1 seed 0 round 1 train: metrics: finalLoss was `));
    }
  });

  test('a selector without --recompute, or --recompute without a selector, is a mistake and no other wish', async () => {
    const of = await SwpProject.create(tinyStudy());
    const refused = async (...args: string[]) => {
      const { exitCode, stderr, stdout } = await of.swp('verify', ...args);
      expect([exitCode, stdout]).toEqual([2, '']);
      return stderr;
    };
    expect(await refused('stage=train')).toBe(
      'error: Selectors choose what --recompute runs again; damage is looked for in the whole cache.\n  Expected: swp verify --recompute stage=train, or swp verify alone.',
    );
    expect(await refused('--recompute')).toContain('There is no selector');
    expect(await refused('--recompute', '--heal', 'stage=train')).toContain('--recompute changes nothing');
    expect(await refused('--recompute', '--tolerance', 'loose', 'stage=train')).toContain(
      'It must be a number such as 1e-4.',
    );
  });
});
