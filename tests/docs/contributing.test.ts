/** The recipes of CONTRIBUTING.md: the compiler names the files that they say it names. */
import { join, relative } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { readPage, ROOT } from './pages.ts';

/** By recipe of CONTRIBUTING.md: its first change, made in memory only, with a name that nobody will ever add. */
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

/** All first changes at once, since the compiler takes many seconds. */
function filesThatNoLongerCompile(): string[] {
  const changes = Object.values(FIRST_CHANGES);
  const configuration = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path))
    .config as unknown;
  const { fileNames, options } = ts.parseJsonConfigFileContent(configuration, ts.sys, ROOT);
  const host = ts.createCompilerHost({ ...options, noEmit: true });
  const { readFile } = host;
  host.readFile = (path) => {
    const change = changes.find(({ file }) => file === relative(ROOT, path));
    const text = readFile(path);
    if (change === undefined || text === undefined) return text;
    expect(text.split(change.from).length, `${change.file} has ${change.from} once`).toBe(2);
    return text.replace(change.from, change.to);
  };
  const program = ts.createProgram(fileNames, { ...options, noEmit: true }, host);
  const files = ts.getPreEmitDiagnostics(program).map(({ file }) => relative(ROOT, file?.fileName ?? ''));
  return [...new Set(files)].sort();
}
