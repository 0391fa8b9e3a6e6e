/** What swp makes of a real Slurm's answers, and of its silence. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SlurmClient } from '../../src/engine/executors/slurm/client.ts';
import { SlurmCluster } from './slurm-cluster.ts';

let cluster: SlurmCluster;
let client: SlurmClient;
beforeAll(async () => {
  cluster = await SlurmCluster.start({ confinesMemory: true });
  client = new SlurmClient({ env: cluster.env });
});
afterAll(() => cluster?.stop());

/** A script of the shell that runs one of these lines per job of an array. */
const script = (...lines: string[]) =>
  ['#!/bin/bash', ...lines.map((line, index) => `[ $SLURM_ARRAY_TASK_ID = ${index} ] && { ${line}; }`), ''].join('\n');
const submit = (text: string, ...args: string[]) =>
  client.submit(text, [`--output=${cluster.directory}/%a.log`, '--open-mode=append', ...args]);
async function jobs(...ids: string[]) {
  const answer = await client.jobs(ids);
  if (answer.kind === 'silent') throw new Error(answer.message);
  return answer.value;
}
async function fate(id: string) {
  await cluster.untilJob(id, 'COMPLETING');
  return client.fate(id);
}
const SLEEP = 'sleep 1000000';
/** A job that stays when it is told to end, until it is killed. */
const STAYS = `trap "" TERM; ${SLEEP} & wait; ${SLEEP}`;
const HOG = `node -e 'const all = []; setInterval(() => all.push(Buffer.alloc(2e7, 1)), 5)'; exit 0`;

it('tells how the jobs of an array have ended', async () => {
  const job = await submit(script('exit 0', 'exit 3', HOG), '--array=0-2', '--mem=200M');
  const ids = [0, 1, 2].map((index) => `${job}_${index}`);
  for (const id of ids) await cluster.untilJob(id, 'COMPLETED', 'FAILED', 'OUT_OF_MEMORY');
  const found = await jobs(...ids, `${job}_3`);
  expect(ids.map((id) => [found.get(id)?.state, found.get(id)?.reason, found.get(id)?.nodes])).toEqual([
    ['COMPLETED', undefined, cluster.nodes[0]],
    ['FAILED', 'NonZeroExitCode', cluster.nodes[0]],
    ['OUT_OF_MEMORY', 'OutOfMemory', cluster.nodes[0]],
  ]);
  expect(found.size).toBe(3);
  expect(await client.show(ids[1]!)).toMatchObject({
    value: { state: 'FAILED', exitCode: '3:0', restarts: 0, stdout: `${cluster.directory}/1.log` },
  });
});

it('knows no job that was cancelled while it waited, and none that there never was', async () => {
  const job = await submit(script(), '--array=0-1', '--hold');
  expect((await jobs(`${job}_0`)).get(`${job}_0`)).toMatchObject({ state: 'PENDING', reason: 'JobHeldUser' });
  await client.cancel([`${job}_0`, '987654', `${job}_0`]);
  expect([...(await jobs(`${job}_0`, `${job}_1`)).keys()]).toEqual([`${job}_1`]);
  await client.cancel([job]);
  expect((await jobs(`${job}_1`)).get(`${job}_1`)?.state).toBe('CANCELLED');
  expect((await jobs('987654')).size).toBe(0);
  expect(await client.show('987654')).toEqual({ kind: 'answer', value: undefined });
  await expect(client.requeue('987654')).rejects.toMatchObject({ failure: { kind: 'scheduler', answers: true } });
});

it('finds each job of an array whose numbers leave gaps, while they wait and after they were cancelled', async () => {
  const ids = (job: string) => Array.from({ length: 10 }, (_, n) => `${job}_${2 * n}`);
  const states = async (job: string) => {
    const found = await jobs(...ids(job), `${job}_1`, '987654_3');
    return ids(job).map((id) => found.get(id)?.state);
  };
  const job = await submit(script(), '--array=0-18:2', '--hold');
  expect(await states(job)).toEqual(Array<string>(10).fill('PENDING'));
  await client.cancel([job]);
  expect(await states(job)).toEqual(Array<string>(10).fill('CANCELLED'));
  const other = await submit(script(), '--array=0-18:2', '--hold');
  await client.cancel(ids(other));
  expect(await states(other)).toEqual(Array<string>(10).fill('CANCELLED'));
});

it('finds a job that Slurm took though sbatch had no answer', async () => {
  const bin = join(cluster.directory, 'bin');
  await mkdir(bin);
  const timeout = 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation';
  await writeFile(
    join(bin, 'sbatch'),
    `#!/bin/sh\nPATH=\${PATH#*:} sbatch "$@" > ${bin}/id\necho '${timeout}' >&2\nexit 1\n`,
    { mode: 0o755 },
  );
  const unanswered = new SlurmClient({ env: { ...cluster.env, PATH: `${bin}:${cluster.env.PATH}` } });
  const args = ['--array=0-3', '--hold', '--output=/dev/null'];
  const found = [await unanswered.submit(script(), args), await unanswered.submit(script(), args)];
  expect(found[1]).toBe((await readFile(join(bin, 'id'), 'utf8')).trim());
  expect(new Set(found).size).toBe(2);
  await client.cancel(found);
});

it('tells a job that is to end whether it was cancelled, or starts again', async () => {
  const job = await submit(script(STAYS, STAYS), '--array=0-1');
  const [cancelled, again] = [`${job}_0`, `${job}_1`];
  for (const id of [cancelled, again]) await cluster.untilJob(id, 'RUNNING');
  expect(await client.fate(cancelled)).toBe('running');
  await client.cancel([cancelled]);
  expect(await fate(cancelled)).toBe('cancelled');
  await client.requeue(again);
  expect(await fate(again)).toBe('requeued');
  await cluster.untilJob(again, 'RUNNING');
  expect(await client.show(again)).toMatchObject({ value: { restarts: 1 } });
  await client.cancel([again]);
});

it("refuses in Slurm's words", async () => {
  await expect(submit(script(), '--partition=nope')).rejects.toMatchObject({
    failure: { kind: 'scheduler', answers: true, message: expect.stringContaining('Invalid partition name specified') },
  });
  await expect(submit(script(), '--mem=999G')).rejects.toMatchObject({
    failure: { kind: 'scheduler', answers: true, message: expect.stringContaining('Memory specification') },
  });
  const limit = await client.maxArraySize();
  expect(limit).toEqual({ kind: 'answer', value: 1001 });
  await expect(submit(script(), '--array=1001')).rejects.toMatchObject({
    failure: { message: expect.stringContaining('Invalid job array specification') },
  });
});

it('is silent while the controller is away, and knows everything when it is back', async () => {
  const job = await submit(script(SLEEP), '--array=0');
  await cluster.untilJob(`${job}_0`, 'RUNNING');
  await cluster.stopController();
  const silent = { kind: 'silent', message: expect.stringContaining('Unable to contact slurm controller') };
  await Promise.all([
    expect(client.jobs([`${job}_0`])).resolves.toEqual(silent),
    expect(client.show(`${job}_0`)).resolves.toEqual(silent),
    expect(client.fate(`${job}_0`)).resolves.toBe('requeued'),
    ...[submit(script()), client.cancel([job]), client.requeue(job)].map((call) =>
      expect(call).rejects.toMatchObject({ failure: { kind: 'scheduler', answers: false } }),
    ),
  ]);
  await cluster.startController();
  expect((await jobs(`${job}_0`)).get(`${job}_0`)?.state).toBe('RUNNING');
});
