/** What swp makes of Slurm's answers, which commands in a folder give here: the texts are those of a real cluster. */
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SlurmClient } from '../../src/engine/executors/slurm/client.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swp-slurm-client-'));
  await mkdir(join(folder, 'bin'));
});
afterEach(() => rm(folder, { recursive: true }));

/** A command that runs these lines of shell; its arguments, and what it reads, are noted. */
async function provide(command: string, ...lines: string[]): Promise<void> {
  const path = join(folder, 'bin', command);
  await writeFile(path, ['#!/bin/sh', `printf '%s\\n' "$@" > ${folder}/${command}.args`, ...lines, ''].join('\n'));
  await chmod(path, 0o755);
}

const argumentsOf = async (command: string) =>
  (await readFile(join(folder, `${command}.args`), 'utf8')).trimEnd().split('\n');
const client = (options: { timeoutMs?: number; env?: NodeJS.ProcessEnv } = {}) =>
  new SlurmClient({ ...options, env: { PATH: `${join(folder, 'bin')}:/usr/bin:/bin`, ...options.env } });
const says = (text: string, exitCode = 0) => `cat <<'END'\n${text}\nEND\nexit ${exitCode}`;
const complains = (text: string, exitCode = 1) => `cat >&2 <<'END'\n${text}\nEND\nexit ${exitCode}`;
const HANGS = 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation';
const AWAY = 'Unable to contact slurm controller (connect failure)';

describe('a job that is submitted', () => {
  it.each(['12', '12;cluster'])('has the id that sbatch prints: %s', async (text) => {
    await provide('sbatch', `cat > ${folder}/script`, says(text));
    expect(await client().submit('#!/bin/bash\ntrue\n', ['--hold'])).toBe('12');
    expect(await argumentsOf('sbatch')).toEqual(['--parsable', expect.stringMatching(/^--comment=swp-\w+$/), '--hold']);
    expect(await readFile(join(folder, 'script'), 'utf8')).toBe('#!/bin/bash\ntrue\n');
  });

  it("is refused in Slurm's own words", async () => {
    await provide(
      'sbatch',
      complains(
        'sbatch: error: invalid partition specified: nope\n' +
          'sbatch: error: Batch job submission failed: Invalid partition name specified',
      ),
    );
    await expect(client().submit('#!/bin/sh')).rejects.toMatchObject({
      failure: {
        kind: 'scheduler',
        answers: true,
        message:
          'Slurm takes no job: invalid partition specified: nope; Batch job submission failed: Invalid partition name specified',
      },
    });
  });

  it('is refused by a Slurm that has as many jobs as it keeps', async () => {
    const FULL = 'sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying';
    await provide('sbatch', `echo '${FULL}' >&2`, 'exec sleep 60');
    await provide('squeue', 'exit 1');
    await expect(client({ timeoutMs: 500 }).submit('#!/bin/sh')).rejects.toMatchObject({
      failure: {
        answers: true,
        message: expect.stringContaining('MaxJobCount'),
        remedy: expect.stringMatching(/^Send/),
      },
    });
  });

  it('asks for what its script says, else for what variables of sbatch say, and for nothing that would change it', async () => {
    await provide('sbatch', `env > ${folder}/env`, says('12'));
    const env = {
      ...{ SBATCH_PARTITION: 'cpu', SBATCH_TIMELIMIT: '5', SBATCH_ACCOUNT: 'lab', SBATCH_ARRAY_INX: '5-9' },
      ...{ SBATCH_OUTPUT: '/x', SBATCH_WAIT: '1', SLURM_JOB_ID: '7', SLURM_CONF: '/slurm.conf' },
    };
    await client({ env }).submit('#!/bin/sh\n#SBATCH --partition=gpu\n#SBATCH "--time=1 2"\n');
    const passed = (await readFile(join(folder, 'env'), 'utf8'))
      .split('\n')
      .filter((line) => /^S(BATCH|LURM)_/.test(line));
    expect(passed.sort()).toEqual(['SBATCH_ACCOUNT=lab', 'SLURM_CONF=/slurm.conf']);
  });

  it('is found by its comment if sbatch had no answer', async () => {
    await provide('sbatch', complains(HANGS));
    await provide('squeue', `echo "11|"; sed -n 's/^--comment=/12|/p' ${folder}/sbatch.args; echo '13|(null)'`);
    expect(await client().submit('#!/bin/sh')).toBe('12');
  });

  it('is told apart from one of which Slurm says nothing', async () => {
    await provide('sbatch', complains(HANGS));
    await provide('squeue', says('11|swp-other'));
    const submitted = client().submit('#!/bin/sh');
    await expect(submitted).rejects.toMatchObject({ failure: { kind: 'scheduler', answers: false } });
    const [, comment] = (await argumentsOf('sbatch'))[1]!.split('=');
    await expect(submitted).rejects.toMatchObject({
      failure: {
        remedy:
          'Try again when `scontrol ping` finds it up. It may have taken the job nevertheless: then ' +
          `\`squeue --me -o '%i %k'\` shows it with the comment ${comment}. ` +
          'That does no harm, as nothing is computed twice; scancel ends it.',
      },
    });
  });

  it('keeps the comment that it has', async () => {
    await provide('sbatch', complains(HANGS));
    await expect(client().submit('#!/bin/sh\n#SBATCH "--comment=for me"\n')).rejects.toMatchObject({
      failure: { answers: false, remedy: expect.stringContaining('then `squeue --me` shows it.') },
    });
    expect(await argumentsOf('sbatch')).toEqual(['--parsable']);
  });

  it('does not get the allocation of whoever submits it', async () => {
    await provide('sbatch', `env > ${folder}/env`, says('1'));
    await client({ env: { SLURM_MEM_PER_NODE: '7', SLURM_CONF: '/x', SBATCH_ACCOUNT: 'lab' } }).submit('#!/bin/sh');
    const env = await readFile(join(folder, 'env'), 'utf8');
    expect(env).toContain('SLURM_CONF=/x');
    expect(env).toContain('SBATCH_ACCOUNT=lab');
    expect(env).not.toContain('SLURM_MEM_PER_NODE');
  });

  it('needs the commands of Slurm', async () => {
    const missing = new SlurmClient({ env: { PATH: join(folder, 'bin') } });
    await expect(missing.submit('#!/bin/sh')).rejects.toMatchObject({
      failure: { kind: 'unavailable', message: 'there is no sbatch' },
    });
  });
});

describe('jobs', () => {
  it('are found by their ids, and those of a cancelled array by that', async () => {
    await provide(
      'squeue',
      `env > ${folder}/env; echo "$@" >> ${folder}/asked`,
      `case "$*" in *--jobs=4,5) cat <<'END'`,
      '5|CANCELLED|BeginTime||0:00|UNLIMITED|swp-A1/s0',
      'END',
      'exit 0;; esac',
      says(
        [
          '4_3|PENDING|JobArrayTaskLimit||0:00|UNLIMITED|swp-a | b',
          '4_1|RUNNING|None|n1|1:02|364-23:59:56|swp-A1/s0',
          '4_2|TIMEOUT|TimeLimit|gpu[01-02]|1:01:04|INVALID|swp-A1/s0',
          '6|PENDING|ReqNodeNotAvail, UnavailableNodes:n2||0:00|1:00|mine',
        ].join('\n'),
      ),
    );
    const asked = client({ env: { SQUEUE_STATES: 'PENDING' } });
    const answer = await asked.jobs(['4_1', '4_2', '4_3', '4_4', '5_7', '6']);
    expect(answer).toEqual({
      kind: 'answer',
      value: new Map([
        [
          '4_1',
          {
            id: '4_1',
            state: 'RUNNING',
            nodes: 'n1',
            runningSeconds: 62,
            leftSeconds: 365 * 86_400 - 4,
            name: 'swp-A1/s0',
          },
        ],
        [
          '4_2',
          {
            id: '4_2',
            state: 'TIMEOUT',
            reason: 'TimeLimit',
            nodes: 'gpu[01-02]',
            runningSeconds: 3664,
            name: 'swp-A1/s0',
          },
        ],
        ['4_3', { id: '4_3', state: 'PENDING', reason: 'JobArrayTaskLimit', runningSeconds: 0, name: 'swp-a | b' }],
        ['5_7', { id: '5', state: 'CANCELLED', reason: 'BeginTime', runningSeconds: 0, name: 'swp-A1/s0' }],
        [
          '6',
          {
            id: '6',
            state: 'PENDING',
            reason: 'ReqNodeNotAvail, UnavailableNodes:n2',
            runningSeconds: 0,
            leftSeconds: 60,
            name: 'mine',
          },
        ],
      ]),
    });
    expect((await readFile(join(folder, 'asked'), 'utf8')).match(/--jobs=.*/g)).toEqual([
      '--jobs=4_1,4_2,4_3,4_4,5_7,6',
      '--jobs=4,5',
    ]);
    expect(await readFile(join(folder, 'env'), 'utf8')).not.toContain('SQUEUE_STATES');
  });

  it('that Slurm does not know are not there', async () => {
    await provide('squeue', complains('slurm_load_jobs error: Invalid job id specified'));
    expect(await client().jobs(['9_1'])).toEqual({ kind: 'answer', value: new Map() });
  });

  it.each([
    ['is away', complains(`slurm_load_jobs error: ${AWAY}`)],
    ['hangs', complains('slurm_load_jobs error: Socket timed out on send/recv operation')],
  ])('are not known while the controller %s', async (_, line) => {
    await provide('squeue', line);
    expect(await client().jobs(['9_1'])).toMatchObject({ kind: 'silent' });
  });

  it('are not known if squeue does not end', async () => {
    await provide('squeue', 'exec sleep 1000000');
    expect(await client({ timeoutMs: 100 }).jobs(['9_1'])).toEqual({
      kind: 'silent',
      message: 'squeue had no answer in 0.1 s',
    });
  });

  it('are shown with what scontrol knows, even if Slurm ends the first scontrol with the job', async () => {
    await provide(
      'scontrol',
      `[ -e ${folder}/again ] || { touch ${folder}/again; kill -TERM $$; }`,
      says(
        'JobId=9 ArrayJobId=6 ArrayTaskId=1 JobName=a b UserId=root(0) Account=(null) JobState=COMPLETING Reason=None ' +
          'Dependency=(null) Requeue=1 Restarts=2 BatchFlag=1 ExitCode=0:15 RunTime=00:00:03 TimeLimit=1-00:00:00 ' +
          'PreemptEligibleTime=2026-11-30T03:57:08 PreemptTime=2026-11-30T03:57:21 NodeList=n1 BatchHost=n1 ' +
          'ReqB:S:C:T=0:0:*:* StdErr=/a b/x.log StdIn=/dev/null StdOut=/a b/x.log Power= ',
      ),
    );
    expect(await client().show('6_1')).toEqual({
      kind: 'answer',
      value: {
        state: 'COMPLETING',
        exitCode: '0:15',
        nodes: 'n1',
        restarts: 2,
        isPreempted: true,
        runningSeconds: 3,
        limitSeconds: 86_400,
        stdout: '/a b/x.log',
      },
    });
  });

  it.each(['slurm_load_jobs error: Invalid job id specified', 'Job 8_2 not found'])(
    'have nothing to show that are gone: %s',
    async (text) => {
      await provide('scontrol', complains(text));
      expect(await client().show('8_2')).toEqual({ kind: 'answer', value: undefined });
    },
  );
});

describe('jobs that are to end, or to start again', () => {
  it('need no ending if they have ended', async () => {
    await provide(
      'scancel',
      complains(
        'scancel: error: Kill job error on job id 7_1: Job/step already completing or completed\n' +
          'scancel: error: Kill job error on job id 8: Invalid job id specified',
      ),
    );
    await client().cancel(['7_1', '8']);
    expect(await argumentsOf('scancel')).toEqual(['7_1', '8']);
  });

  it("are not one's own, perhaps", async () => {
    await provide(
      'scancel',
      complains(
        'scancel: error: Kill job error on job id 7_1: Job/step already completing or completed\n' +
          'scancel: error: Kill job error on job id 8: Access/permission denied',
      ),
    );
    await expect(client().cancel(['7_1', '8'])).rejects.toMatchObject({
      failure: { kind: 'scheduler', answers: true, message: expect.stringContaining('Access/permission denied') },
    });
  });

  it('are not told while the controller is away', async () => {
    await provide('scontrol', complains(AWAY));
    await provide('scancel', complains(`scancel: error: Kill job error on job id 27: ${AWAY}`, 8));
    for (const ask of [() => client().requeue('6_1'), () => client().cancel(['27'])])
      await expect(ask()).rejects.toMatchObject({ failure: { kind: 'scheduler', answers: false } });
  });
});

describe('a job that is told to end asks what is to become of it', () => {
  it.each([
    ['requeued', 'JobState=COMPLETING Reason=None Restarts=2'],
    ['requeued', 'JobState=RUNNING Reason=None Restarts=2 NodeList=n2'],
    ['cancelled', 'JobState=COMPLETING Reason=None Restarts=1 PreemptTime=None'],
    ['running', 'JobState=COMPLETING Reason=TimeLimit Restarts=1'],
    ['running', 'JobState=COMPLETING Reason=None Restarts=1 PreemptTime=2026-11-30T03:57:21'],
    ['running', 'JobState=RUNNING Reason=None Restarts=1'],
  ])('%s: %s', async (fate, line) => {
    await provide('scontrol', says(`JobId=9 ${line}`));
    expect(await client({ env: { SLURM_RESTART_COUNT: '1' } }).fate('9')).toBe(fate);
  });

  it('requeued, as after a failure of the machine, if nobody knows', async () => {
    await provide('scontrol', complains(`slurm_load_jobs error: ${AWAY}`));
    expect(await client().fate('9')).toBe('requeued');
  });
});

it('says how many jobs an array may have', async () => {
  await provide('scontrol', says('MaxArraySize            = 2001\nMaxJobCount             = 10000'));
  expect(await client().maxArraySize()).toEqual({ kind: 'answer', value: 2001 });
});
