/** The Markdown pages: their form, their links, and the files that they name. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { anchorsOf, readPage, readPages, ROOT, targetOf } from './pages.ts';

/** A path of this project in backticks: it begins with one of these, and nothing in it is a placeholder. */
const PATH = /`((?:\.ci|bench|build|docs|examples|models|schemas|src|stages|studies|tests)\/[\w./-]*\w\/?)`/g;
/** Paths in a reader's own project, and files that only a build or a run writes. */
const NOT_OURS = [/NAME/, /^stages\/(own|sparsity|n-of-m)/, /^src\/generated\//, /^studies\/SHA/];

/** A file's name alone in backticks: a file of that name is somewhere in the project. */
const FILE = /`([\w-]+\.ts)`/g;
const FILE_NAMES = new Set(
  ['bench', 'bin', 'build', 'examples', 'models', 'src', 'stages', 'tests'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => basename(name)),
  ),
);

describe.each(readPages().map((page) => [page.path, page] as const))('%s', (path, page) => {
  it('has one title, and lines of at most 120 characters', () => {
    expect(page.prose.filter(({ line }) => line.startsWith('# ')).length).toBe(1);
    const long = page.prose.filter(({ line }) => line.length > 120 && !/^\||^!\[|^\s*\S+$/.test(line));
    expect(long).toEqual([]);
  });

  it('links to files and headings that exist', () => {
    const links = page.prose.flatMap(({ number, line }) =>
      [...line.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => ({ number, link: match[1]! })),
    );
    const broken = links
      .filter(({ link }) => !/^[a-z]+:/.test(link))
      .filter(({ link }) => {
        const { path: target, anchor } = targetOf(page, link);
        if (!existsSync(join(ROOT, target))) return true;
        return anchor !== undefined && !anchorsOf(readPage(target)).includes(anchor);
      });
    expect(broken).toEqual([]);
  });

  it('names files of this project that exist', () => {
    const named = page.prose.flatMap(({ number, line }) =>
      [...line.matchAll(PATH)].map((match) => ({ number, path: match[1]! })),
    );
    const missing = named.filter(
      (place) =>
        !NOT_OURS.some((pattern) => pattern.test(place.path)) &&
        !existsSync(join(ROOT, place.path)) &&
        !existsSync(join(ROOT, path, '..', place.path)),
    );
    expect(missing).toEqual([]);
    const files = page.prose.flatMap(({ line }) => [...line.matchAll(FILE)].map((match) => match[1]!));
    expect(files.filter((file) => !FILE_NAMES.has(file))).toEqual([]);
  });
});

it('finds every page that the code and the schemas name', () => {
  const sources = ['src', 'stages', 'schemas', 'build', 'bin', 'tests'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|js|json)$/.test(name))
      .map((name) => join(folder, name)),
  );
  const named = sources.flatMap((source) =>
    [...readFileSync(join(ROOT, source), 'utf8').matchAll(/(?<![\w/])docs\/[\w-]+\.md/g)].map((match) => ({
      source,
      page: match[0],
    })),
  );
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter(({ page }) => !existsSync(join(ROOT, page)))).toEqual([]);
});
