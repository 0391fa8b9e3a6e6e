/** A report counts as rendered as long as each of its files is what was rendered. */
import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { beginReport, digestsOf, endReport, isRendered } from '../../src/project/report-stamp.ts';

const NAMES = ['index.html', 'figures/1.svg'];
let folder: string;
const file = (name: string) => join(folder, name);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swp-stamp-'));
  await mkdir(file('figures'));
  for (const name of ['index.html', 'figures/1.svg']) await writeFile(file(name), name);
  await endReport(folder, 'results 1', await digestsOf(folder, NAMES));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('it does, also as a copy; of other results it does not', async () => {
  expect(await isRendered(folder, 'results 1')).toBe(true);
  expect(await isRendered(folder, 'results 2')).toBe(false);
  await cp(folder, `${folder}-copy`, { recursive: true });
  expect(await isRendered(`${folder}-copy`, 'results 1')).toBe(true);
  await rm(`${folder}-copy`, { recursive: true });
});

it.each<[string, () => Promise<unknown>]>([
  ['is gone', () => rm(file('figures/1.svg'))],
  ['was changed', () => writeFile(file('figures/1.svg'), 'other words')],
  ['has gained a byte', () => writeFile(file('index.html'), 'index.html ')],
  ['is a folder', () => rm(file('index.html')).then(() => mkdir(file('index.html')))],
  ['is a link in a circle', () => rm(file('index.html')).then(() => symlink('index.html', file('index.html')))],
  [
    'that says so was changed',
    () => readFile(file('.made-of')).then((was) => writeFile(file('.made-of'), was.fill(' ', 0, 4))),
  ],
  ['that says so is a folder', () => rm(file('.made-of')).then(() => mkdir(file('.made-of')))],
])('it does not once a file %s, and the next one can be rendered', async (_, damage) => {
  await damage();
  expect(await isRendered(folder, 'results 1')).toBe(false);
  await beginReport(folder, Object.fromEntries(NAMES.map((name) => [name, ''])));
  expect(await isRendered(folder, 'results 1')).toBe(false);
  await writeFile(file('index.html'), 'anew');
  await writeFile(file('figures/1.svg'), 'anew');
  await endReport(folder, 'results 1', await digestsOf(folder, NAMES));
  expect(await isRendered(folder, 'results 1')).toBe(true);
  expect(await readdir(folder)).toContain('.made-of');
});
