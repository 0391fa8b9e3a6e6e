/**
 * Jobs of Slurm as whoever sends them sees them: what would be sent, what is refused, what runs. Slurm's commands are
 * scripts here; tests/real/jobs.test.ts has more of it, and other files there the same on a real Slurm.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { afterTables, label, nodesOf, projectWithSlurm, START, submissionOf, tell } from '../support/sent-study.ts';

describe('sending', () => {
  test('a dry run says which jobs there would be, and needs no Slurm', async () => {
    const { project, slurm } = await projectWithSlurm();
    const { stdout, exitCode } = await project.swp('submit', '--dry-run', '--json', '--partition', 'gpu');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      jobs: [
        { job: null, bundle: 'A1/s0', after: [], settings: { partition: 'gpu', cpus: 1 } },
        { job: null, bundle: 'aggregate', after: ['A1/s0'] },
      ],
    });
    expect(slurm.calls).toEqual([]);
  });

  test.each([1, 2])('what Slurm refuses is told in its words, and nothing stays: array %i', async (array) => {
    const { project, slurm } = await projectWithSlurm();
    slurm.refuseFrom(array);
    const { exitCode, stdout, stderr } = await project.swp('repro', '--executor', 'slurm', '--partition', 'nope');
    expect(exitCode).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toBe(
      'error: Slurm takes no job: invalid partition specified: nope; Batch job submission failed: Invalid partition ' +
        'name specified.\n  Look at what jobs ask for: --partition, --account, --time, --memory and so on, or ' +
        'swp.config.json. `sinfo` lists partitions.',
    );
    expect(slurm.jobs).toEqual([]);
    const files = readdirSync(project.path('cache'), { recursive: true, encoding: 'utf8' });
    expect(files.filter((path) => /slurm\/.|^(tmp|leases)\/.*\.json$/.test(path))).toEqual([]);
    expect((await project.swp('status')).stdout).not.toContain('job');
  });

  test('without Slurm, swp says where to run it', async () => {
    const { project } = await projectWithSlurm();
    await project.write('.empty/nothing', '');
    project.env.PATH = project.path('.empty');
    const { exitCode, stderr } = await project.swp('submit');
    expect(exitCode).toBe(2);
    expect(stderr).toBe(
      'error: This machine cannot run jobs of Slurm: there is no sbatch.\n' +
        "  Run swp on a login node of the cluster, with Slurm's commands in PATH; some clusters have a module for them.",
    );
  });
});

describe('swp status', () => {
  test('says what waits and what runs, where, and how far it is', async () => {
    const { project, slurm } = await projectWithSlurm();
    await project.swp('submit');
    slurm.set('2_1', 'PENDING|Dependency||0:00|1:00:00');
    slurm.set('1_0', 'RUNNING|None|n1|1:40|58:20');
    const train = (await nodesOf(project)).find(({ step }) => step === 'train')!;
    tell(...([project, 0] as const), ...[START, { event: 'node-start', key: train.key, label, worker: 0 }], {
      event: 'node-progress',
      key: train.key,
      progress: { done: 340, total: 1000 },
    });
    const { stdout } = await project.swp('status');
    expect(afterTables(stdout)).toBe(
      [
        '',
        'jobs: 1 queued (Dependency), 1 running',
        'job  of     state    on  for         left         nodes  at',
        '1_0  A1/s0  running  n1  1 min 40 s  58 min 20 s  0/10   round 1 train 340/1,000',
        'All 11 nodes without a result are on the way in jobs.',
      ].join('\n'),
    );
    expect((await project.swp('status', '--json')).json()[0]).toMatchObject({
      jobs: [
        {
          ...{ job: '1_0', bundle: 'A1/s0', state: 'running', reason: null, machine: 'n1', seconds: 100 },
          ...{ secondsLeft: 3500, done: 0, at: { place: 'A1/s0/r1/train', done: 340, total: 1000 } },
          ...{ log: join(submissionOf(project), '0.log'), submission: submissionOf(project) },
        },
        { job: '2_1', bundle: 'aggregate', state: 'queued', reason: 'Dependency', machine: null, nodes: 1, done: 0 },
      ],
      warnings: [],
    });
    expect((await project.swp('status', 'step=aggregate', '--json')).json()[0]).toMatchObject({
      jobs: [{ job: '2_1' }],
    });
  });

  test('finds in their logs how jobs ended that Slurm has forgotten', async () => {
    const { project, slurm } = await projectWithSlurm();
    await project.swp('submit');
    for (const job of ['1_0', '2_1']) slurm.forget(job);
    const [first, second] = ['0.log', '1.log'].map((name) => join(submissionOf(project), name));
    const ended = (why: string) =>
      `slurmstepd-n1: error: *** JOB 1 ON n1 CANCELLED AT 2026-01-01T00:00:00 ${why} ***\n`;
    writeFileSync(first!, `${ended('DUE TO JOB REQUEUE')}begun\n${ended('DUE TO TIME LIMIT')}`);
    writeFileSync(second!, `${ended('DUE TO PREEMPTION')}${ended('DUE TO JOB REQUEUE')}killed\n`);
    const { stdout } = await project.swp('status');
    expect(stdout).toContain('jobs: 1 over the time limit, 1 lost\n');
    expect(stdout).toContain('and Slurm does not know it any more: killed.\n');
  });

  test('asks nobody about a study that has sent nothing', async () => {
    const { project, slurm } = await projectWithSlurm();
    expect((await project.swp('status', '--json')).json()[0]).toMatchObject({ jobs: [] });
    expect(slurm.calls).toEqual([]);
  });
});

describe('jobs that run', () => {
  test('are followed to the report; then there is nothing to say of them', async () => {
    const { project, slurm } = await projectWithSlurm();
    slurm.runsJobs();
    const { exitCode, json } = await project.swp('repro', '--executor', 'slurm', '--json');
    const events = json<{ event: string; id?: string; state?: string; nodes?: object }>();
    expect(exitCode).toBe(0);
    // A node that was done before anybody followed it counts as cached.
    expect(events.at(-1)).toMatchObject({ event: 'summary', nodes: { total: 11, failed: 0, blocked: 0 } });
    const ofJobs = events.filter(({ event }) => event === 'job');
    expect(new Set(ofJobs.map(({ id }) => id))).toEqual(new Set(['1_0', '2_1']));
    expect(ofJobs).toContainEqual(expect.objectContaining({ id: '1_0', state: 'done' }));
    // The last job may not have ended yet.
    const jobsShown = async () => (await project.swp('status', '--json')).json<{ jobs: object[] }>()[0]!.jobs;
    await expect.poll(jobsShown, { timeout: 20_000 }).toEqual([]);
    expect((await project.swp('logs', '--job', '1_0')).stdout).toContain('A1 seed 0 round 1 train');
  });
});
