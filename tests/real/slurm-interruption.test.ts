/** Trainings in jobs of a real Slurm that are interrupted: what is kept, and who is queued again. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SwpProject } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';
import { SlurmCluster } from './slurm-cluster.ts';
import { computed, digestsOf, SlurmStudy, type ToldLine } from './slurm-study.ts';

let cluster: SlurmCluster;
beforeAll(async () => {
  cluster = await SlurmCluster.start({ cpus: 2, preemption: { mode: 'CANCEL' } });
});
afterAll(() => cluster.stop());

/** One training that takes some seconds, and what is made of it: all of it one job. */
function study(): object {
  const { experiments, ...tiny } = tinyStudy();
  tiny.defaults.params.train = { steps: 3_000, batchSize: 2, sequenceLength: 8 };
  return { ...tiny, defaults: { ...tiny.defaults, finalTrain: false }, experiments: { A1: experiments.A1 } };
}

const isKept = ({ line }: ToldLine) => line.event === 'node-checkpoint';
const goesOn = ({ line }: ToldLine) => line.event === 'node-start' && line.interrupted === true;
const endings = (told: ToldLine[]) => told.flatMap(({ line }) => (line.event === 'job-end' ? [line] : []));

let uninterrupted: Promise<Awaited<ReturnType<typeof digestsOf>>> | undefined;
async function onOneMachine(): Promise<Awaited<ReturnType<typeof digestsOf>>> {
  const project = await SwpProject.create(study());
  expect((await project.swp('repro')).exitCode).toBe(0);
  return digestsOf(project);
}

/** Everything was computed once, in jobs, to the bits of a run without interruption. */
async function expectWhole(slurm: SlurmStudy): Promise<void> {
  const digests = await digestsOf(slurm.project);
  expect(computed(await slurm.told()).toSorted()).toEqual([...digests.keys()].toSorted());
  expect(digests).toEqual(await (uninterrupted ??= onOneMachine()));
  expect(await slurm.liveJobs()).toEqual([]);
}

test('a job whose time is nearly up keeps its state, is queued again and goes on', async () => {
  const slurm = await SlurmStudy.create(cluster, study());
  const running = slurm.repro('--checkpoint-every', '1', '--time', '10');
  const { job } = await slurm.untilTold(isKept, 'the training keeps its state');
  expect(await cluster.job(job)).toMatchObject({ TimeLimit: '00:10:00' });
  await cluster.run('scancel', ['--batch', '--signal=USR2', job]); // Slurm itself counts in minutes
  const again = await slurm.untilTold(goesOn, 'the training goes on');
  expect(again).toMatchObject({ job, start: 1, line: { resumedAt: expect.any(Number) as number } });
  const { exitCode, stderr } = await running;
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(endings(await slurm.told())).toEqual([
    expect.objectContaining({ how: 'requeue', signal: 'SIGUSR2', asks: true }),
    expect.objectContaining({ how: 'done' }),
  ]);
  await expectWhole(slurm);
});

test('a job whose time is up before it has done anything is not started again, and the run says why', async () => {
  const slurm = await SlurmStudy.create(cluster, study());
  const running = slurm.project.start('repro', '--executor', 'slurm', '--time', '10');
  const { job } = await slurm.untilTold(({ line }) => line.event === 'job-start', 'the job has begun');
  await cluster.run('scancel', ['--batch', '--signal=USR2', job]);
  const { exitCode, stdout } = await running;
  expect({ exitCode, stdout }).toEqual({
    exitCode: 1,
    stdout: expect.stringMatching(/time limit of 00:10:00, and had come to nothing by then.*\n.*--time/) as string,
  });
  expect(endings(await slurm.told())).toEqual([expect.objectContaining({ how: 'too-short' })]);
  expect(await slurm.liveJobs()).toEqual([]);
});

test('a job that has to make room, and that Slurm would not start again, has itself queued again', async () => {
  const slurm = await SlurmStudy.create(cluster, study());
  const running = slurm.repro('--checkpoint-every', '1');
  await slurm.untilTold(isKept, 'the training keeps its state');
  const urgent = await cluster.submit('#!/bin/sh\nexit 0', ['--partition=urgent', '--exclusive']);
  await cluster.untilJob(urgent, 'COMPLETED');
  await slurm.untilTold(goesOn, 'the training goes on');
  expect((await running).exitCode).toBe(0);
  expect(endings(await slurm.told())).toEqual([
    expect.objectContaining({ how: 'requeue', signal: 'SIGTERM', asks: true }),
    expect.objectContaining({ how: 'done' }),
  ]);
  await expectWhole(slurm);
});

test('a job that is cancelled keeps its state and stays ended; the next submission goes on', async () => {
  const slurm = await SlurmStudy.create(cluster, study());
  const running = slurm.project.start('repro', '--executor', 'slurm', '--checkpoint-every', '1');
  await slurm.untilTold(isKept, 'the training keeps its state');
  expect((await slurm.swp('cancel')).stdout).toContain('1 job cancelled.');
  const { exitCode, stdout } = await running;
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: expect.stringContaining('was cancelled') as string });
  expect(endings(await slurm.told())).toEqual([expect.objectContaining({ how: 'stopped', signal: 'SIGTERM' })]);
  expect(await slurm.liveJobs()).toEqual([]);

  expect((await slurm.swp('submit')).stdout).toContain('Sent 1 job for');
  await slurm.untilTold(goesOn, 'the training goes on in another job');
  expect((await slurm.repro()).exitCode).toBe(0);
  await expectWhole(slurm);
});
