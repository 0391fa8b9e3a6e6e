/**
 * Trajectories: nodes that differ in how far they go are one computation, done once, resumed where it was interrupted.
 */
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SwpEvent } from '../../src/engine/event.ts';
import { SwpError } from '../../src/base/failure.ts';
import { Rig, type ToyRun, type ToyStudy } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await Rig.create();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rig.remove();
});

const count = (to: number, params: Record<string, unknown> = {}): ToyStudy[string] => ({
  stage: 'count',
  params: { to, ...params } as never,
});

/** The steps that were really done, in order. */
const steps = ({ events }: ToyRun) =>
  events.flatMap((event) =>
    event.event === 'node-log' && event.line.startsWith('step ') ? [Number(event.line.slice(5))] : [],
  );
const upTo = (end: number, from = 0) => Array.from({ length: end - from }, (_, index) => from + index);
const resumed = ({ events }: ToyRun) =>
  Object.fromEntries(
    events.flatMap((event) =>
      event.event === 'node-start' && event.resumedAt !== undefined ? [[event.label.experiment, event.resumedAt]] : [],
    ),
  );

/** What the same length gives in a cache of its own, in one go. */
async function uninterrupted(to: number, params?: Record<string, unknown>): Promise<string> {
  const other = await Rig.create();
  try {
    const run = await other.run({ A: count(to, params) });
    return await run.read('A');
  } finally {
    await other.remove();
  }
}

describe('stops of one trajectory', () => {
  it('are done once, the nearest first, however the study lists them', async () => {
    const study = { C: count(20), A: count(5), B: count(11) };
    const run = await rig.run(study);
    expect(steps(run)).toEqual(upTo(20));
    expect(resumed(run)).toEqual({ B: 5, C: 11 });
    for (const [place, to] of [
      ['A', 5],
      ['B', 11],
      ['C', 20],
    ] as const)
      expect(await run.read(place)).toBe(await uninterrupted(to));
  });

  it('wait for the one before, not for the whole study: others go on meanwhile', async () => {
    const run = await rig.run({ A: count(5), B: count(9), other: { params: {} } });
    expect(run.ran).toEqual(['A', 'B', 'other']);
  });

  it('serve a later wish: 20 after 10 does 10 more', async () => {
    await rig.run({ A: count(10) });
    const run = await rig.run({ A: count(20) });
    expect(steps(run)).toEqual(upTo(20, 10));
    expect(await run.read('A')).toBe(await uninterrupted(20));
    expect(run.result.records.values().next().value).toMatchObject({ resumedAt: 10 });
  });

  it('are found by content: another recipe whose inputs are the same bytes goes on as well', async () => {
    await rig.run({
      start: { params: { say: 'abc' } },
      first: { stage: 'first', from: 'start' },
      A: { ...count(10), from: 'first' },
    });
    const run = await rig.run({
      start: { params: { say: 'aXX' } },
      first: { stage: 'first', from: 'start' },
      A: { ...count(15), from: 'first' },
    });
    expect(steps(run)).toEqual(upTo(15, 10));
  });

  it('are of one trajectory only: other parameters, or a way that depends on its end, begin at the beginning', async () => {
    await rig.run({ A: count(5) });
    expect(steps(await rig.run({ A: count(6, { other: 1 }) }))).toEqual(upTo(6));
    const knowing = { A: count(3, { knowsItsEnd: true }), B: count(4, { knowsItsEnd: true }) };
    expect(steps(await rig.run(knowing, { jobs: 1 }))).toHaveLength(7);
  });

  it('are not gone on from once the user has dismissed them', async () => {
    const before = await rig.run({ A: count(5) });
    const study = await rig.study();
    await study.dismiss([...before.result.records.values()][0]!, ['A']);
    const run = await rig.run({ A: count(5), B: count(8) }, { study });
    expect(steps(run)).toEqual(upTo(8));
    expect(resumed(run)).toEqual({ B: 5 });
  });

  it('whose state is gone, or damaged, cost time and nothing else', async () => {
    const ended = await rig.run({ A: count(5), B: count(9) });
    const state = rig.cache.artifactPath(
      [...ended.result.records.values()].find(({ preimage }) => (preimage.params as { to: number }).to === 9)!.artifacts
        .text!,
    );
    await rm(state);
    await rig.reopen();
    expect(steps(await rig.run({ C: count(12) }))).toEqual(upTo(12, 5));
    const first = rig.cache.artifactPath(
      [...ended.result.records.values()].find(({ preimage }) => (preimage.params as { to: number }).to === 5)!.artifacts
        .text!,
    );
    await rm(first);
    await writeFile(first, 'x'.repeat(64));
    await rig.reopen();
    const again = await rig.run({ D: count(8) });
    expect(steps(again)).toEqual(upTo(8));
    expect(await again.read('D')).toBe(await uninterrupted(8));
  });

  it('whose nearer one fails begin at the beginning', async () => {
    vi.stubEnv('TOY_HOLD', '2');
    const run = await rig.run(
      { A: count(4), B: count(9) },
      {
        onEvent: (event) => {
          if (event.event === 'node-log' && event.line.startsWith('holding '))
            process.kill(Number(event.line.slice(8)), 'SIGKILL');
        },
      },
    );
    expect(run.ended('failed')).toEqual(['A', 'B']);
    expect(steps(run)).toEqual([0, 1, 0, 1]);
  });
});

describe('a checkpoint', () => {
  /** Runs up to `hold`, whose checkpoint is kept, and is killed there. */
  async function killed(to: number, hold: number, options: Parameters<Rig['run']>[1] = {}): Promise<ToyRun> {
    vi.stubEnv('TOY_HOLD', String(hold));
    let pid = 0;
    const onEvent = (event: SwpEvent) => {
      if (event.event === 'node-log' && event.line.startsWith('holding ')) pid = Number(event.line.slice(8));
      if (event.event === 'node-checkpoint' && event.at === hold) process.kill(pid, 'SIGKILL');
    };
    const run = await rig.run({ A: count(to) }, { checkpointSeconds: 0, ...options, onEvent });
    vi.unstubAllEnvs();
    return run;
  }
  const folder = async () => {
    const root = rig.path('cache/trajectories');
    return (await readdir(root, { recursive: true })).filter(
      (name) => name.includes('checkpoint-') && !name.includes('/text') && !name.includes('manifest'),
    );
  };

  it('is where a killed run goes on, to the same bits; the stop makes it needless', async () => {
    expect((await killed(12, 7)).ended('failed')).toEqual(['A']);
    expect(await folder()).toHaveLength(1);
    const run = await rig.run({ A: count(12) });
    expect(resumed(run)).toEqual({ A: 7 });
    expect(steps(run)).toEqual(upTo(12, 7));
    expect(await run.read('A')).toBe(await uninterrupted(12));
    expect(await folder()).toEqual([]);
  });

  it('serves a stop nearer than the one that the killed run was to reach, and a farther one', async () => {
    await killed(12, 7);
    expect(steps(await rig.run({ A: count(9), B: count(15) }))).toEqual(upTo(15, 7));
  });

  it('is put down when the user stops the run, however young the last one is', async () => {
    vi.stubEnv('TOY_HOLD', '7');
    const controller = new AbortController();
    const run = await rig.run(
      { A: count(12) },
      {
        signal: controller.signal,
        onEvent: (event) =>
          event.event === 'node-log' && event.line.startsWith('holding ') && controller.abort('SIGINT'),
      },
    );
    expect(run.result.stopped).toBe('SIGINT');
    vi.unstubAllEnvs();
    expect(steps(await rig.run({ A: count(12) }))).toEqual(upTo(12, 7));
  });

  it('that is damaged is passed over, and removed', async () => {
    await killed(12, 7);
    const [name] = await folder();
    await writeFile(join(rig.path('cache/trajectories'), name!, 'text'), 'damaged');
    expect(steps(await rig.run({ A: count(9) }))).toEqual(upTo(9));
  });

  it('counts only for what it was made for: the replacement of a dismissed result, in the study that dismissed it', async () => {
    const study = await rig.study();
    const dismissed = async () => {
      const run = await rig.run({ A: count(12) }, { study });
      await study.dismiss([...run.result.records.values()][0]!, ['A']);
      return run;
    };
    await dismissed();
    await killed(12, 7, { study });
    expect(resumed(await dismissed())).toEqual({ A: 7 });
    await killed(12, 7, { study });
    expect(resumed(await rig.run({ A: count(9) }, { study: await rig.study('other.json') }))).toEqual({});
  });

  it('that cannot be kept is told in the log, and the run goes on', async () => {
    const refused = new SwpError({ kind: 'file', path: '/full', operation: 'write', code: 'ENOSPC', remedy: '' });
    rig.cache.trajectories.keep = () => Promise.reject(refused);
    const run = await rig.run({ A: count(50) }, { checkpointSeconds: 0 });
    expect(run.ran).toEqual(['A']);
    const record = [...run.result.records.values()][0]!;
    expect(await readFile(join(rig.cache.directory, record.log!), 'utf8')).toContain('was not kept: ');
  });
});
