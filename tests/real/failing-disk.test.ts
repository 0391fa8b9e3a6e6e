/** A disk that fills up in the middle of a training: a small one is mounted, which takes root. */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import type { SwpEvent } from '../../src/engine/event.ts';
import { SwpProject } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';
import { requireRoot } from './requirements.ts';

beforeAll(requireRoot);

it('a disk that fills up in mid-run fails the training with words; with room again, the run goes on', async () => {
  const study = tinyStudy();
  study.experiments = { A1: { params: { train: { steps: 300 } } } };
  const project = await SwpProject.create(study);
  const disk = project.path('cache');
  await mkdir(disk);
  await execa('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk]);
  onTestFinished(() => execa('umount', ['-l', disk]).then(() => {}));

  const running = project.start('repro', '--json', '--jobs', '1', '--checkpoint-every', '1');
  let filled = false;
  for await (const line of createInterface({ input: running.stdout! })) {
    if (filled || (JSON.parse(line) as SwpEvent).event !== 'node-progress') continue;
    filled = true;
    await writeFile(project.path('cache/ballast'), Buffer.alloc(16e6)).catch(() => {}); // as far as there is room
  }
  const { exitCode, stderr } = await running;
  expect(exitCode).toBe(1);
  expect(stderr).not.toContain('    at ');
  const left = (await readdir(disk, { recursive: true })).filter((name) => /^(leases\/.*\.json|tmp\/.)/.test(name));
  expect(left).toEqual([]);

  await rm(project.path('cache/ballast'));
  const again = await project.swp('repro', '--json');
  expect(again.exitCode).toBe(0);
  expect(again.json().at(-1)).toMatchObject({ nodes: { total: 7, cached: 2, failed: 0 } });
  expect((await project.swp('verify')).stdout).toContain('all whole');
});
