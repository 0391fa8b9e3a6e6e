/**
 * What one member of a group plants in its cache for another one, or for root: folders that are links, folders that are
 * replaced while somebody writes in them, the remains of killed processes.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  lchown,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeOpenDirectory } from '../../src/base/atomic-file.ts';
import { guardFolder } from '../../src/base/held-folder.ts';
import { bundle, builtWorker, Rig } from '../engine/rig.ts';
import { requireReadableCheckout } from './requirements.ts';

const [ANN, BOB, EVE, LAB] = [61_001, 61_002, 61_003, 62_000];
let directory: string;
let cache: string;
/** Ann's own folder: nothing in it may change. */
let home: string;
let script: string;
beforeAll(async () => {
  await requireReadableCheckout(ANN);
  script = await bundle('tests/real/group-user.ts');
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'swp-planted-'));
  await chmod(directory, 0o755);
  [cache, home] = [join(directory, 'cache'), join(directory, 'home')];
  await mkdir(home);
  await writeFile(join(home, 'text'), 'precious');
  for (const path of [home, join(home, 'text')]) await chown(path, ANN, ANN);
  await chmod(home, 0o700);
  await openToGroup(cache, ANN);
});
afterEach(() => rm(directory, { recursive: true }));

async function openToGroup(folder: string, owner: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chown(folder, owner, LAB);
  await chmod(folder, 0o2775);
}

const start = (uid: number, args: string[], env: Record<string, string> = {}) =>
  execa(process.execPath, [script, cache, ...args], { uid, gid: LAB, env, cwd: directory, reject: false });

async function plantLink(path: string, target: string, owner: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { recursive: true, force: true });
  await symlink(target, path);
  await lchown(path, owner, LAB);
}

const homeIsUntouched = async () => {
  expect((await readdir(home)).sort()).toEqual(['text']);
  expect(await readFile(join(home, 'text'), 'utf8')).toBe('precious');
  expect((await stat(home)).mode & 0o7777).toBe(0o700);
};

describe('a folder that is a link of another member to a folder of somebody else', () => {
  // printf a | sha256sum; printf "content a" | sha256sum; printf "lease a" | sha256sum
  const [artifact, content, lease] = ['ca', '00', 'fe'];
  const places = ['artifacts', 'records', 'contents', 'leases', 'tmp', 'leases/holders'];
  const shards = [`artifacts/${artifact}`, `records/${artifact}`, `contents/${content}`, `leases/${lease}`];

  it.each([...places, ...shards])('%s is refused, and nothing is written there', async (place) => {
    for (const uid of [ANN, 0]) {
      await start(ANN, ['before']);
      await plantLink(join(cache, place), home, BOB);
      const { stdout, stderr } = await start(uid, ['a']);
      expect(stdout).toMatch(/^published a$|^ELOOP: It is a link that user 61002 made/);
      expect(stderr).toBe('');
      await homeIsUntouched();
      await rm(join(cache, place), { recursive: true, force: true });
    }
  });

  it('a user, root or the owner of the disk may lay a folder elsewhere', async () => {
    const disk = join(directory, 'disk');
    for (const maker of [ANN, 0]) {
      await openToGroup(disk, ANN);
      await plantLink(join(cache, 'artifacts'), disk, maker);
      expect((await start(BOB, ['a'])).stdout).toBe('published a');
      expect(await readdir(disk)).toEqual([artifact]);
      await rm(disk, { recursive: true });
    }
  });
});

it('a folder of the scratch that is replaced while somebody writes in it leads nowhere', async () => {
  for (const uid of [ANN, 0]) {
    const running = start(uid, ['a'], { PAUSE: '1' });
    await once(running.stdout!, 'data');
    const [own] = await readdir(join(cache, 'tmp'));
    const place = join(cache, 'tmp', own!);
    const inside = await execa('ls', [join(place, 'own')], { uid: BOB, gid: LAB, reject: false });
    expect(inside.stderr).toMatch('Permission denied');
    await rename(place, `${place}-aside`);
    await mkdir(join(place, 'own'), { recursive: true });
    for (const node of await readdir(join(`${place}-aside`, 'own')))
      await plantLink(join(place, 'own', node), home, BOB);
    running.stdin!.write('go on\n');
    expect((await running).stdout).toBe('about to write\npublished a');
    await homeIsUntouched();
    await rm(join(cache, 'tmp'), { recursive: true });
    await openToGroup(join(cache, 'tmp'), ANN);
  }
});

it('what a killed process left, any member sweeps: its worker opens the private folder', async () => {
  const rig = await Rig.create();
  try {
    cache = rig.path('cache');
    await rm(cache, { recursive: true });
    await chmod(rig.directory, 0o755);
    await openToGroup(cache, ANN);
    const server = createServer().listen(rig.path('socket'));
    await once(server, 'listening');
    await chmod(rig.path('socket'), 0o777);
    const connected = once(server, 'connection');
    const params = JSON.stringify({ say: 'A', do: 'wait', connect: rig.path('socket') });
    const driver = spawn(
      process.execPath,
      [await bundle('tests/engine/driver.ts'), rig.directory, await builtWorker(), params],
      { uid: ANN, gid: LAB, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await once(driver.stdout, 'data');
    const [connection] = (await connected) as [NodeJS.ReadableStream];
    driver.kill('SIGKILL');
    connection.resume();
    await once(connection, 'close');
    expect(await readdir(join(cache, 'tmp'))).toHaveLength(1);
    expect(await readdir(join(cache, 'leases/holders'))).toHaveLength(1);
    expect((await start(BOB, ['b'])).stdout).toBe('published b');
    expect(await readdir(join(cache, 'tmp'))).toEqual([]);
    expect(await readdir(join(cache, 'leases/holders'))).toEqual([]);
    server.close();
  } finally {
    await rig.remove();
  }
});

it('a folder that all users share is not opened through a link that a stranger left in its place', async () => {
  const shared = join(directory, 'shared');
  await mkdir(shared);
  await chmod(shared, 0o1777);
  await plantLink(join(shared, 'swp-gpus'), home, EVE);
  guardFolder(shared);
  expect(() => makeOpenDirectory(join(shared, 'swp-gpus/leases'))).toThrow(/ELOOP/);
  expect(() => makeOpenDirectory(join(shared, 'swp-gpus'))).toThrow(/ELOOP/);
  await homeIsUntouched();
});
