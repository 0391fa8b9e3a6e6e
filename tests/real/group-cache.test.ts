/** A cache of a group: two users with their own umasks, and one who is not in it. */
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bundle } from '../engine/rig.ts';
import { requireReadableCheckout } from './requirements.ts';

const [ANN, BOB, EVE, LAB] = [61_001, 61_002, 61_003, 62_000];
let directory: string;
let script: string;
beforeAll(() => requireReadableCheckout(ANN));
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'swp-group-'));
  await chmod(directory, 0o755);
  await mkdir(join(directory, 'cache'));
  script = await bundle('tests/real/group-user.ts');
});
afterEach(() => rm(directory, { recursive: true }));

/** Publishes a result and reads another one, as a user. */
const as = async (uid: number, gid: number, umask: string, ...args: string[]) => {
  const { stdout, stderr, exitCode } = await execa(
    'sh',
    ['-c', `umask ${umask}; exec "$0" "$@"`, process.execPath, script, join(directory, 'cache'), ...args],
    { uid, gid, reject: false, cwd: directory },
  );
  return { stdout, stderr, exitCode };
};

describe('a cache that is open to a group', () => {
  it('stays open to it, whatever their umasks say', async () => {
    await chown(join(directory, 'cache'), ANN, LAB);
    await chmod(join(directory, 'cache'), 0o2775);
    expect(await as(ANN, LAB, '077', 'a')).toMatchObject({ exitCode: 0, stdout: 'published a' });
    expect(await as(BOB, LAB, '022', 'b', 'a')).toMatchObject({ exitCode: 0, stdout: 'read a\npublished b' });
    expect(await as(ANN, LAB, '077', 'a', 'b')).toMatchObject({ exitCode: 0, stdout: 'read b\npublished a' });
    for (const name of await readdir(join(directory, 'cache'), { recursive: true })) {
      const found = await stat(join(directory, 'cache', name));
      expect(found.gid, name).toBe(LAB);
      if (found.isDirectory()) expect(found.mode & 0o2070, name).toBe(0o2070);
      else expect(found.mode & 0o040, name).toBe(0o040);
    }
  });

  it('refuses who is not in it, and says whose it is', async () => {
    await chown(join(directory, 'cache'), ANN, LAB);
    await chmod(join(directory, 'cache'), 0o2770);
    const { stdout, exitCode } = await as(EVE, 61_003, '022', 'e');
    expect([stdout, exitCode]).toEqual([
      `EACCES: ${join(directory, 'cache')} belongs to ${ANN}, group ${LAB}, mode 2770. You lack the permission. Ask its owner for it, or choose another cache with --cache DIRECTORY.`,
      1,
    ]);
  });
});
