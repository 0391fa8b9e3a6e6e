/** What a record says of where it was made. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { collectEnvironment } from '../../src/engine/environment.ts';

/** Where too many files are open, execa throws a TypeError at once; this many programs start before. */
const limit = vi.hoisted(() => ({ starts: Infinity }));
vi.mock('execa', async (load) => {
  const real = await load<{ execa: typeof execa }>();
  const refused = (...args: Parameters<typeof execa>) => {
    if (limit.starts-- <= 0) throw new TypeError("Cannot read properties of undefined (reading 'on')");
    return real.execa(...args);
  };
  return { ...real, execa: refused };
});

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'swp-environment-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

it.each([0, 1])('does without git where too many files are open after %d of its programs', async (starts) => {
  limit.starts = starts;
  // A program that nobody waits for would fail the test run when it ends.
  expect(await collectEnvironment(directory, {})).toMatchObject({ git: null });
  limit.starts = Infinity;
});

it('names the commit, and whether files differ from it', async () => {
  const git = (...args: string[]) =>
    execa('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', '-c', 'commit.gpgsign=false', ...args], {
      cwd: directory,
    });
  await git('init', '-q');
  await writeFile(join(directory, 'file'), 'one');
  await git('add', 'file');
  await git('commit', '-q', '-m', 'one');
  const { stdout: commit } = await git('rev-parse', 'HEAD');
  expect(await collectEnvironment(directory, { library: '1.2' })).toMatchObject({
    node: process.versions.node,
    library: '1.2',
    git: { commit, dirty: false },
  });
  await writeFile(join(directory, 'file'), 'two');
  expect(await collectEnvironment(directory, { library: '1.2' })).toMatchObject({ git: { commit, dirty: true } });
});

it('does without git', async () => {
  expect(await collectEnvironment(directory, { library: '1.2' })).toMatchObject({ git: null });
});
