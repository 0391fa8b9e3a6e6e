/**
 * What is durable when: of all that was written, a power failure may take whatever was not synced, and the names of
 * what was renamed in a directory that was not. So a record's rename must come after its own content is synced, and
 * after all its artifacts and their names are.
 */
import type * as NodeFs from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

interface Step {
  kind: 'sync' | 'rename';
  /** Of a rename, where from. */
  from?: string;
  path: string;
}
const { steps, paths } = vi.hoisted(() => ({ steps: [] as Step[], paths: new Map<number, string>() }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof NodeFs>();
  return {
    ...fs,
    openSync: (...args: Parameters<typeof fs.openSync>) => {
      const descriptor = fs.openSync(...args);
      // A folder may be named through its descriptor.
      paths.set(descriptor, fs.realpathSync(String(args[0])));
      return descriptor;
    },
    fsync: (descriptor: number, done: (error: Error | null) => void) => {
      fs.fsync(descriptor, (error) => {
        steps.push({ kind: 'sync', path: paths.get(descriptor)! });
        done(error);
      });
    },
    renameSync: (source: string, to: string) => {
      const from = fs.realpathSync(source);
      fs.renameSync(source, to);
      steps.push({ kind: 'rename', from, path: fs.realpathSync(to) });
    },
  };
});
const { Cache } = await import('../../src/cache/cache.ts');

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'swp-power-'));
});
afterAll(() => rm(directory, { recursive: true }));

it('a record is named only when it, its artifacts and their names are on the disk', async () => {
  const cache = await Cache.open(directory);
  const scratch = await cache.scratch.node();
  const outputs: Record<string, { path: string; file: string }> = {};
  for (const name of ['weights', 'mask', 'curve']) {
    outputs[name] = { path: join(scratch, name), file: `${name}.bin` };
    await writeFile(outputs[name].path, name.repeat(10));
  }
  steps.length = 0;
  const at = new Date();
  const record = await cache.publish({
    key: 'ab'.repeat(32),
    contentKey: 'cd'.repeat(32),
    stage: 's',
    preimage: {},
    contentPreimage: {},
    outputs,
    metrics: {},
    environment: {},
    seconds: 0,
    startedAt: at,
    finishedAt: at,
  });
  await cache.scratch.clear();

  const recordPath = cache.recordPath(record.key);
  const indexOf = (find: (step: Step) => boolean, from = 0) =>
    steps.findIndex((step, index) => index >= from && find(step));
  const named = indexOf(({ kind, path }) => kind === 'rename' && path === recordPath);
  expect(named).toBeGreaterThan(0);
  expect(indexOf(({ kind, path }) => kind === 'sync' && path === steps[named]!.from)).toBeLessThan(named);
  expect(indexOf(({ kind, path }) => kind === 'sync' && path === dirname(recordPath), named)).toBeGreaterThan(named);
  for (const [name, artifact] of Object.entries(record.artifacts)) {
    const path = cache.artifactPath(artifact);
    const renamed = indexOf((step) => step.kind === 'rename' && step.path === path);
    const content = indexOf(({ kind, path: synced }) => kind === 'sync' && basename(synced) === name);
    const directorySynced = indexOf(({ kind, path: synced }) => kind === 'sync' && synced === dirname(path), renamed);
    expect([content < renamed, renamed < directorySynced, directorySynced < named], name).toEqual([true, true, true]);
    expect(content).toBeGreaterThanOrEqual(0);
  }
});
