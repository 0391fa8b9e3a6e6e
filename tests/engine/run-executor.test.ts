/** What a run asks of its executor, and what a dry run is: the same run, with an executor that computes nothing. */
import { writeFile, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobOutcome } from '../../src/engine/executor.ts';
import { dryRunExecutor } from '../../src/engine/executors/dry-run-executor.ts';
import { FakeExecutor, type FakeJob } from './fake-executor.ts';
import { Rig, type ToyStudy } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await Rig.create();
});
afterEach(() => rig.remove());

async function writeOutputs({ job }: FakeJob): Promise<JobOutcome> {
  for (const path of Object.values(job.outputs)) await writeFile(path, JSON.stringify(job.params));
  return { kind: 'done', metrics: {} };
}

describe('a run', () => {
  it('asks for what the stage and the user say, first for nodes that have most behind them', async () => {
    const executor = new FakeExecutor({ slots: 1, gpus: 1, run: writeOutputs });
    const study: ToyStudy = {
      alone: {},
      first: {},
      second: { from: 'first' },
      third: { from: 'second', params: { gpus: 1 } },
    };
    const { result } = await rig.run(study, { executor, memoryPerNode: 1e9 });
    expect(result).toMatchObject({ ran: 4, failed: 0 });
    const asked = new Map(executor.requests.map((request) => [request.place, request]));
    expect(asked.get('third/s0/r0/step')!.resources).toEqual({ cpus: 1, gpus: 1, memoryBytes: 1e9 });
    expect(asked.get('alone/s0/r0/step')!.resources).toEqual({ cpus: 1, gpus: 0, memoryBytes: 1e9 });
    expect(asked.get('first/s0/r0/step')!.priority!).toBeGreaterThan(asked.get('alone/s0/r0/step')!.priority!);
  });

  it('asks for a few nodes of each stage before all others, so that one that fails is known soon', async () => {
    const order: string[] = [];
    const executor = new FakeExecutor({
      slots: 1,
      run: (job) => {
        order.push(String(job.job.params.say));
        return writeOutputs(job);
      },
    });
    const roots = ['A', 'B', 'C', 'D', 'E', 'F'];
    await rig.run(
      {
        ...Object.fromEntries(
          roots.flatMap((root) => [
            [root, {}],
            [`${root}2`, { from: root }],
          ]),
        ),
        leaf: { stage: 'first', from: 'A' },
      },
      { executor },
    );
    // The fifth, or the sixth if what the first made is published later than the fifth is asked for.
    expect(order.indexOf('undefined')).toBeOneOf([4, 5]);
  });

  it('claims nothing for a node that waits for a slot, so that another process can compute it', async () => {
    const leases = async () =>
      (await readdir(rig.path('cache/leases'), { recursive: true })).filter((name) => name.endsWith('.json'));
    const held: number[] = [];
    const executor = new FakeExecutor({
      slots: 1,
      run: async (job) => {
        held.push((await leases()).length);
        return writeOutputs(job);
      },
    });
    expect((await rig.run({ A: {}, B: {}, C: {} }, { executor })).result).toMatchObject({ ran: 3 });
    expect(held[0]).toBe(1); // of three nodes that wait for the slot, only the one that has it
  });

  it('gives the slot back before it publishes, and every slot in the end, whatever happens', async () => {
    const executor = new FakeExecutor({
      slots: 1,
      run: async (job) => (job.job.params.say === 'B' ? { kind: 'died', exitCode: 3 } : writeOutputs(job)),
    });
    expect((await rig.run({ A: {}, B: {}, C: { from: 'A' } }, { executor })).result).toMatchObject({
      ran: 2,
      failed: 1,
    });
    const slot = await executor.reserve({ place: 'x', resources: { cpus: 1, gpus: 0 } });
    expect(slot).toBeDefined();
    expect(await readdir(rig.path('cache/tmp'))).toEqual([]);
  });
});

it('a run that meets a bug of swp stops its other jobs before it ends', async () => {
  let begin!: () => void;
  const hasBegun = new Promise<void>((resolve) => (begin = resolve));
  let isCancelled = false;
  const executor = new FakeExecutor({
    slots: 2,
    run: async ({ job, signal }) => {
      if (job.params.say === 'A') {
        await hasBegun;
        throw new Error('a bug');
      }
      signal.addEventListener('abort', () => (isCancelled = true));
      begin();
      return new Promise(() => {});
    },
  });
  await expect(rig.run({ A: {}, B: {}, C: { from: 'B' } }, { executor })).rejects.toThrow('a bug');
  expect(isCancelled).toBe(true);
  expect(await readdir(rig.path('cache/tmp'))).toEqual([]);
});

describe('a dry run', () => {
  /** Every file of the cache with its time of change. */
  async function cacheFiles(): Promise<[string, number][]> {
    const names = await readdir(rig.path('cache'), { recursive: true });
    const found = await Promise.all(
      names.map(async (name) => [name, (await stat(join(rig.path('cache'), name))).mtimeMs] as [string, number]),
    );
    return found.sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** What would run, with the reason; the run itself then does that. */
  async function foretold(study: ToyStudy): Promise<string[]> {
    const before = await cacheFiles();
    const { result, events } = await rig.run(study, { executor: dryRunExecutor });
    expect(await cacheFiles()).toEqual(before);
    expect(events.filter(({ event }) => event === 'node-start')).toEqual([]);
    expect(result).toMatchObject({ ran: 0, failed: 0, blocked: 0 });
    const wouldRun = result.wouldRun.map(({ node, reason }) => `${node.labels[0]!.experiment}: ${reason.kind}`);
    const { ran } = await rig.run(study);
    expect(wouldRun.map((each) => each.split(':')[0]).sort()).toEqual(ran);
    return wouldRun;
  }

  it('says what is missing and what follows from it, and touches nothing', async () => {
    const chain: ToyStudy = { A: {}, B: { from: 'A' }, C: { from: 'B', and: 'A' } };
    expect(await foretold(chain)).toEqual(['A: missing', 'B: missing', 'C: missing']);
    expect(await foretold(chain)).toEqual([]);
    expect(await foretold({ ...chain, B: { from: 'A', params: { say: 'b' } } })).toEqual(['B: changed', 'C: changed']);
  });

  it('goes through thousands of stops of one trajectory, whichever comes first', async () => {
    const stops = Array.from({ length: 4_000 }, (_, index) => [
      `A${index}`,
      { stage: 'count', params: { to: 4_000 - index } },
    ]);
    const { result } = await rig.run(Object.fromEntries(stops) as ToyStudy, { executor: dryRunExecutor });
    expect(result.wouldRun).toHaveLength(4_000);
  });

  it('counts what has to be computed again since it was evicted, also outside of what was asked for', async () => {
    const count = (to: number, from?: string): ToyStudy[string] => ({
      stage: 'count',
      params: { to },
      ...(from !== undefined && { from }),
    });
    const study: ToyStudy = { A: count(3), B: count(4, 'A') };
    const { result } = await rig.run(study);
    for (const { artifacts } of result.records.values()) await rm(rig.cache.artifactPath(artifacts.text!));
    await rig.reopen();
    expect(await foretold({ ...study, C: { from: 'B' } })).toEqual(['A: evicted', 'B: evicted', 'C: missing']);
  });

  it('knows a result of another recipe with the same content', async () => {
    const study = (say: string): ToyStudy => ({ A: { params: { say } }, B: { stage: 'first', from: 'A' } });
    await rig.run({ ...study('xy'), C: { from: 'B' } });
    await rig.run(study('xz'));
    expect(await foretold({ ...study('xz'), C: { from: 'B' } })).toEqual([]);
  });
});
