/** The cache: what is published is whole, found again, and never believed blindly. */
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Cache } from '../../src/cache/cache.ts';
import { attemptLogs } from '../../src/cache/node-log.ts';
import { reseal } from '../support/reseal.ts';
import { StudyState } from '../../src/cache/study-state.ts';

const KEY = 'a'.repeat(64);
const OTHER_KEY = 'b'.repeat(64);
const CONTENT_KEY = 'c'.repeat(64);

let directory: string;
let cache: Cache;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'swp-cache-'));
  cache = await Cache.open(join(directory, 'cache'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function publish(content: string | Uint8Array, key = KEY) {
  const folder = await cache.scratch.node();
  const path = join(folder, 'weights.safetensors');
  await writeFile(path, content);
  return cache.publish({
    key,
    contentKey: CONTENT_KEY,
    stage: 'train',
    preimage: { params: { steps: 3 } },
    contentPreimage: { params: { steps: 3 }, inputs: {} },
    outputs: { weights: { path, file: 'weights.safetensors' } },
    metrics: { loss: 1.5 },
    environment: { node: '20' },
    seconds: 2,
    startedAt: new Date(0),
    finishedAt: new Date(2000),
  });
}

it('says at once where no directory can be made', async () => {
  const file = join(directory, 'a file');
  await writeFile(file, '');
  await expect(Cache.open(join(file, 'cache'))).rejects.toMatchObject({
    failure: { kind: 'file', operation: 'create', code: 'ENOTDIR' },
  });
});

describe('publishing', () => {
  it('stores an artifact read-only under its SHA-256, with its extension, and a record that finds it', async () => {
    const record = await publish('content');
    // sha256sum of "content"
    const sha256 = 'ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73';
    const path = join(cache.directory, 'artifacts/ed', `${sha256}.safetensors`);
    expect(record.artifacts).toEqual({ weights: { sha256, bytes: 7, file: 'weights.safetensors' } });
    expect(cache.artifactPath(record.artifacts.weights!)).toBe(path);
    expect(await readFile(path, 'utf8')).toBe('content');
    expect((await stat(path)).mode & 0o777).toBe(0o444);
    expect(await cache.record(KEY)).toEqual(record);
    expect(await cache.keyByContent(CONTENT_KEY)).toBe(KEY);
    expect(await cache.absentArtifacts(record)).toEqual([]);
  });

  it('gives back any bytes as they were', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), async (bytes) => {
        const { artifacts } = await publish(bytes);
        expect(artifacts.weights!.bytes).toBe(bytes.length);
        expect(new Uint8Array(await readFile(cache.artifactPath(artifacts.weights!)))).toEqual(bytes);
      }),
      { numRuns: 20 },
    );
  });

  it('again under the same key gives a record of another id, and keeps the old one aside', async () => {
    const first = await publish('one');
    const second = await publish('two');
    expect(second.id).not.toBe(first.id);
    expect(await cache.record(KEY)).toEqual(second);
    const aside = (await readdir(join(cache.directory, 'records/aa'))).filter((name) => name !== `${KEY}.json`);
    expect(JSON.parse(await readFile(join(cache.directory, 'records/aa', aside[0]!), 'utf8'))).toEqual(first);
  });

  it('puts a damaged artifact right', async () => {
    const { artifacts } = await publish('content');
    const path = cache.artifactPath(artifacts.weights!);
    await chmod(path, 0o644);
    await writeFile(path, 'CONTENT');
    await publish('content');
    expect(await readFile(path, 'utf8')).toBe('content');
  });

  it('lets an alias serve under another recipe', async () => {
    const source = await publish('content');
    const alias = await cache.alias(OTHER_KEY, { params: { steps: 4 } }, source);
    expect(await cache.record(OTHER_KEY)).toEqual(alias);
    expect(alias).toMatchObject({
      key: OTHER_KEY,
      aliasOf: KEY,
      preimage: { params: { steps: 4 } },
      artifacts: source.artifacts,
    });
    expect(alias.id).not.toBe(source.id);
    expect(await cache.keyByContent(CONTENT_KEY)).toBe(KEY);
  });

  it('leaves nothing unfinished', async () => {
    await publish('content');
    await cache.scratch.clear();
    expect(await readdir(join(cache.directory, 'tmp'))).toEqual([]);
  });
});

it('finds the logs of a key in order, and none where there is no folder of them', async () => {
  for (const text of ['first', 'second']) {
    const log = cache.log(KEY);
    log.write(text);
    log.close();
  }
  const paths = attemptLogs(cache.directory)(KEY);
  expect(await Promise.all(paths.map((path) => readFile(path, 'utf8')))).toEqual(['first', 'second']);
  await rm(join(cache.directory, 'logs'), { recursive: true });
  expect(attemptLogs(cache.directory)(KEY)).toEqual([]);
});

describe('reading', () => {
  it('finds nothing under an unknown key', async () => {
    expect(await cache.record(KEY)).toBeUndefined();
    expect(await cache.keyByContent(KEY)).toBeUndefined();
  });

  it('refuses a record that was cut off anywhere, naming it and what to do', async () => {
    await publish('content');
    const path = cache.recordPath(KEY);
    const text = await readFile(path, 'utf8');
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: text.length - 2 }), async (length) => {
        await writeFile(path, text.slice(0, length));
        await expect(cache.record(KEY)).rejects.toMatchObject({
          failure: { kind: 'content', path, remedy: expect.stringContaining('Run `swp repro`') },
        });
      }),
    );
  });

  it('refuses any other JSON in place of a record', async () => {
    await mkdir(join(cache.directory, 'records/aa'));
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        await writeFile(cache.recordPath(KEY), JSON.stringify(value));
        await expect(cache.record(KEY)).rejects.toMatchObject({ failure: { kind: 'content' } });
      }),
    );
  });

  it('refuses a record of another key, and one that points out of the cache', async () => {
    await publish('content');
    await reseal(cache.recordPath(KEY), (content) => ({ ...content, key: OTHER_KEY }));
    await expect(cache.record(KEY)).rejects.toMatchObject({
      failure: { message: `The record is of another key, ${OTHER_KEY}` },
    });
    const escape = { sha256: '../'.repeat(21) + 'x', bytes: 1, file: 'x' };
    await reseal(cache.recordPath(KEY), (content) => ({ ...content, key: KEY, artifacts: { escape } }));
    await expect(cache.record(KEY)).rejects.toMatchObject({ failure: { kind: 'content' } });
  });

  it('notices a flipped bit when an artifact is verified, and a cut-off artifact at once', async () => {
    const record = await publish('content');
    const artifact = record.artifacts.weights!;
    const path = cache.artifactPath(artifact);
    await chmod(path, 0o644);
    await writeFile(path, 'cOntent');
    const fresh = await Cache.open(cache.directory);
    expect(await fresh.absentArtifacts(record)).toEqual([]);
    await expect(fresh.verify(artifact)).rejects.toMatchObject({
      failure: {
        kind: 'content',
        path,
        message: expect.stringContaining('SHA-256'),
        remedy: expect.stringContaining('Run `swp verify --heal`'),
      },
    });
    await truncate(path, 3);
    expect(await fresh.absentArtifacts(record)).toEqual(['weights']);
  });
});

describe('a checkpoint', () => {
  const keep = async (at: number) => {
    const folder = await cache.scratch.node();
    const files = { text: join(folder, 'text') };
    await writeFile(files.text, `state at ${at}`);
    await cache.trajectories.keep(KEY, { at, files, replaces: null }, folder);
    return join(cache.directory, 'trajectories/aa', KEY, `checkpoint-${at}`);
  };
  const found = () => cache.trajectories.checkpoint(KEY, 9);

  it('that is damaged is removed; one that cannot be read now is passed over', async () => {
    const kept = await keep(5);
    expect(await found()).toMatchObject({ at: 5 });
    const manifest = join(kept, 'manifest.json');
    const text = await readFile(manifest, 'utf8');
    // No system opens a file of that name; which error it is does not matter.
    await reseal<{ files: object }>(manifest, (content) => ({ ...content, files: { ['x'.repeat(5000)]: '' } }));
    expect(await found()).toBeUndefined();
    await writeFile(manifest, text);
    expect(await found()).toMatchObject({ at: 5 });
    await writeFile(join(kept, 'text'), 'other');
    expect(await found()).toBeUndefined();
    expect(await readdir(join(cache.directory, 'trajectories/aa', KEY))).toEqual([]);
  });

  it('counts at its own place alone: not under another length, nor on another trajectory', async () => {
    for (const elsewhere of [`aa/${KEY}/checkpoint-6`, `bb/${OTHER_KEY}/checkpoint-5`]) {
      const kept = await keep(5);
      await mkdir(join(cache.directory, 'trajectories/bb', OTHER_KEY), { recursive: true });
      await rename(kept, join(cache.directory, 'trajectories', elsewhere));
      expect(await found()).toBeUndefined();
      expect(await cache.trajectories.checkpoint(OTHER_KEY, 9)).toBeUndefined();
    }
  });
});

describe('opening', () => {
  it('makes the directory one that backup programs know to skip', async () => {
    expect(await readFile(join(cache.directory, 'CACHEDIR.TAG'), 'utf8')).toMatch(
      /^Signature: 8a477f597d28d172789f06886806bc55\n/,
    );
  });

  it('refuses a file in place of the directory', async () => {
    const path = join(directory, 'file');
    await writeFile(path, '');
    await expect(Cache.open(path)).rejects.toMatchObject({
      failure: {
        kind: 'file',
        path,
        operation: 'create',
        code: 'EEXIST',
        remedy: expect.stringContaining('--cache DIRECTORY'),
      },
    });
  });

  it("refuses another version's layout", async () => {
    await writeFile(join(cache.directory, 'version'), 'swp-cache 7\n');
    await expect(Cache.open(cache.directory)).rejects.toMatchObject({
      failure: { kind: 'content', message: 'The cache has layout version 7; this swp writes version 1' },
    });
  });

  it('sweeps what a dead process left, when work starts, and leaves that of a living one', async () => {
    const own = await cache.scratch.directory();
    const name = own.slice(own.lastIndexOf('/') + 1);
    const deadPid = execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }).trim();
    const dead = join(cache.directory, 'tmp', name.replace(`-${process.pid}-`, `-${deadPid}-`));
    const elsewhere = join(cache.directory, 'tmp', `anotherhost-${deadPid}-00`);
    await mkdir(dead);
    await mkdir(elsewhere);
    await (await Cache.open(cache.directory)).scratch.directory();
    const left = await readdir(join(cache.directory, 'tmp'));
    expect(left).toContain(name);
    expect(left).toContain(`anotherhost-${deadPid}-00`);
    expect(left).not.toContain(dead.slice(dead.lastIndexOf('/') + 1));
  });
});

describe("a study's memory", () => {
  const pipeline = () => join(directory, 'pipeline.json');
  const record = { id: '00000000-0000-4000-8000-000000000000', key: KEY };

  it('lasts, each study for itself', async () => {
    const study = await StudyState.open(cache, pipeline());
    study.settle('A1/s0/r1/train', KEY);
    await study.save();
    await study.dismiss(record, ['A1/s0/r1/train'], 'a doubt');

    const reopened = await StudyState.open(cache, pipeline());
    expect(reopened.lastKey('A1/s0/r1/train')).toBe(KEY);
    expect(reopened.dismissed(record.id)).toMatchObject({ key: KEY, places: ['A1/s0/r1/train'], why: 'a doubt' });
    const other = await StudyState.open(cache, join(directory, 'other.json'));
    expect(other.lastKey('A1/s0/r1/train')).toBeUndefined();
    expect(other.dismissed(record.id)).toBeUndefined();
  });

  it('has what several runs of it have settled at the same time', async () => {
    const runs = [await StudyState.open(cache, pipeline()), await StudyState.open(cache, pipeline())];
    for (const [index, run] of runs.entries()) {
      run.settle(`A${index}/s0/r1/train`, KEY);
      await run.save();
    }
    const places = (await StudyState.open(cache, pipeline())).places();
    expect([...places.keys()]).toEqual(['A0/s0/r1/train', 'A1/s0/r1/train']);
  });

  it('survives damage: a ledger is forgotten, a tombstone still dismisses', async () => {
    const study = await StudyState.open(cache, pipeline());
    study.settle('A1/s0/r1/train', KEY);
    await study.save();
    await study.dismiss(record, []);
    const [folder] = await readdir(join(cache.directory, 'studies'));
    const path = join(cache.directory, 'studies', folder!);
    for (const damaged of ['', '{"ver', 'null', '[]', '{"version":1,"places":7}']) {
      await writeFile(join(path, 'ledger.json'), damaged);
      await writeFile(join(path, 'tombstones', `${record.id}.json`), damaged);
      const reopened = await StudyState.open(cache, pipeline());
      expect(reopened.lastKey('A1/s0/r1/train')).toBeUndefined();
      expect(reopened.dismissed(record.id)).toBeDefined();
    }
  });
});
