/** What `swp submit --dry-run` says of jobs. */
import { expect, test } from 'vitest';
import { smallestStudy } from '../support/smallest-study.ts';
import { SwpProject } from '../support/swp-project.ts';

test('of a job that waits for many others, some are named', async () => {
  const project = await SwpProject.create(await smallestStudy([0, 1, 2, 3, 4, 5]));
  const { stdout, stderr } = await project.swp('submit', '--dry-run');
  expect(stderr).not.toContain('error');
  expect(stdout).toMatch(/^aggregate .* A1\/s0; A1\/s1; A1\/s2; A1\/s3 and 2 more jobs$/m);
});

test('jobs without a GPU are not sent for nodes that need one', async () => {
  const project = await SwpProject.create(await smallestStudy());
  const { exitCode, stderr } = await project.swp('submit', '--dry-run', '--device', 'cuda', '--gpus', '0');
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(
    /error: The jobs of stage [\w-]+ ask for no GPU \("gpus" is 0\), and A1\/s0\/r\d\/[\w-]+ needs one/,
  );
});
