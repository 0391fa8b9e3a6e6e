/** The recipes of CONTRIBUTING.md: the compiler names the files that they say it names. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readPage, ROOT } from './pages.ts';

/** By recipe of CONTRIBUTING.md: its first change, made in a copy only, with a name that nobody will ever add. */
const FIRST_CHANGES: Record<string, { file: string; from: string; to: string; generatedFrom?: string }> = {
  'An operator': {
    file: 'src/compute/graph/operation.ts',
    from: "'sigmoid' |",
    to: "'sigmoid' | 'of-nobody' |",
  },
  'A runtime': {
    file: 'src/compute/runtimes/runtime.ts',
    from: 'export type Engine =',
    to: "export type Engine = 'of-nobody' |",
  },
  'A pruning criterion': {
    file: 'src/generated/prune.ts',
    from: 'criterion?: (',
    to: 'criterion?: ("of-nobody" | ',
    generatedFrom: 'schemas/stages/prune.schema.json',
  },
};

/** What tsconfig.json compiles, and what that imports. */
const COMPILED = [
  'src',
  'stages',
  'tests',
  'bench',
  'build',
  'schemas',
  'templates',
  'studies',
  'pipeline.json',
  'package.json',
  'tsconfig.json',
];

const recipes = readRecipes();

it('begins each recipe with the file of its first change', () => {
  const beginnings = Object.keys(FIRST_CHANGES).map((recipe) => [recipe, recipes.get(recipe)?.[0]?.files]);
  expect(beginnings).toEqual(
    Object.entries(FIRST_CHANGES).map(([recipe, { file, generatedFrom }]) => [recipe, [generatedFrom ?? file]]),
  );
});

it('says "compiler" of exactly the files that the compiler names after the first changes', { timeout: 600_000 }, () => {
  const named = [...recipes.values()].flat().filter(({ toldBy }) => toldBy === 'compiler');
  expect(filesThatNoLongerCompile()).toEqual([...new Set(named.flatMap(({ files }) => files))].sort());
});

interface Row {
  readonly files: readonly string[];
  readonly toldBy: string;
}

/** By the heading of a recipe, the rows of its tables with three columns; files stand in backticks in the first. */
function readRecipes(): Map<string, Row[]> {
  const found = new Map<string, Row[]>();
  let recipe: string | undefined;
  for (const { line } of readPage('CONTRIBUTING.md').prose) {
    if (line.startsWith('#')) recipe = /^### (.*)/.exec(line)?.[1];
    const cells = /^\| (?=`)(.*) \|$/.exec(line)?.[1]?.split(/(?<!\\)\|/);
    if (recipe === undefined || cells?.length !== 3) continue;
    const files = [...cells[0]!.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
    found.set(recipe, [...(found.get(recipe) ?? []), { files, toldBy: cells[2]!.trim() }]);
  }
  return found;
}

/** All first changes at once, in a copy of the checkout, since the compiler takes seconds. */
function filesThatNoLongerCompile(): string[] {
  const copy = realpathSync(mkdtempSync(join(tmpdir(), 'swp-recipes-')));
  onTestFinished(() => rmSync(copy, { recursive: true }));
  for (const part of COMPILED)
    cpSync(join(ROOT, part), join(copy, part), {
      recursive: true,
      filter: (path) => statSync(path).isDirectory() || /\.(ts|js|mjs|json)$/.test(path),
    });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  for (const { file, from, to } of Object.values(FIRST_CHANGES)) {
    const text = readFileSync(join(copy, file), 'utf8');
    expect(text.split(from).length, `${file} has ${from} once`).toBe(2);
    writeFileSync(join(copy, file), text.replace(from, to));
  }
  const compiler = join(ROOT, 'node_modules/@typescript/native/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [compiler, '--noEmit', '--pretty', 'false'], {
    cwd: copy,
    encoding: 'utf8',
  });
  return [...new Set([...stdout.matchAll(/^(\S[^(\n]*)\(\d+,\d+\): error TS/gm)].map(([, file]) => file!))].sort();
}
