/** A checkpoint that another process replaces, or removes, just while it is read: it is not taken for a damaged one. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type * as Digest from '../../src/base/digest.ts';

const { meanwhile } = vi.hoisted(() => ({ meanwhile: [] as (() => Promise<void>)[] }));
vi.mock('../../src/base/digest.ts', async (original) => {
  const digest = await original<typeof Digest>();
  return {
    ...digest,
    digestFile: async (...args: Parameters<typeof digest.digestFile>) => {
      await meanwhile.shift()?.();
      return digest.digestFile(...args);
    },
  };
});
const { Cache } = await import('../../src/cache/cache.ts');

const KEY = 'ab'.repeat(32);
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'swp-replaced-'));
});
afterAll(() => rm(directory, { recursive: true }));

it('the one that is there in the end counts', async () => {
  const cache = await Cache.open(directory);
  const keep = async (text: string) => {
    const folder = await cache.scratch.node();
    const files = { text: join(folder, 'text') };
    await writeFile(files.text, text);
    await cache.trajectories.keep(KEY, { at: 5, files, replaces: null }, folder);
  };
  await keep('made here');
  meanwhile.push(() => keep('made on another machine'));
  const found = await cache.trajectories.checkpoint(KEY, 9);
  expect(await readFile(found!.files.text!, 'utf8')).toBe('made on another machine');
  meanwhile.push(() => cache.trajectories.addStop(KEY, { at: 7, key: KEY }));
  expect(await cache.trajectories.checkpoint(KEY, 9)).toBeUndefined();
  await cache.scratch.clear();
});
