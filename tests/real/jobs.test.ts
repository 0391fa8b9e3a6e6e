/**
 * Jobs of Slurm as whoever sends them sees them: sent again, cancelled, shown, and while Slurm is away. Slurm's
 * commands are scripts; these tests need no more than those in tests/cli/jobs.test.ts, but take long together.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { afterTables, projectWithSlurm, START, submissionOf, tell } from '../support/sent-study.ts';

describe('sending', () => {
  test('jobs are sent once, and cancelled by what they are to make', async () => {
    const { project, slurm } = await projectWithSlurm();
    expect((await project.swp('submit')).stdout).toMatch(/^Sent 2 jobs for \d+ nodes: arrays 1, 2\.\n/);
    expect(slurm.jobs).toEqual(['1_0', '2_1']);
    expect((await project.swp('submit', '--json')).json()).toEqual([{ jobs: [] }]);
    expect((await project.swp('cancel', 'step=aggregate', '--json')).json()).toEqual([
      { cancelled: [{ job: '2_1', bundle: 'aggregate' }] },
    ]);
    expect(slurm.jobs).toEqual(['1_0']);
    expect((await project.swp('cancel')).stdout).toBe(
      'job 1_0: A1/s0 is cancelled\n' +
        '1 job cancelled. What they have done is kept; `swp submit` sends the rest again.',
    );
    expect((await project.swp('cancel')).stdout).toBe('This study has no jobs in Slurm that could be cancelled.');
  });

  test('what is being cancelled is sent again, though its processes have not ended yet', async () => {
    const { project, slurm } = await projectWithSlurm();
    await project.swp('submit');
    slurm.set('1_0', 'COMPLETING|None|n1|0:07|INVALID');
    slurm.forget('2_1');
    expect((await project.swp('submit')).stdout).toMatch(/^Sent 2 jobs for 11 nodes: arrays 3, 4\.\n/);
  });

  test.each(['submit', 'repro'])('who stops swp %s while it sends has nothing sent', async (command) => {
    const { project, slurm } = await projectWithSlurm();
    slurm.interruptAt(1);
    const { exitCode, stderr } = await project.swp(command, ...(command === 'repro' ? ['--executor', 'slurm'] : []));
    expect(exitCode).toBe(130);
    expect(stderr).toContain('Stopping. What was sent is taken back.');
    expect(slurm.jobs).toEqual([]);
    expect((await project.swp('status')).stdout).not.toContain('job');
    slurm.interruptAt(0);
    expect((await project.swp('submit')).stdout).toContain('Sent 2 jobs');
  });

  test('while Slurm is away nothing is sent, and it is said what that means', async () => {
    const { project, slurm } = await projectWithSlurm();
    slurm.away = true;
    const { exitCode, stderr } = await project.swp('submit');
    expect(exitCode).toBe(2);
    expect(stderr).toContain(
      'error: Slurm does not answer: Batch job submission failed: Unable to contact slurm controller (connect failure).',
    );
    slurm.away = false;
    expect((await project.swp('submit')).stdout).toContain('Sent 2 jobs');
    slurm.away = true;
    expect((await project.swp('submit')).stderr).toContain('Nothing was sent. Try again when `scontrol ping`');
    expect((await project.swp('cancel')).stderr).toContain('No job was cancelled. Try again when `scontrol ping`');
  });
});

describe('swp status', () => {
  test('says why jobs came to nothing, until they are sent again', async () => {
    const { project, slurm } = await projectWithSlurm();
    await project.swp('submit');
    slurm.set('1_0', 'OUT_OF_MEMORY|OutOfMemory|n1|1:40|58:20');
    slurm.set('2_1', 'FAILED|NonZeroExitCode|n1|0:01|58:20');
    const log = (name: string) => join(submissionOf(project), name);
    writeFileSync(log('0.log'), '');
    writeFileSync(log('1.log'), 'swp: this line of "setup" failed with exit code 1: module load node\n');
    expect(afterTables((await project.swp('status')).stdout)).toBe(
      [
        '',
        'jobs: 1 failed, 1 out of memory',
        'job  of         state          nodes',
        '1_0  A1/s0      out of memory  0/10',
        '2_1  aggregate  failed         0/1',
        'error: Job 1_0 (A1/s0) took more memory than it had been given, 2.15 GB, and was ended.',
        '  Give it more with --memory; or let its nodes need less, by a smaller train.microBatchSize or batchSize.',
        `  Log: ${log('0.log')}`,
        'error: Job 2_1 (aggregate) ended before it had done its work (NonZeroExitCode): swp: this ' +
          'line of "setup" failed with exit code 1: module load node.',
        '  Its log says more; a machine may lack what "setup" prepares, or not see the cache. `swp submit` sends what ' +
          'is missing again.',
        `  Log: ${log('1.log')}`,
        '`swp repro` brings it up to date; `swp repro --dry-run` says how.',
      ].join('\n'),
    );
    await project.swp('submit');
    expect(afterTables((await project.swp('status')).stdout)).toBe(
      '\njobs: 2 queued (Priority)\nAll 11 nodes without a result are on the way in jobs.',
    );
  });

  test('never fails because of Slurm: it tells what the jobs have said', async () => {
    const { project, slurm } = await projectWithSlurm();
    await project.swp('submit');
    tell(project, 0, START);
    slurm.away = true;
    const { exitCode, stdout } = await project.swp('status');
    expect(exitCode).toBe(0);
    expect(stdout).toContain(
      'note: Slurm does not answer: slurm_load_jobs Unable to contact slurm controller (connect failure). ' +
        'Jobs go on without it; what is said of them is what they have told themselves.\n',
    );
    expect(stdout).toContain('jobs: 1 queued, 1 running\n');
    await project.write('.empty/nothing', '');
    project.env.PATH = project.path('.empty');
    const without = await project.swp('status');
    expect(without.exitCode).toBe(0);
    expect(without.stdout).toContain('note: This machine cannot run jobs of Slurm: there is no squeue. What is said');
    expect((await project.swp('status', '--json')).json()[0]).toMatchObject({
      jobs: [{ job: '1_0', state: 'unknown' }, { state: 'unknown' }],
      warnings: [{ kind: 'unavailable' }],
    });
  });
});

describe('swp logs', () => {
  test('shows what a job wrote whose nodes never began, and what any job wrote', async () => {
    const { project, slurm } = await projectWithSlurm();
    await project.swp('submit');
    slurm.set('1_0', 'OUT_OF_MEMORY|OutOfMemory|n1|1:40|58:20');
    const path = join(submissionOf(project), '0.log');
    writeFileSync(path, 'slurmstepd: error: Detected 1 oom-kill event(s)\n');
    expect((await project.swp('logs', 'stage=train')).stdout).toBe(
      `job 1_0  A1/s0  out of memory  ${path}\nslurmstepd: error: Detected 1 oom-kill event(s)\n` +
        '1 of 1 nodes have logged nothing.',
    );
    expect((await project.swp('logs', 'step=aggregate')).stdout).toBe(
      '1 of 1 nodes have logged nothing; 1 of them is in jobs that wait or run.',
    );
    expect((await project.swp('logs', '--job', '1_0')).stdout).toBe('slurmstepd: error: Detected 1 oom-kill event(s)');
    expect((await project.swp('logs', '--job', '1', '--json')).json()).toEqual([
      { nodes: [], jobs: [{ job: '1_0', bundle: 'A1/s0', state: 'out-of-memory', log: path }] },
    ]);
    expect((await project.swp('logs', '--job', '2_1')).stdout).toBe(
      'job 2_1  aggregate  queued  it has written nothing yet',
    );
    expect(await project.swp('logs', '--job', '7_0')).toMatchObject({
      exitCode: 2,
      stderr: 'error: This study has no job 7_0.\n  Did you mean "1_0"?\n  Expected: one of 1_0, 2_1.',
    });
    expect((await project.swp('logs')).stderr).toContain('error: Whose logs?\n');
  });
});

describe('jobs that run', () => {
  test('are named once in the summary, whatever became of their nodes', async () => {
    const { project, slurm } = await projectWithSlurm();
    slurm.runsJobs();
    const options = ['--executor', 'slurm', '--setup', 'module load nothing'];
    const { exitCode, stdout } = await project.swp('repro', ...options);
    expect(exitCode).toBe(1);
    expect(stdout.match(/^error: .*$/gm)).toEqual([
      expect.stringMatching(
        /^error: Job 1_0 \(A1\/s0, and 1 job like it\) ended before .*exit code 127: module load nothing\.$/,
      ),
    ]);
    expect(stdout).not.toMatch(/^failed /m);
    expect(slurm.jobs).toEqual(['1_0', '2_1']);
  });

  test('are not what heals a cache', async () => {
    const { project, slurm } = await projectWithSlurm();
    await project.swp('repro');
    await project.write('swp.config.json', { executor: 'slurm' });
    const records = readdirSync(project.path('cache/records'), { recursive: true, encoding: 'utf8' });
    const record = records.find((path) => path.endsWith('.json'))!;
    writeFileSync(project.path('cache/records', record), 'no record\n');
    expect((await project.swp('verify', '--heal')).stdout).toContain('1 ran');
    expect(slurm.calls).toEqual([]);
    expect((await project.swp('verify')).exitCode).toBe(0);
  });
});
