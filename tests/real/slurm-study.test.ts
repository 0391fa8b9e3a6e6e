/** A whole study in jobs of a real Slurm, while a machine dies, a job has to make room and the controller is away. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SwpProject } from '../support/swp-project.ts';
import { writtenOutStudy } from '../support/written-out.ts';
import { SlurmCluster } from './slurm-cluster.ts';
import { computed, digestsOf, SlurmStudy } from './slurm-study.ts';

const AWAY_MS = 60_000;

let cluster: SlurmCluster;
beforeAll(async () => {
  cluster = await SlurmCluster.start({ nodes: 3, cpus: 1, preemption: { mode: 'REQUEUE' } });
});
afterAll(() => cluster.stop());

/** The profile smoke, with trainings that are long enough to be hit in the middle. */
async function study(): Promise<object> {
  const written = (await writtenOutStudy()) as { experiments: Record<string, { params: { train: object } }> };
  for (const experiment of ['A1', 'C1']) written.experiments[experiment]!.params.train = { steps: 500_000 };
  return { ...written, defaultProfile: 'smoke' };
}

const isTrainingOf = (experiment: string, label: { experiment: string }, stage: string) =>
  stage === 'train' && label.experiment === experiment;

test('a dead machine, a job that makes room and an absent controller cost time and nothing else', async () => {
  const slurm = await SlurmStudy.create(cluster, await study());
  const running = slurm.repro('--checkpoint-every', '1');
  const trainings = new Map<string, string>(); // by experiment: the key of the first
  const keepsState = async (experiment: string) => {
    const { line } = await slurm.untilTold(
      (each) => each.line.event === 'node-start' && isTrainingOf(experiment, each.line.label, each.line.stage),
      `${experiment} trains`,
    );
    const { key } = line as { key: string };
    trainings.set(experiment, key);
    return slurm.untilTold(
      (each) => each.line.event === 'node-checkpoint' && each.line.key === key,
      `the training of ${experiment} keeps its state`,
    );
  };
  const goesOn = (experiment: string) =>
    slurm.untilTold(
      ({ start, line }) => start === 1 && line.event === 'node-start' && line.key === trainings.get(experiment),
      `the training of ${experiment} goes on`,
    );

  const killed = await keepsState('A1');
  const machine = await slurm.machineOf(killed.job);
  await cluster.killNode(machine);
  await cluster.declareDead(machine);

  const preempted = await keepsState('C1');
  const wanted = await slurm.machineOf(preempted.job);
  await cluster.submit('#!/bin/sh\nexit 0', ['--partition=urgent', `--nodelist=${wanted}`, '--exclusive']);
  for (const experiment of ['A1', 'C1'])
    expect((await goesOn(experiment)).line).toMatchObject({ resumedAt: expect.any(Number) as number });

  await cluster.stopController();
  const local = await SwpProject.create(await study());
  const [{ exitCode: localExitCode }] = await Promise.all([local.swp('repro'), delay(AWAY_MS)]);
  expect(localExitCode).toBe(0);
  await cluster.startController();

  const { stdout, stderr, exitCode } = await running;
  expect({ exitCode, stderr }).toEqual({
    exitCode: 0,
    stderr: expect.stringContaining('Slurm does not answer') as string,
  });
  expect(stdout).toContain('"nodes":{"total":26,"cached":0,"ran":26,"failed":0,"blocked":0}');
  const told = await slurm.told();
  const digests = await digestsOf(slurm.project);
  expect(computed(told).toSorted()).toEqual([...digests.keys()].toSorted());
  expect(digests).toEqual(await digestsOf(local));
  expect(await slurm.liveJobs()).toEqual([]);
});
