/** What swp cancel ends, and what it leaves: jobs that others wait for, and jobs of others. */
import { chmod, mkdir } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { smallestStudy } from '../support/smallest-study.ts';
import { command, SwpProject } from '../support/swp-project.ts';
import { SlurmCluster } from './slurm-cluster.ts';

let cluster: SlurmCluster;
beforeAll(async () => {
  cluster = await SlurmCluster.start();
  process.env.SLURM_CONF = cluster.env.SLURM_CONF;
  await cluster.run('scontrol', ['update', `nodename=${cluster.nodes.join()}`, 'state=drain', 'reason=test']);
});
afterAll(() => cluster?.stop());

test('what one has sent is on its way for the other, who cannot cancel it and is told so', async () => {
  const project = await SwpProject.create(await smallestStudy());
  await mkdir(project.path('cache'));
  await chmod(project.path('cache'), 0o777);
  await chmod(project.root, 0o755);
  const before = process.umask(0);
  const { stdout } = await project.swp('submit').finally(() => process.umask(before));
  expect(stdout).toContain('Sent 2 jobs');

  const mate = await cluster.addUser('mate');
  const asMate = (...args: string[]) =>
    cluster.run(process.execPath, [command, ...args, '--pipeline', project.path('pipeline.json')], mate);
  const cancelled = await asMate('cancel');
  expect(cancelled.stderr).toBe('');
  expect(cancelled.stdout).toContain('0 jobs cancelled, 2 jobs left alone (sent by somebody else).');
  expect((await asMate('submit')).stdout).toContain('2 jobs of this study are live already');

  expect((await project.swp('cancel')).stdout).toContain(': A1/s0 is cancelled\n');
  expect(String((await cluster.run('squeue', ['--noheader', '--user=root'])).stdout)).toBe('');
});

test('what two experiments share goes on until nobody waits for it, unless just that is meant', async () => {
  const study = await smallestStudy();
  const experiments = { A1: {}, A2: { params: { prune: { fraction: 0.2 } } } };
  const project = await SwpProject.create({ ...study, experiments });
  const cancelled = async (...words: string[]) =>
    (await project.swp('cancel', ...words, '--json'))
      .json<{ cancelled: { bundle: string }[] }>()[0]!
      .cancelled.map(({ bundle }) => bundle)
      .sort();

  await project.swp('submit');
  expect(await cancelled('experiment=A1')).toEqual(['A1/s0']);
  expect(await cancelled('experiment=A2')).toEqual(['A1, A2/s0', 'A2/s0']);
  expect(await cancelled()).toEqual(['aggregate']);

  await project.swp('submit');
  expect(await cancelled('stage=load-pretrained')).toEqual(['A1, A2/s0']);
  expect(await cancelled()).toEqual(['A1/s0', 'A2/s0', 'aggregate']);
});
