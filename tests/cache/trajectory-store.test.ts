/** Trajectories on which several processes compute at once: they take checkpoints from one another, and none fails. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Cache } from '../../src/cache/cache.ts';
import { bundle } from '../engine/rig.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'swp-trajectory-'));
});
afterEach(() => rm(directory, { recursive: true }));

it('a run removes its own last checkpoint, and not that of another one that goes to a nearer stop', async () => {
  const { trajectories, scratch } = await Cache.open(directory);
  const trajectory = 'ab'.repeat(32);
  const keep = async (at: number, before?: number) => {
    const folder = await scratch.node();
    await writeFile(join(folder, 'text'), `state at ${at}`);
    await trajectories.keep(trajectory, { at, files: { text: join(folder, 'text') }, replaces: null }, folder, before);
  };
  await keep(100); // of a run to 2,000
  await keep(3_000); // of one to 6,000, which has come by
  await keep(3_100, 3_000);
  expect(await trajectories.checkpoint(trajectory, 2_000)).toMatchObject({ at: 100 });
  expect(await trajectories.checkpoint(trajectory, 3_050)).toMatchObject({ at: 100 });
  expect(await trajectories.checkpoint(trajectory, 6_000)).toMatchObject({ at: 3_100 });
  await trajectories.addStop(trajectory, { at: 6_000, key: 'cd'.repeat(32) });
  expect(await trajectories.checkpoint(trajectory, 9_000)).toBeUndefined();
  await scratch.clear();
});

it('three processes keep, look for and remove checkpoints of one trajectory, at the same lengths', async () => {
  const script = await bundle('tests/cache/checkpoint-keeper.ts');
  const keepers = [0, 1, 2].map(() =>
    execa(process.execPath, [script, directory, '40'], { reject: false, stdin: 'pipe' }),
  );
  await Promise.all(keepers.map((keeper) => new Promise((resolve) => keeper.stdout.once('data', resolve))));
  for (const keeper of keepers) keeper.stdin.write('go\n');
  for (const { stderr, exitCode } of await Promise.all(keepers)) expect([exitCode, stderr]).toEqual([0, '']);
  expect(await readdir(join(directory, 'tmp'))).toEqual([]);
});
