/**
 * Studies on the exact engine have the committed digests with every version of Node.js, with every kind of code, with
 * one worker or several, and after an interruption.
 */
import { expect, it } from 'vitest';
import { generatorsHere } from '../../src/compute/runtimes/exact/generators.ts';
import { committedStudy, computeExactly, trainingStudy } from '../support/exact-digests.ts';
import { command, SwpProject } from '../support/swp-project.ts';
import { requireNodes } from './requirements.ts';

const SMOKE = ['--profile', 'smoke'];
const TIMEOUT = { timeout: 600_000 };

async function expectCommitted(project: SwpProject, study: 'smoke' | 'training', ...options: string[]): Promise<void> {
  const digests = await computeExactly(project, ...options);
  await expect(`${JSON.stringify(digests, null, 2)}\n`).toMatchFileSnapshot(`../compute/exact/digests/${study}.json`);
}

it.each(['20', '22', '24'])('Node.js %s', TIMEOUT, async (version) => {
  const node = requireNodes().find((path) => path.includes(`-${version}/`))!;
  const project = await SwpProject.create(trainingStudy());
  const run = await project.startProgram(node, [command, 'repro', '--engine', 'exact']);
  expect(run.exitCode, String(run.stderr)).toBe(0);
  expect((await project.startProgram(node, ['--version'])).stdout).toMatch(new RegExp(`^v${version}\\.`));
  await expectCommitted(project, 'training');
});

it.each(generatorsHere())('the profile smoke with code of %s, in two workers', TIMEOUT, async (generator) => {
  const project = await SwpProject.create(committedStudy());
  project.env = { SWP_EXACT_CODE: generator };
  await expectCommitted(project, 'smoke', ...SMOKE, '--jobs', '2');
});

it('a training that was killed and goes on', TIMEOUT, async () => {
  const study = trainingStudy(32); // so that it takes seconds, and leaves checkpoints
  const [whole, killed] = await Promise.all([SwpProject.create(study), SwpProject.create(study)]);
  const run = killed.start('repro', '--engine', 'exact', '--checkpoint-every', '1', '--json');
  const events: string[] = [];
  for await (const line of run.iterable({ from: 'stdout' })) {
    events.push((JSON.parse(line) as { event: string }).event);
    if (events.at(-1) === 'node-checkpoint') break;
  }
  run.kill('SIGKILL');
  await run;
  expect(events.at(-1)).toBe('node-checkpoint');
  expect(await computeExactly(killed)).toEqual(await computeExactly(whole));
});
