/**
 * Hosts and containers with the same name and process numbers of their own, on one cache: none takes another one for
 * dead, nor sweeps the folder in which it is writing.
 */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { afterEach, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { packageRoot } from '../../src/base/package-root.ts';
import type { SwpEvent } from '../../src/engine/event.ts';
import { SwpProject } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';
import { requireRoot } from './requirements.ts';

let cache: string;
beforeAll(() => requireRoot());
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'swp-namespaces-'));
});
afterEach(() => rm(cache, { recursive: true }));

/** Starts a run by a command that separates it from this system; resolves at the first event of a kind. */
async function startUntil(separate: string[], isReached: (event: SwpEvent) => boolean): Promise<SwpEvent> {
  const project = await SwpProject.create({
    ...tinyStudy(),
    experiments: { L: { params: { train: { steps: 1e7 } } } },
  });
  const swp = [process.execPath, join(packageRoot, 'bin/swp.js'), 'repro', '--cache', cache, '--json', '--jobs', '1'];
  const running = execa('unshare', ['--kill-child=SIGKILL', ...separate, ...swp], { cwd: project.root, reject: false });
  onTestFinished(async () => {
    running.kill('SIGKILL');
    await running;
  });
  return new Promise((resolve, reject) => {
    createInterface(running.stdout).on('line', (line) => {
      const event = JSON.parse(line) as SwpEvent;
      if (isReached(event)) resolve(event);
    });
    void running.then(({ stderr }) => reject(new Error(`It ended: ${stderr}`)));
  });
}

it('runs in other PID namespaces and on another host wait for one another, and let its folder alone', async () => {
  const container = ['--pid', '--fork', '--mount-proc'];
  await startUntil(container, (event) => event.event === 'node-start' && event.stage === 'train');
  const folders = await readdir(join(cache, 'tmp'));
  await writeFile(join(cache, 'boot_id'), 'of another kernel\n');
  const mountOther = `mount --bind '${join(cache, 'boot_id')}' /proc/sys/kernel/random/boot_id && exec "$0" "$@"`;
  for (const separate of [
    container, // process 1 in each of them
    ['--pid', '--fork'], // sees the /proc of others, which says nothing about its own numbers
    ['--mount', '--fork', 'sh', '-c', mountOther], // the first PID namespace of every host has the same number
  ]) {
    const event = await startUntil(separate, ({ event }) => event === 'node-wait');
    expect(event).toMatchObject({ stage: 'train', holder: { pid: 1 } });
    expect(await readdir(join(cache, 'tmp'))).toEqual(expect.arrayContaining(folders));
  }
});
