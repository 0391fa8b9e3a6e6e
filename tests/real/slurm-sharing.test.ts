/** Several who follow the jobs of one study on a real Slurm: after each other, and at the same time. */
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { smallestStudy } from '../support/smallest-study.ts';
import { command } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';
import { requireReadableCheckout } from './requirements.ts';
import { SlurmCluster, type TestUser } from './slurm-cluster.ts';
import { computed, digestsOf, SlurmStudy } from './slurm-study.ts';

const LAB = 62_000;

let cluster: SlurmCluster;
beforeAll(async () => {
  cluster = await SlurmCluster.start({ cpus: 2 });
});
afterAll(() => cluster.stop());

/** Numbers of all job arrays that the cluster has had. */
async function arrays(): Promise<string[]> {
  const { stdout } = await cluster.run('squeue', ['--noheader', '--states=all', '--format=%F']);
  return [...new Set(String(stdout).split('\n'))].toSorted();
}

test('a login session that dies takes no job with it, and the next one sends none twice', async () => {
  const study = tinyStudy();
  study.defaults.params.train = { steps: 1_500, batchSize: 2, sequenceLength: 8 };
  const slurm = await SlurmStudy.create(cluster, study);
  const first = slurm.repro();
  await slurm.untilTold(({ line }) => line.event === 'node-start' && line.stage === 'train', 'a training has begun');
  first.kill('SIGKILL');
  await first;
  const sent = await arrays();

  const { exitCode, stdout } = await slurm.repro();
  expect(exitCode).toBe(0);
  expect(stdout).toContain('"failed":0,"blocked":0}');
  expect(await arrays()).toEqual(sent);
  expect(computed(await slurm.told()).toSorted()).toEqual([...(await digestsOf(slurm.project)).keys()].toSorted());
});

/** `swp ...args` as a member of the group, whose umask lets the group write. */
function as(user: TestUser, folder: string, ...args: string[]) {
  const words = ['umask 002; cd "$1"; shift; exec "$@"', 'sh', folder];
  const env = ['env', '-u', 'XDG_CACHE_HOME', '-u', 'XDG_CONFIG_HOME', 'NO_COLOR=1'];
  return cluster.run('sh', ['-c', ...words, ...env, process.execPath, command, ...args], { ...user, gid: LAB });
}

/** A study and a cache that a group shares. */
async function ofGroup(): Promise<{ slurm: SlurmStudy; ann: TestUser; bob: TestUser }> {
  const [ann, bob] = [await cluster.addUser('ann'), await cluster.addUser('bob')];
  await requireReadableCheckout(ann.uid);
  const slurm = await SlurmStudy.create(cluster, await smallestStudy([0, 1]));
  await mkdir(slurm.project.path('cache'));
  for (const folder of [slurm.project.root, slurm.project.path('cache')]) {
    await chown(folder, ann.uid, LAB);
    await chmod(folder, 0o2775);
  }
  return { slurm, ann, bob };
}

test('two who run one study at the same time have each node computed once, and both get the report', async () => {
  const { slurm, ann, bob } = await ofGroup();
  const both = await Promise.all(
    [ann, bob].map((user) => as(user, slurm.project.root, 'repro', '--executor', 'slurm')),
  );
  const report = slurm.project.path('report/all/index.html');
  for (const { exitCode, stdout, stderr } of both)
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 0,
      stdout: expect.stringContaining(report) as string,
      stderr: '',
    });
  expect(existsSync(report)).toBe(true);
  expect(computed(await slurm.told()).toSorted()).toEqual([...(await digestsOf(slurm.project)).keys()].toSorted());
  await cluster.until(
    () => slurm.liveJobs(),
    ({ length }) => length === 0,
    'no job is left',
  );
});
