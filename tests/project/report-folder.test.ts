/** How a report comes into its folder, and which one comes there. */
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { publishReport, refuseForeignFolder, removeReport } from '../../src/project/report-folder.ts';
import { hasMore, losesRuns, type Run } from '../../src/project/report-place.ts';
import { changedReportFile, isRendered } from '../../src/project/report-stamp.ts';
import { reseal } from '../support/reseal.ts';

let folder: string;
const at = (name: string) => join(folder, 'report', name);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swp-report-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Publishes files of this content. */
async function publish(content: string, names: readonly string[], then = async () => {}): Promise<void> {
  await publishReport(
    join(folder, 'report'),
    async (aside) => {
      for (const name of names) {
        await mkdir(dirname(join(aside, name)), { recursive: true });
        await writeFile(join(aside, name), content);
      }
      await then();
      return { files: names.map((name) => join(aside, name)) };
    },
    () => content,
  );
}
const listing = async () => (await readdir(join(folder, 'report'), { recursive: true })).sort();

it('takes the place of the one before, whole; what is there besides stays', async () => {
  await publish('1', ['index.html', 'old.html', 'figures/a.svg']);
  await writeFile(at('figures/mine.svg'), 'mine');
  await publish('2', ['index.html', 'figures/b.svg']);
  expect(await listing()).toEqual(['.made-of', 'figures', 'figures/b.svg', 'figures/mine.svg', 'index.html']);
  expect(await readFile(at('index.html'), 'utf8')).toBe('2');
  expect(await isRendered(join(folder, 'report'), '2')).toBe(true);
});

it('changes nothing before it is whole', async () => {
  await publish('1', ['index.html', 'figures/a.svg']);
  const full = () => Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }));
  await expect(publish('2', ['index.html', 'figures/b.svg'], full)).rejects.toThrow('full');
  expect(await listing()).toEqual(['.made-of', 'figures', 'figures/a.svg', 'index.html']);
  expect(await isRendered(join(folder, 'report'), '1')).toBe(true);
});

it('is that of one of those who end at the same moment', async () => {
  const names = ['index.html', '1.html', 'figures/a.svg'];
  await Promise.all(['1', '2', '3'].map((content) => publish(content, names)));
  expect(await changedReportFile(join(folder, 'report'))).toBeUndefined();
  const contents = await Promise.all(names.map((name) => readFile(at(name), 'utf8')));
  expect(new Set(contents).size).toBe(1);
});

it('removes no file that a stamp of somebody else names outside of it, and no report that somebody has changed', async () => {
  await publish('1', ['index.html']);
  await writeFile(join(folder, 'precious'), 'x');
  await reseal<{ files: Record<string, unknown> }>(at('.made-of'), ({ files }) => {
    for (const name of ['../precious', 'figures/../../precious', join(folder, 'precious')])
      files[name] = files['index.html'];
  });
  await publish('2', ['index.html']);
  expect(await readFile(join(folder, 'precious'), 'utf8')).toBe('x');
  await writeFile(at('index.html'), 'changed');
  await removeReport(join(folder, 'report'));
  expect(await listing()).toContain('index.html');
  await publish('3', ['index.html', 'figures/a.svg']);
  await removeReport(join(folder, 'report'));
  expect(await readdir(folder)).toEqual(['precious']);
});

it('follows a link of one\u2019s own, and puts aside what is in the way', async () => {
  await mkdir(join(folder, 'elsewhere'));
  await mkdir(join(folder, 'report'));
  await symlink(join(folder, 'elsewhere'), at('figures'));
  await mkdir(at('index.html'));
  await publish('1', ['index.html', 'figures/a.svg']);
  expect(await readFile(join(folder, 'elsewhere/a.svg'), 'utf8')).toBe('1');
  expect(await readFile(at('index.html'), 'utf8')).toBe('1');
});

it('is refused a folder that holds other things', async () => {
  await mkdir(join(folder, 'empty'));
  await publish('1', ['index.html']);
  await writeFile(join(folder, 'file'), '');
  for (const name of ['nowhere', 'empty', 'report'])
    expect(() => refuseForeignFolder(join(folder, name))).not.toThrow();
  await mkdir(join(folder, 'earlier'));
  await writeFile(join(folder, 'earlier/index.html'), '');
  expect(() => refuseForeignFolder(join(folder, 'earlier'))).toThrow('holds other things');
  await writeFile(join(folder, 'earlier/.made-of'), `${'0a'.repeat(32)} ${'1b'.repeat(8)}\n`); // swp 0.1.0
  expect(() => refuseForeignFolder(join(folder, 'earlier'))).not.toThrow();
  expect(() => refuseForeignFolder(folder)).toThrow('holds other things than a report');
  expect(() => refuseForeignFolder(join(folder, 'file'))).toThrow('is a file, and a report is a folder');
});

it('has the runs of another version of swp, and none where somebody put something else', async () => {
  const run = { experiment: 'A', seed: 0, status: 'complete', curves: [], measurements: [{}] } as unknown as Run;
  const now = { runs: [{ ...run, status: 'incomplete', measurements: [] }] };
  const path = join(folder, 'results.json');
  const has = async (content: string) => {
    await writeFile(path, content);
    return hasMore(folder, now);
  };
  expect(hasMore(folder, now)).toBe(false);
  expect(await has(JSON.stringify({ version: 3, runs: [null, run] }))).toBe(true);
  expect(await has(`\u{feff}${JSON.stringify({ version: 3, runs: [run] })}`)).toBe(false);
  expect(await has('[]'.padStart(100_000, '['))).toBe(false);
  for (const broken of [null, {}, [], { ...run, seed: null }, { ...run, curves: 1 }, { ...run, measurements: [null] }])
    for (const results of [broken, { runs: broken }, { runs: [broken] }])
      expect(await has(JSON.stringify(results))).toBe(false);
  await fc.assert(
    fc.asyncProperty(fc.json(), async (text) => {
      expect(await has(`{"version":4,"runs":[${text}]}`)).toBe(false);
    }),
    { numRuns: 50 },
  );
  await rm(path);
  await execa('mkfifo', [path]);
  expect(hasMore(folder, now)).toBe(false);
});

it('loses runs where a run had more than it has now, unless it is complete or no longer declared', () => {
  const run = (experiment: string, status: string, evaluations: number) => ({
    experiment,
    seed: 0,
    status,
    curves: [],
    measurements: Array.from({ length: 4 }, (_, index) => ({
      evaluation: index < evaluations ? {} : null,
      detection: null,
    })),
  });
  const runs = (...all: ReturnType<typeof run>[]) => ({ runs: all }) as unknown as Parameters<typeof losesRuns>[0];
  expect(losesRuns(runs(run('A', 'complete', 4)), runs(run('A', 'incomplete', 3)))).toBe(true);
  expect(losesRuns(runs(run('A', 'incomplete', 3)), runs(run('A', 'incomplete', 2)))).toBe(true);
  expect(losesRuns(runs(run('A', 'incomplete', 3)), runs(run('A', 'incomplete', 3), run('B', 'complete', 4)))).toBe(
    false,
  );
  expect(losesRuns(runs(run('A', 'complete', 4)), runs(run('A', 'complete', 2)))).toBe(false);
  expect(losesRuns(runs(run('A', 'complete', 4)), runs(run('B', 'incomplete', 0)))).toBe(false);
  const any = fc.array(fc.tuple(fc.constantFrom('A', 'B', 'C'), fc.nat(4)), { maxLength: 3 });
  fc.assert(
    fc.property(any, (made) => {
      const some = runs(
        ...made
          .map(([name, count]) => run(name, count === 4 ? 'complete' : 'incomplete', count))
          .filter(({ experiment }, index, all) => all.findIndex((each) => each.experiment === experiment) === index),
      );
      expect(losesRuns(some, some)).toBe(false);
    }),
  );
});
