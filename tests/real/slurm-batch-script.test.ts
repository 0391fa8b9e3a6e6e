/** The script of a job as the real sbatch and Slurm read it. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { batchScript, logName } from '../../src/engine/executors/slurm/batch-script.ts';
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
    array: {
      settings: {
        ...LEAST,
        ...{ time: '01:30:00', gpus: 'fake:1', cpus: 2, memory: 200, setup: [`echo "it's set up"`] },
        options: ['--comment=a "comment", and more #2'],
      },
      bundles: [12, 13],
      offset: 10,
      limit: 1,
    },
    after: [],
    folder,
    logFolder,
    timeSignal: 'SIGUSR2',
    command: ['/bin/bash', join(folder, 'tell.sh'), `it's an "argument"`],
  });
  const id = await cluster.submit(script);
  const job = await cluster.untilJob(`${id}_3`, 'COMPLETED', 'FAILED');
  expect(job).toMatchObject({ JobState: 'COMPLETED', ArrayTaskThrottle: '1', TimeLimit: '01:30:00', Requeue: '1' });
  expect(job.JobName).toBe(`swp-A1's "run" #1`);
  await cluster.untilJob(`${id}_2`, 'COMPLETED');
  const logs = await Promise.all(
    [12, 13].map((bundle) => readFile(join(logFolder, logName({ offset: 10 }, bundle)), 'utf8')),
  );
  expect(logs).toEqual([12, 13].map((bundle) => `it's set up\n${folder}|2|200|0|it's an "argument" ${bundle}\n`));
});

test('a job waits for others, however they end, and says what its setup lacks', async () => {
  const common = {
    name: 'node',
    folder: cluster.directory,
    logFolder: cluster.directory,
    timeSignal: 'SIGUSR2',
    command: ['/bin/true'],
  } as const;
  const array = (bundle: number, setup: string[]) => ({ settings: { ...LEAST, setup }, bundles: [bundle], offset: 0 });
  const first = await cluster.submit(batchScript({ ...common, array: array(0, ['module load nothing']), after: [] }), [
    '--hold',
  ]);
  const second = await cluster.submit(batchScript({ ...common, array: array(1, []), after: [`${first}_0`] }));
  expect(await cluster.untilJob(`${second}_1`, 'PENDING')).toMatchObject({
    Dependency: `afterany:${first}_0(unfulfilled)`,
  });
  await cluster.run('scontrol', ['release', first]);
  expect(await cluster.untilJob(`${first}_0`, 'FAILED', 'COMPLETED')).toMatchObject({ ExitCode: '1:0' });
  expect(await readFile(join(cluster.directory, '0.log'), 'utf8')).toContain(
    'swp: this line of "setup" failed with exit code 127: module load nothing\n',
  );
  await cluster.untilJob(`${second}_1`, 'COMPLETED');
});
