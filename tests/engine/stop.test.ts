/** Stopping: by the user, and by kill -9. Nothing keeps running, nothing unpublished stays, the next run goes on. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { thisProcess } from '../../src/cache/process-identity.ts';
import { builtWorker, bundle, Rig } from './rig.ts';

let rig: Rig;
let server: Server | undefined;
beforeEach(async () => {
  rig = await Rig.create();
});
afterEach(async () => {
  server?.close();
  await rig.remove();
});

it.each(['wait', 'ignore the stop'])(
  'a stopped run ends, and the next one continues (a stage that does: %s)',
  async (deed) => {
    const stop = new AbortController();
    const study = { A: {}, B: { from: 'A', params: { do: deed } }, C: { from: 'B' }, D: {} };
    const { result, ran, events } = await rig.run(study, {
      signal: stop.signal,
      onEvent: (event) => event.event === 'node-log' && stop.abort('SIGINT'),
    });
    expect(ran).toContain('A');
    expect(result).toMatchObject({ stopped: 'SIGINT', failed: 0, failures: [] });
    expect(result.blocked).toBeGreaterThanOrEqual(2);
    expect(events).toContainEqual(
      expect.objectContaining({
        event: 'node-end',
        outcome: 'blocked',
        failure: { kind: 'stopped', signal: 'SIGINT' },
      }),
    );
    expect(await readdir(rig.path('cache/tmp'))).toEqual([]);

    const next = await rig.run({ ...study, B: { from: 'A' } });
    expect(next.ran).not.toContain('A');
    expect(next.result).toMatchObject({ failed: 0, blocked: 0 });
  },
);

it('a run that is stopped before it begins does nothing', async () => {
  const { result } = await rig.run({ A: {} }, { signal: AbortSignal.abort('SIGTERM') });
  expect(result).toMatchObject({ blocked: 1, ran: 0, stopped: 'SIGTERM' });
});

it.each(['wait', 'ignore the stop'])('kill -9 leaves no worker behind (a stage that does: %s)', async (deed) => {
  // The stage holds a connection as long as its process lives: its end is the end of the worker.
  server = createServer().listen(rig.path('socket'));
  const connected = once(server, 'connection');
  const driver = spawn(
    process.execPath,
    [
      await bundle('tests/engine/driver.ts'),
      rig.directory,
      await builtWorker(),
      JSON.stringify({ say: 'A', do: deed, connect: rig.path('socket') }),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = (await once(createInterface(driver.stdout), 'line')) as [string];
  expect(line).toMatch(/^(waiting|busy)/);
  const [connection] = (await connected) as [NodeJS.ReadableStream];
  driver.kill('SIGKILL');
  connection.resume();
  await once(connection, 'close');

  // What it left behind is swept by the next run that starts work; the tmp/ of a living process is let alone.
  const leftovers = await readdir(rig.path('cache/tmp'));
  expect(leftovers).toHaveLength(1);
  const alive = leftovers[0]!.replace(/-\d+-\d+-/, `-${process.pid}-${thisProcess().started}-`);
  await mkdir(rig.path('cache/tmp', alive));
  await writeFile(rig.path('cache/tmp', alive, 'unfinished'), '');
  expect((await rig.run({ B: {} })).ran).toEqual(['B']);
  expect(await readdir(rig.path('cache/tmp'))).toEqual([alive]);
});
