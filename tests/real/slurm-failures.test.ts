/** Jobs of a study that come to nothing on a real Slurm: who is told what, and what is left alone. */
import { readdir, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Submission } from '../../src/engine/executors/slurm/submission.ts';
import { programStudy, writePrograms } from './program-study.ts';
import { SlurmCluster } from './slurm-cluster.ts';
import { SlurmStudy } from './slurm-study.ts';

let cluster: SlurmCluster;
beforeAll(async () => {
  cluster = await SlurmCluster.start({ cpus: 4, confinesMemory: true });
});
afterAll(() => cluster.stop());

async function create(experiments: Parameters<typeof programStudy>[0]): Promise<SlurmStudy> {
  const slurm = await SlurmStudy.create(cluster, programStudy(experiments));
  await writePrograms(slurm.project);
  return slurm;
}

/** Jobs wait until it is resumed. */
const drain = () => cluster.run('scontrol', ['update', `nodename=${cluster.nodes[0]}`, 'state=drain', 'reason=test']);
const resume = () => cluster.run('scontrol', ['update', `nodename=${cluster.nodes[0]}`, 'state=resume']);
const untilLive = (slurm: SlurmStudy, count: number) =>
  cluster.until(
    () => slurm.liveJobs(),
    ({ length }) => length === count,
    `there are ${count} live jobs`,
  );

/** Path of what the job of a bundle has written, as `swp repro` names it. */
async function logOf(slurm: SlurmStudy, bundle: string): Promise<string> {
  const files = await readdir(slurm.project.path('cache/studies'), { recursive: true });
  const submission = files.find((file) => file.endsWith('submission.json'))!;
  const folder = dirname(slurm.project.path('cache/studies', submission));
  const { bundles } = JSON.parse(await readFile(join(folder, 'submission.json'), 'utf8')) as Submission;
  return join(folder, `${bundles.findIndex(({ name }) => name === bundle)}.log`);
}

test('a job that takes too much memory is told apart; others are not affected, and none is left waiting', async () => {
  const slurm = await create({ small: { number: 1 }, large: { number: 2, megabytes: 3_000 } });
  await slurm.project.write('swp.config.json', {
    slurm: { memory: '600M', stages: { copy: { memory: '500M' } } }, // so the copy is a job of its own
  });
  const { exitCode, stdout, stderr } = await slurm.swp('repro', '--executor', 'slurm');
  expect(exitCode).toBe(1);
  expect(stdout).toContain('4 nodes: 0 cached, 2 ran, 1 failed, 1 not run');
  expect(stderr).toMatch(/large\/s0\/r0\/fill\) took more memory than it had been given, 629 MB.*\n.*--memory/);
  await untilLive(slurm, 0);
  expect(await readFile(await logOf(slurm, 'large/s0/r0/fill'), 'utf8')).toContain('The program was ended by SIGKILL');
  expect(await readFile(await logOf(slurm, 'large/s0/r0/copy'), 'utf8')).toContain(
    'large/s0/r0/fill: the job that was to make it has ended without a result',
  );
});

test('no more jobs run at a time than are allowed', async () => {
  const slurm = await create({
    a: { number: 1 },
    b: { number: 2 },
    c: { number: 3 },
    d: { number: 4 },
    e: { number: 5 },
  });
  expect((await slurm.repro('--concurrency', '2')).exitCode).toBe(0);
  const told = await slurm.told();
  const changes = told.flatMap(({ line }) =>
    line.event === 'job-start' || line.event === 'job-end'
      ? [[line.at, line.event === 'job-start' ? 1 : -1] as const]
      : [],
  );
  let [running, most] = [0, 0];
  for (const [, change] of changes.toSorted()) {
    running += change;
    most = Math.max(most, running);
  }
  expect({ running, most }).toEqual({ running: 0, most: 2 });
});

test('a line of setup that fails is named', async () => {
  const slurm = await create({ a: { number: 1 } });
  const { exitCode, stdout } = await slurm.swp('repro', '--executor', 'slurm', '--setup', 'module load nothing');
  expect(exitCode).toBe(1);
  expect(stdout).toContain('swp: this line of "setup" failed with exit code 127: module load nothing.');
});

test('a machine that does not see the cache is told', async () => {
  const slurm = await create({ a: { number: 1 } });
  await drain();
  const running = slurm.project.start('repro', '--executor', 'slurm');
  await untilLive(slurm, 1);
  const studies = slurm.project.path('cache/studies');
  const [study] = await readdir(studies);
  const folder = join(studies, study!, 'slurm');
  await rename(folder, slurm.project.path('elsewhere'));
  await resume();
  const { exitCode, stdout } = await running;
  expect(exitCode).toBe(1);
  expect(stdout).toContain(
    'could not be started (JobLaunchFailure): mostly a machine does not see the folder of its log',
  );
});

test('what was submitted is computed, whatever the study says by then', async () => {
  const slurm = await create({ a: { number: 1 } });
  await drain();
  const before = (await slurm.swp('submit', '--json')).json<{ jobs: { nodes: string[] }[] }>()[0]!;
  await slurm.project.write('pipeline.json', programStudy({ a: { number: 7 } }));
  await resume();
  await untilLive(slurm, 0);
  const ran = (await slurm.told()).flatMap(({ line }) => (line.event === 'node-end' ? [line.key] : []));
  expect(ran.toSorted()).toEqual(before.jobs.flatMap(({ nodes }) => nodes).toSorted());
  await slurm.project.write('pipeline.json', programStudy({ a: { number: 1 } }));
  expect((await slurm.swp('repro')).stdout).toContain('2 cached');
});

test('a job whose stages have changed since computes nothing and says so', async () => {
  const slurm = await create({ a: { number: 1 } });
  await drain();
  const running = slurm.project.start('repro', '--executor', 'slurm');
  await untilLive(slurm, 1);
  await slurm.project.write('stages/copy.cjs', `// another one\n${await slurm.project.read('stages/copy.cjs')}`);
  await resume();
  const { exitCode, stdout } = await running;
  expect(exitCode).toBe(1);
  expect(stdout).toContain('such as a/s0/r0/copy, are other ones now.');
  expect((await slurm.told()).filter(({ line }) => line.event === 'node-start')).toEqual([]);
});
