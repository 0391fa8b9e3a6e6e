/**
 * A disk that fails at any call of a run: the run comes to its end, says what failed, and what was computed stays. With
 * a sound disk again, the next run comes to the same results. SWP_FAULTS=2000 asks for more cases than the suite takes.
 */
import { mkdir, rm } from 'node:fs/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SwpError } from '../../src/base/failure.ts';
import { failureOf } from '../../src/base/file-failure.ts';
import { verifyCache } from '../../src/verify/verify-cache.ts';
import type { JobOutcome, PreparedJob } from '../../src/engine/executor.ts';
import { FailingFiles, type Fault } from '../support/failing-files.ts';
import { FakeExecutor, type FakeJob } from './fake-executor.ts';
import { Rig, type ToyStudy } from './rig.ts';

const CASES = Number(process.env.SWP_FAULTS ?? 42);
const CODES = ['ENOSPC', 'EROFS', 'EIO', 'EDQUOT', 'EMFILE', 'EACCES', 'ESTALE'];
const STUDY: ToyStudy = {
  A: {},
  B: { stage: 'count', from: 'A', params: { to: 2 } },
  C: { stage: 'count', from: 'A', params: { to: 3 } },
  D: { stage: 'list', all: ['A', 'C'] },
};

let rig: Rig;
beforeEach(async () => {
  rig = await Rig.create();
});
afterEach(() => rig.remove());

/** Runs a toy stage within this process, whose disk fails, too. */
async function runInProcess({ job, hear, signal }: FakeJob): Promise<JobOutcome> {
  try {
    hear({ kind: 'output', text: 'begun\n' });
    const { default: stage } = (await import(/* @vite-ignore */ job.module)) as {
      default: { run(job: unknown): Promise<object> };
    };
    return { kind: 'done', metrics: (await stage.run(stageJob(job, hear, signal))) as Record<string, number> };
  } catch (error) {
    const cause = failureOf(error);
    return { kind: 'error', message: String(error), stack: String(error), ...(cause !== undefined && { cause }) };
  }
}

function stageJob(job: PreparedJob, hear: FakeJob['hear'], signal: AbortSignal) {
  const { params, inputs, gathered, outputs, resume, checkpoints } = job;
  return {
    params,
    signal,
    log: (line: string) => hear({ kind: 'output', text: `${line}\n` }),
    optionalInput: (name: string) => inputs[name],
    gathered: (name: string) => gathered[name] ?? [],
    output: (name: string) => outputs[name],
    ...(resume && { resume: { at: resume.at, state: (name: string) => resume.state[name] } }),
    async checkpoint(at: number, write: (path: (name: string) => string) => Promise<void>) {
      const folder = `${checkpoints!.folder}/at-${at}`;
      await mkdir(folder);
      await write((name) => `${folder}/${name}`);
      await new Promise<void>((taken) =>
        hear({ kind: 'checkpoint', at, folder, files: { text: `${folder}/text` }, taken }),
      );
    },
  };
}

const run = async () => {
  await rig.reopen();
  return rig.run(STUDY, { executor: new FakeExecutor({ slots: 1, run: runInProcess }) });
};
const results = async (toy: Awaited<ReturnType<typeof run>>) =>
  [...toy.result.records.values()]
    .map(({ artifacts }) => Object.values(artifacts).map(({ sha256 }) => sha256))
    .flat()
    .sort();

it(`${CASES} faults at any call of a run: it ends, says why, and the next one comes to the same results`, async () => {
  const disk = new FailingFiles();
  const soundRun = async () => {
    disk.arm(rig.path('cache'));
    return run();
  };
  const expected = await results(await soundRun());
  const calls = disk.calls;
  const problems: string[] = [];
  for (let index = 0; index < CASES; index++) {
    const fault: Fault = {
      code: CODES[index % CODES.length]!,
      at: Math.floor(calls * ((index * 0.618034) % 1)), // spread evenly
      lasting: Math.floor(index / CODES.length) % 2 === 1,
    };
    await rig.remove();
    rig = await Rig.create();
    disk.arm(rig.path('cache'), fault);
    let first = '';
    const problem = (what: string) => problems.push(`${JSON.stringify(fault)} at ${first}: ${what}`);
    try {
      const { result } = await within(run(), 'hangs').finally(() => (first = disk.failed.slice(0, 1).join('')));
      const { failures, failed, blocked } = result;
      if (failures.length !== failed || (failed === 0 && blocked > 0)) problem(JSON.stringify(result));
    } catch (error) {
      if (!(error instanceof SwpError)) problem(`throws ${(error as Error).stack}`);
    }
    // The next run is another process, to which the leases of one that has ended mean nothing; this one lives.
    disk.arm(rig.path('cache'));
    await rm(rig.path('cache/leases'), { recursive: true, force: true });
    try {
      const again = await within(soundRun(), 'the next run hangs');
      const left = again.result.failures.map(({ failure }) => failure);
      if (left.length > 0 || JSON.stringify(await results(again)) !== JSON.stringify(expected))
        problem(`the next run ends with ${JSON.stringify(left)}`);
      const { damages } = await verifyCache(rig.cache);
      if (damages.length > 0) problem(`damaged ${JSON.stringify(damages)}`);
    } catch (error) {
      problem(`the next run throws ${(error as Error).stack}`);
    }
  }
  console.log(`${CASES} cases over ${calls} calls: ${problems.length} problems`);
  expect(problems).toEqual([]);
});

it('a file system without hard links serves as a cache', async () => {
  const disk = new FailingFiles();
  disk.arm(rig.path('cache'), { code: 'EPERM', at: 0, lasting: true, only: 'linkSync' });
  const { result } = await run();
  expect(disk.failed.length).toBeGreaterThan(0);
  expect(result).toMatchObject({ failed: 0, ran: 4, warnings: [] });
  disk.arm(rig.path('cache'));
  expect((await verifyCache(rig.cache)).damages).toEqual([]);
});

/** A run that hangs must not hide what the other cases show. */
async function within<Result>(work: Promise<Result>, what: string): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new Error(what)), 5_000)));
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
