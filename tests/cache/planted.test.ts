/**
 * What a member of the group may plant in a shared cache, at every place where another's swp writes, reads or removes:
 * nothing outside of the cache is written, changed, read into it or removed, and nothing hangs. Links of other users to
 * folders need real users: tests/real/planted.test.ts.
 */
import { execFileSync } from 'node:child_process';
import { chmod, link, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SwpError } from '../../src/base/failure.ts';
import { Cache, type Publication } from '../../src/cache/cache.ts';
import { collectGarbage } from '../../src/cache/garbage-collection.ts';
import { LeaseFolder } from '../../src/cache/lease-files.ts';
import { LeaseStore } from '../../src/cache/lease-store.ts';
import { artifactFiles, artifactName, contentName, recordName } from '../../src/cache/layout.ts';
import { StudyState, studyFolder } from '../../src/cache/study-state.ts';
import { ManualClock } from '../support/manual-clock.ts';

const KEY = 'ab'.repeat(32);
const CONTENT = 'content';
const SHA256 = 'ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73'; // sha256sum of it
const RECORD_ID = '00000000-0000-4000-8000-000000000000';

let directory: string;
let root: string;
/** Of somebody who uses the cache: what is in it must stay as it is. */
let home: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'swp-planted-'));
  [root, home] = [join(directory, 'cache'), join(directory, 'home')];
  await mkdir(join(home, 'folder'), { recursive: true });
  await writeFile(join(home, 'secret'), 'secret');
  await writeFile(join(home, 'folder/manifest.json'), '{}');
  await chmod(join(home, 'secret'), 0o600);
  await chmod(join(home, 'folder'), 0o700);
  await mkdir(root);
  await chmod(root, 0o2775);
});
afterEach(() => rm(directory, { recursive: true }));

/** Names, modes and contents under a folder. */
async function stateOf(folder: string): Promise<string[]> {
  const names = (await readdir(folder, { recursive: true })).sort();
  return Promise.all(
    names.map(async (name) => {
      const found = await stat(join(folder, name));
      return `${name} ${found.mode.toString(8)} ${found.isFile() ? await readFile(join(folder, name), 'utf8') : ''}`;
    }),
  );
}

const THINGS: Record<string, (path: string) => Promise<void>> = {
  'a link to a file': (path) => symlink(join(home, 'secret'), path),
  'a link to a folder': (path) => symlink(join(home, 'folder'), path),
  'a link to what is not there': (path) => symlink(join(home, 'new'), path),
  'a link to itself': (path) => symlink(path, path),
  'another name of a file': (path) => link(join(home, 'secret'), path),
  'a FIFO': async (path) => void execFileSync('mkfifo', [path]),
  'an endless device': (path) => symlink('/dev/zero', path),
  'a folder': async (path) => void (await mkdir(path)),
};

/** Where a process writes or reads, relative to the cache. */
const PLACES: Record<string, () => string> = {
  'a lease': () => `leases/ab/${KEY}.json`,
  'an artifact': () => artifactName({ sha256: SHA256, file: 'a.txt' }),
  'a record': () => recordName(KEY),
  'a note of a content': () => contentName(KEY),
  'a log': () => `logs/${KEY}.1.log`,
  'a stop': () => `trajectories/ab/${KEY}/stop-9.json`,
  'a checkpoint': () => `trajectories/ab/${KEY}/checkpoint-5`,
  'a manifest of a checkpoint': () => `trajectories/ab/${KEY}/checkpoint-7/manifest.json`,
  'a state of a checkpoint': () => `trajectories/ab/${KEY}/checkpoint-7/text`,
  'a ledger': () => `${study()}/ledger.json`,
  'the keys of a run that began': () => `${study()}/begun.json`,
  'a tombstone': () => `${study()}/tombstones/${RECORD_ID}.json`,
};

/** A result whose one output lies at a path. */
function publicationOf(path: string): Publication {
  return {
    key: KEY,
    contentKey: KEY,
    stage: 's',
    preimage: {},
    contentPreimage: {},
    outputs: { a: { path, file: 'a.txt' } },
    metrics: {},
    environment: {},
    seconds: 0,
    startedAt: new Date(0),
    finishedAt: new Date(0),
  };
}

const study = () => studyFolder('', join(directory, 'pipeline.json')).slice(1);

/** All that processes do in a cache. Failures that are foreseen are fine: damage is seen, permission denied. */
async function work(): Promise<void> {
  const attempt = async (act: () => unknown) => {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof SwpError)) throw error;
    }
  };
  await attempt(async () => {
    const cache = await Cache.open(root);
    const made = async (name: string) => {
      const folder = await cache.scratch.node();
      await writeFile(join(folder, name), CONTENT);
      return { folder, path: join(folder, name) };
    };
    const publish = async () => {
      const { path } = await made('a.txt');
      await cache.publish(publicationOf(path));
    };
    const state = await StudyState.open(cache, join(directory, 'pipeline.json')).catch(() => undefined);
    await attempt(() => cache.record(KEY));
    await attempt(() => cache.keyByContent(KEY));
    await attempt(() => cache.verify({ sha256: SHA256, file: 'a.txt' }));
    await attempt(() => cache.trajectories.checkpoint(KEY, 99));
    await attempt(() => cache.trajectories.stops(KEY));
    await attempt(() => cache.leases.acquire(KEY, 'here'));
    await attempt(() => cache.log(KEY).write('logged'));
    await attempt(async () => {
      const { folder, path } = await made('text');
      await cache.trajectories.keep(KEY, { at: 5, files: { text: path }, replaces: null }, folder);
    });
    await attempt(() => cache.trajectories.addStop(KEY, { at: 9, key: KEY }));
    state?.settle('A1/s0/r0/s', KEY);
    await attempt(() => state?.begin([KEY]));
    await attempt(() => state?.save());
    await attempt(() => state?.dismiss({ id: RECORD_ID, key: KEY }, []));
    await attempt(publish);
    await attempt(publish);
    await attempt(() => cache.moveAside(cache.recordPath(KEY)));
    await attempt(() => collectGarbage(cache, { keep: new Set(), keepLast: 0 }, false));
    cache.leases.close();
    await cache.scratch.clear();
  });
}

describe.each(Object.keys(THINGS))('%s', (thing) => {
  it.each([
    ['wherever a run writes or reads', Object.values(PLACES)],
    ['in place of the version', [() => 'version', () => 'CACHEDIR.TAG']],
  ])('%s leads nowhere', async (_where, places) => {
    const before = await stateOf(home);
    for (const place of places) {
      const path = join(root, place());
      await mkdir(dirname(path), { recursive: true });
      await THINGS[thing]!(path);
    }
    await work();
    expect(await stateOf(home)).toEqual(before);
    const files = (await readdir(root, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    const { ino } = await stat(join(home, 'secret'));
    for (const file of files)
      // nothing private is copied to where others read it
      if ((await stat(file)).ino !== ino) expect(await readFile(file, 'utf8'), file).not.toBe('secret');
  });
});

it.each(['a link to a file', 'a link to what is not there', 'a link to itself', 'an endless device'])(
  '%s in place of a folder is what a failure names, not what it leads to',
  async (thing) => {
    const cache = await Cache.open(root);
    const place = join(root, 'artifacts', SHA256.slice(0, 2));
    await THINGS[thing]!(place);
    const path = join(await cache.scratch.node(), 'a.txt');
    await writeFile(path, CONTENT);
    const published = cache.publish(publicationOf(path));
    await expect(published).rejects.toMatchObject({ failure: { kind: 'file', operation: 'write', path: place } });
    await cache.scratch.clear();
  },
);

it('a heartbeat goes into the file that was made for it, whatever has its name by then', async () => {
  const cache = await Cache.open(root);
  for (const thing of Object.keys(THINGS)) {
    const before = await stateOf(home);
    const clock = new ManualClock();
    const store = new LeaseStore(new LeaseFolder(join(root, 'leases'), cache.scratch), { clock, heartbeatMs: 1_000 });
    await store.acquire(KEY, 'here');
    const [beat] = await readdir(join(root, 'leases/holders'));
    const path = join(root, 'leases/holders', beat!);
    await rm(path);
    await THINGS[thing]!(path);
    for (let beats = 0; beats < 3; beats++) clock.advance(1_000);
    store.close();
    expect(await stateOf(home), thing).toEqual(before);
    expect(await readdir(join(root, 'leases/holders'))).toEqual([]);
  }
  await cache.scratch.clear();
});

it('what a killed process left is removed, and nothing that links in it lead to', async () => {
  const before = await stateOf(home);
  const cache = await Cache.open(root);
  const own = (await readdir(join(root, 'tmp')).catch(() => []))[0];
  expect(own).toBeUndefined();
  const living = await cache.scratch.directory();
  expect(living).toBeDefined();
  const [name] = await readdir(join(root, 'tmp'));
  const dead = join(root, 'tmp', name!.replace(/-\d+-\d+-/, `-${process.pid}-1-`)); // the number is another's by now
  const old = join(root, 'tmp/0123456789ab-1-1-0');
  const checkpoint = join(root, `trajectories/ab/${KEY}/checkpoint-1`);
  for (const folder of [dead, old, checkpoint]) {
    await mkdir(join(folder, 'own/node-1'), { recursive: true });
    await symlink(join(home, 'folder'), join(folder, 'own/node-1/link'));
    await symlink(home, join(folder, 'home'));
  }
  for (const path of [old, join(old, 'own'), join(old, 'own/node-1'), checkpoint]) await utimes(path, 1, 1);
  const { removed } = await collectGarbage(cache, { keep: new Set() }, false);
  expect(removed.map(({ kind, path }) => [kind, path])).toContainEqual(['checkpoint', checkpoint]);
  await (await Cache.open(root)).scratch.directory();
  expect(await readdir(join(root, 'tmp'))).not.toContain(dead.slice(dead.lastIndexOf('/') + 1));
  expect(await stateOf(home)).toEqual(before);
  await cache.scratch.clear();
});

it('an output that has a second name outside of the cache is copied, and the other name stays writable', async () => {
  const cache = await Cache.open(root);
  const path = join(await cache.scratch.node(), 'a.txt');
  await writeFile(join(home, 'model'), CONTENT, { mode: 0o600 });
  await link(join(home, 'model'), path);
  await cache.publish(publicationOf(path));
  await writeFile(join(home, 'model'), 'changed');
  expect((await stat(join(home, 'model'))).mode & 0o777).toBe(0o600);
  expect(await readFile(artifactFiles(root)[0]!.path, 'utf8')).toBe(CONTENT);
  await cache.scratch.clear();
});
