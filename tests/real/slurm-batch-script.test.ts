/** The script of a job as the real sbatch and Slurm read it. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { batchScript } from '../../src/engine/executors/slurm/batch-script.ts';
import { SlurmCluster } from './slurm-cluster.ts';

let cluster: SlurmCluster;
beforeAll(async () => {
  cluster = await SlurmCluster.start();
});
afterAll(() => cluster.stop());

const LEAST = { cpus: 1, setup: [], signal: 120, options: [] };

test('jobs run where they should, with what was asked for, and write their logs, whatever the paths', async () => {
  const folder = join(cluster.directory, `study 100%a 'of' "it" #1 $HOME`);
  const logFolder = join(folder, 'logs; %j %%');
  await mkdir(logFolder, { recursive: true });
  await writeFile(
    join(folder, 'tell.sh'),
    'echo "$PWD|$SLURM_CPUS_PER_TASK|$SLURM_MEM_PER_NODE|$CUDA_VISIBLE_DEVICES|$*"',
  );
  const script = batchScript({
    name: `A1's "run" #1`,
    settings: {
      ...LEAST,
      ...{ time: '01:30:00', gpus: 'fake:1', cpus: 2, memory: 200, setup: [`echo "it's set up"`] },
      options: ['--comment=a "comment", and more #2'],
    },
    tasks: [2, 3],
    concurrency: 1,
    after: [],
    folder,
    logFolder,
    logName: (task) => `array-0.${task}.log`,
    timeSignal: 'SIGUSR2',
    command: ['/bin/bash', join(folder, 'tell.sh'), `it's an "argument"`],
    offset: 10,
  });
  const id = await cluster.submit(script);
  const job = await cluster.untilJob(`${id}_3`, 'COMPLETED', 'FAILED');
  expect(job).toMatchObject({ JobState: 'COMPLETED', ArrayTaskThrottle: '1', TimeLimit: '01:30:00', Requeue: '1' });
  expect(job.JobName).toBe(`swp-A1's "run" #1`);
  await cluster.untilJob(`${id}_2`, 'COMPLETED');
  const logs = await Promise.all([2, 3].map((task) => readFile(join(logFolder, `array-0.${task}.log`), 'utf8')));
  expect(logs).toEqual([12, 13].map((bundle) => `it's set up\n${folder}|2|200|0|it's an "argument" ${bundle}\n`));
});

test('a job waits for others, however they end, and says what its setup lacks', async () => {
  const common = {
    name: 'node',
    tasks: [0],
    folder: cluster.directory,
    logFolder: cluster.directory,
    timeSignal: 'SIGUSR2',
    command: ['/bin/true'],
    offset: 0,
  } as const;
  const first = await cluster.submit(
    batchScript({
      ...common,
      settings: { ...LEAST, setup: ['module load nothing'] },
      after: [],
      logName: (task) => `first-${task}.log`,
    }),
    ['--hold'],
  );
  const second = await cluster.submit(
    batchScript({ ...common, settings: LEAST, after: [`${first}_0`], logName: (task) => `second-${task}.log` }),
  );
  expect(await cluster.untilJob(`${second}_0`, 'PENDING')).toMatchObject({
    Dependency: `afterany:${first}_0(unfulfilled)`,
  });
  await cluster.run('scontrol', ['release', first]);
  expect(await cluster.untilJob(`${first}_0`, 'FAILED', 'COMPLETED')).toMatchObject({ ExitCode: '1:0' });
  expect(await readFile(join(cluster.directory, 'first-0.log'), 'utf8')).toContain(
    'swp: this line of "setup" failed with exit code 127: module load nothing\n',
  );
  await cluster.untilJob(`${second}_0`, 'COMPLETED');
});
