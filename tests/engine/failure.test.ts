/** One node's failure is that node's: the others go on, what depends on it is blocked, and its log says why. */
import { chmod, readFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Failure } from '../../src/base/failure.ts';
import { Rig } from './rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await Rig.create();
});
afterEach(() => rig.remove());

describe('a node that fails', () => {
  it('blocks what depends on it, and nothing else', async () => {
    const { result, ran, ended, events } = await rig.run({
      A: { params: { do: 'throw' } },
      B: { from: 'A' },
      C: { from: 'B' },
      D: {},
      E: { from: 'D' },
      F: { from: 'E', and: 'B' },
    });
    expect(result).toMatchObject({ total: 6, cached: 0, ran: 2, failed: 1, blocked: 3 });
    expect(ran).toEqual(['D', 'E']);
    expect(ended('blocked')).toEqual(['B', 'C', 'F']);
    const failedKey = result.failures[0]!.key;
    expect(events.filter((event) => event.event === 'node-end' && event.blockedBy === failedKey)).toHaveLength(3);
    expect('stopped' in result).toBe(false);
  });

  it.runIf(process.platform === 'linux')('tells people their own paths, also in a cache of a group', async () => {
    await chmod(rig.cache.directory, 0o777);
    await rig.reopen();
    const { result, events } = await rig.run({ A: { params: { do: 'miss a file' } } });
    const [{ failure }] = result.failures as [(typeof result.failures)[number]];
    expect(failure).toMatchObject({ kind: 'stage', message: expect.stringContaining('no such file') });
    const { message, log } = failure as Extract<Failure, { kind: 'stage' }>;
    const own = join(rig.cache.directory, 'tmp');
    for (const text of [message, await readFile(log!, 'utf8')]) {
      expect(text).toContain(own);
      expect(text).not.toContain('/proc/');
    }
    const line = events.find(({ event }) => event === 'node-log');
    expect(line).toMatchObject({ line: expect.stringContaining(`It writes ${own}`) });
  });

  it('by throwing, tells its message, and the stack in its log', async () => {
    const { result } = await rig.run({ A: { params: { do: 'throw' } } });
    const failure = result.failures[0]!.failure as { log: string };
    expect(failure).toEqual({
      kind: 'stage',
      stage: 'text',
      node: 'A/s0/r0/step',
      message: 'no luck',
      log: expect.stringContaining(rig.cache.directory),
    });
    expect(await readFile(failure.log, 'utf8')).toMatch(/^Error: no luck\n {4}at .*text\.js/);
  });

  it.each([
    ['exit', { exitCode: 3 }, 'with exit code 3'],
    ['kill', { signal: 'SIGKILL' }, 'by the signal SIGKILL'],
  ])('by taking its worker along (%s), is replaced by a fresh worker', async (deed, how, words) => {
    const { result, ran } = await rig.run(
      { A: { params: { do: deed } }, B: { params: { do: deed } }, C: {}, D: { from: 'C' } },
      { jobs: 1 },
    );
    expect(ran).toEqual(['C', 'D']);
    expect(result.failures).toHaveLength(2);
    const { failure } = result.failures[0]!;
    expect(failure).toMatchObject({ kind: 'worker-died', stage: 'text', node: 'A/s0/r0/step', ...how });
    expect(await readFile((failure as { log: string }).log, 'utf8')).toBe(
      `The worker process ended ${words}, without an answer.\n`,
    );
  });

  it.each([
    ['write nothing', 'The stage did not write its output "text".'],
    ['bad metric', 'The metric "nested" is no number, string, boolean or null.'],
  ])('by breaking its promise (%s), is told so', async (deed, message) => {
    const { result } = await rig.run({ A: { params: { do: deed } } });
    expect(result.failures).toMatchObject([{ failure: { kind: 'stage', message } }]);
  });

  it('is tried again by the next run, with a log of its own', async () => {
    const first = await rig.run({ A: { params: { do: 'throw' } } });
    const second = await rig.run({ A: { params: { do: 'throw' } } });
    expect(second.result.failed).toBe(1);
    const logs = [first, second].map(({ result }) => (result.failures[0]!.failure as { log: string }).log);
    expect(logs.map((log) => log.slice(-6))).toEqual(['.1.log', '.2.log']);
  });

  it('because the cache cannot be written, says which file, and what to do', async () => {
    await rm(rig.cache.directory + '/artifacts', { recursive: true });
    await symlink('artifacts', rig.cache.directory + '/artifacts'); // leads to itself
    const { result } = await rig.run({ A: {} });
    expect(result.failures).toMatchObject([
      {
        failure: {
          kind: 'file',
          operation: 'write',
          code: 'ELOOP',
          path: rig.cache.directory + '/artifacts',
          remedy: expect.any(String),
        },
      },
    ]);
  });
});

describe('a worker', () => {
  it('writes what a stage says to the log of its node, in order', async () => {
    const { result, events } = await rig.run({ A: { params: { do: 'chat' } }, B: {} }, { jobs: 1 });
    const [chatty, silent] = [...result.records.values()];
    const log = await readFile(`${rig.cache.directory}/${chatty!.log}`, 'utf8');
    expect(log.split('\n').sort()).toEqual(['', 'logged: ä', 'on standard error', 'on standard output']);
    expect(log.indexOf('on standard output')).toBeLessThan(log.indexOf('logged'));
    expect(silent!.log).toBeUndefined();
    expect(events.filter(({ event }) => event === 'node-log')).toHaveLength(3);
  });

  it('reports progress seldom, but always its end', async () => {
    const { events } = await rig.run({ A: { params: { do: 'chat' } } });
    const reports = events.flatMap((event) => (event.event === 'node-progress' ? [event.progress] : []));
    expect(reports.at(-1)).toEqual({ done: 1000, total: 1000, values: { done: 1000 } });
    expect(reports.length).toBeLessThan(1000);
  });

  it('leaves Ctrl-C, which the terminal sends to it too, to swp', async () => {
    expect((await rig.run({ A: { params: { do: 'interrupt itself' } } })).ran).toEqual(['A']);
  });

  it('stays warm: one process runs node after node', async () => {
    const { result } = await rig.run({ A: {}, B: { from: 'A' }, C: { from: 'B' } }, { jobs: 1 });
    expect(new Set([...result.records.values()].map(({ metrics }) => metrics.pid)).size).toBe(1);
  });
});
