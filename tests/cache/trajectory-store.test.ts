/** Trajectories on which several processes compute at once: they take checkpoints from one another, and none fails. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { bundle } from '../engine/rig.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'swp-trajectory-'));
});
afterEach(() => rm(directory, { recursive: true }));

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
