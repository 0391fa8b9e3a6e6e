/** What a worker keeps of earlier jobs counts against no later one, and what a stage starts counts as its own. */
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installedBuild } from '../../src/base/installed-build.ts';
import { packageRoot } from '../../src/base/package-root.ts';
import { workerEnvironment } from '../../src/compute/runtimes/worker-environment.ts';
import { execute, type Executor, type JobOutcome, type PreparedJob, type Slot } from '../../src/engine/executor.ts';
import type { StageDefinition } from '../../src/engine/stage.ts';
import train from '../../stages/train.ts';
import { localExecutor } from './rig.ts';

/** Leaves `leave` MB behind, takes `take` MB, and in a process that has run other jobs waits for its end. */
const STAGE = `
  import { getEventListeners } from 'node:events';
  import { writeFile } from 'node:fs/promises';
  const left = [];
  let jobs = 0;
  export default {
    name: 'own', summary: '', params: {}, inputs: {}, outputs: { text: { summary: '', file: 'text.txt' } },
    async run({ params: { leave = 0, take = 0, waits = false }, signal, output }) {
      const listeners = getEventListeners(signal, 'abort').length;
      signal.addEventListener('abort', () => {});
      left.push(Buffer.alloc(leave * 1e6, 1));
      const taken = Buffer.alloc(take * 1e6, 1);
      if (waits && (jobs > 0 || waits === 'always')) await new Promise(() => setInterval(() => taken, 1000));
      await writeFile(output('text'), String(taken.length));
      return { pid: process.pid, rss: process.memoryUsage.rss(), jobs: jobs++, listeners };
    },
  };`;

/** A program that says who it is, takes 300 MB and waits for its end. */
const PROGRAM = `
  import { readFileSync, writeFileSync } from 'node:fs';
  const { outputs } = JSON.parse(readFileSync(0, 'utf8'));
  writeFileSync(outputs.text, String(process.pid));
  const taken = Buffer.alloc(300e6, 1);
  setInterval(() => taken, 1000);`;

let root: string;
let executor: Executor<Slot>;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'swp-memory-'));
  await mkdir(join(root, 'stages'));
  await writeFile(join(root, 'package.json'), '{"type":"module"}');
  await writeFile(join(root, 'stages/own.js'), STAGE);
  executor = await localExecutor({ jobs: 1, workers: workerEnvironment({}) });
});
afterEach(async () => {
  await executor.close();
  await rm(root, { recursive: true, force: true });
});

interface Told {
  pid: number;
  rss: number;
  jobs: number;
  listeners: number;
}

async function run(job: Partial<PreparedJob>, memoryBytes?: number): Promise<{ outcome: JobOutcome; log: string }> {
  let log = '';
  const outcome = await execute(
    executor,
    { place: 'A/s0/r0/step', resources: { cpus: 1, gpus: 0, ...(memoryBytes !== undefined && { memoryBytes }) } },
    {
      module: join(root, 'stages/own.js'),
      root,
      params: {},
      inputs: {},
      gathered: {},
      outputs: { text: join(root, 'text.txt') },
      ...job,
    },
    (event) => {
      if (event.kind === 'output') log += event.text;
    },
  );
  return { outcome, log };
}

async function done(job: Partial<PreparedJob>, memoryBytes?: number): Promise<Told> {
  const { outcome } = await run(job, memoryBytes);
  expect(outcome).toMatchObject({ kind: 'done' });
  return metricsOf(outcome);
}

function metricsOf(outcome: JobOutcome): Told {
  if (outcome.kind !== 'done') throw new Error(`The job ended as ${outcome.kind}.`);
  return outcome.metrics as unknown as Told;
}

const LIMIT = 300e6;

describe('with a limit, a worker', () => {
  it('that still takes more than three quarters of it is replaced before the next job', async () => {
    const first = await done({ params: { leave: 10 } }, LIMIT);
    const second = await done({ params: { leave: 200 } }, LIMIT);
    expect(second).toMatchObject({ pid: first.pid, jobs: 1 });
    const third = await done({ params: {} }, LIMIT);
    expect(third).toMatchObject({ jobs: 0 });
    expect(third.pid).not.toBe(first.pid);
  });

  it('that is ended in a later job of its life runs that job once more by itself, and the log says so', async () => {
    const first = await done({ params: { leave: 90 } }, LIMIT);
    const { outcome, log } = await run({ params: { take: 200, waits: 'not alone' } }, LIMIT);
    expect(outcome).toMatchObject({ kind: 'done', metrics: { jobs: 0 } });
    expect(metricsOf(outcome).pid).not.toBe(first.pid);
    expect(log).toMatch(/took \d+ bytes, more than 300000000\. It had run other nodes: once more in a new one\./);
  });

  it('is ended for good by a job that takes more alone', async () => {
    await done({}, LIMIT);
    const { outcome, log } = await run({ params: { take: 400, waits: 'always' } }, LIMIT);
    expect(outcome).toMatchObject({ kind: 'too-large', limit: LIMIT });
    expect(log.match(/once more/g)).toHaveLength(1);
  });

  it('is ended with the program that it has started, whose memory counts', async () => {
    await writeFile(join(root, 'stages/own.mjs'), PROGRAM);
    const manifest = { name: 'own', summary: '', command: [process.execPath, 'stages/own.mjs'] };
    const outputs = { text: { summary: '', file: 'text.txt' } };
    await writeFile(join(root, 'stages/own.stage.json'), JSON.stringify({ ...manifest, outputs }));
    const { outcome } = await run({ module: join(root, 'stages/own.stage.json') }, LIMIT);
    expect(outcome).toMatchObject({ kind: 'too-large', limit: LIMIT });
    const pid = Number(await readFile(join(root, 'text.txt'), 'utf8'));
    await expect.poll(() => isRunning(pid), { timeout: 60_000 }).toBe(false);
  });
});

it('a job finds no listener of an earlier one on its signal', async () => {
  for (const jobs of [0, 1, 2]) expect(await done({})).toMatchObject({ jobs, listeners: 0 });
});

it('one worker trains seed after seed, in the memory of the first ones', async () => {
  const first = await done({}, LIMIT);
  const { params } = train as unknown as StageDefinition;
  const { properties } = params as { properties: Record<string, { default?: unknown }> };
  const defaults = Object.fromEntries(
    Object.entries(properties).flatMap(([name, property]) => ('default' in property ? [[name, property.default]] : [])),
  );
  const sizes: number[] = [];
  for (let seed = 0; seed < 16; seed++) {
    await done(
      {
        module: join(installedBuild, 'stages/train.js'),
        params: { ...defaults, steps: 2, seed } as PreparedJob['params'],
        inputs: { weights: join(packageRoot, 'models/marker-retrieval/seed-0.safetensors') },
        outputs: Object.fromEntries(Object.keys(train.outputs).map((name) => [name, join(root, name)])),
      },
      LIMIT,
    );
    if (seed % 8 === 7) {
      const told = await done({}, LIMIT);
      expect(told.pid).toBe(first.pid);
      sizes.push(told.rss);
    }
  }
  // Each training took 45 MB that stayed: 360 MB for eight.
  expect(sizes[1]! - sizes[0]!).toBeLessThan(100e6);
});

/** Whether it still computes: where nobody waits for it, one that was ended stays in the table of processes. */
function isRunning(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
  } catch {
    return false;
  }
}
