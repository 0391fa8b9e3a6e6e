/**
 * Files of the project that a program evidently runs and that no pattern under "code" of its manifest names: if one of
 * them changes, the results count as cached all the same. What its command names is found, and what its files import by
 * a plain name or path. What a program reads in another way cannot be found: docs/stages.md says so.
 */
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative } from 'node:path';
import type { Failure } from '../base/failure.ts';
import type { JsonSource } from '../base/json-source.ts';
import { listNames, nearestName } from '../base/nearest-name.ts';
import type { StageManifest } from '../generated/stage-manifest.ts';

/** A larger file is no source text. */
const LARGEST_SOURCE = 1_000_000;

/**
 * @param root the project's root
 * @param names of the files that the manifest's "code" names, relative to it
 * @returns warnings, each at its place in the manifest; each file once
 */
export function uncoveredCode(
  root: string,
  { command, code = [] }: Pick<StageManifest, 'command' | 'code'>,
  names: readonly string[],
  source: JsonSource,
): Failure[] {
  const covered = new Set(names.map((name) => identityOf(join(root, name))));
  const told = new Set<string>();
  const warnings: Failure[] = [];
  const run: string[] = [];
  const warn = (at: (string | number)[], message: string, expected: string, suggestion?: string) =>
    warnings.push({ kind: 'study', at: source.at(at).locate(), message, expected, ...(suggestion && { suggestion }) });
  const isNew = (name: string) => {
    const identity = identityOf(join(root, name));
    if (identity === undefined || covered.has(identity) || told.has(identity)) return false;
    told.add(identity);
    return true;
  };
  for (const [index, word] of command.entries()) {
    const own = filesNamedBy(word, command[index - 1], root).filter((name) => index > 0 || isInProject(root, name));
    for (const name of own.filter(isNew)) {
      run.push(name);
      warn(
        ['command', index],
        `${name} is run, and no "code" names it: changes of it make nothing run again.`,
        `"${name}" in "code", or a pattern that matches it`,
      );
    }
    const absent = index > 0 && own.length === 0 ? absentFile(word, root) : undefined;
    if (absent !== undefined)
      warn(
        ['command', index],
        `There is no file ${absent} in the project.`,
        'a file that is there',
        nearestName(absent, names),
      );
  }
  for (const name of [...names, ...run]) {
    const imported = importsOf(root, name).filter(isNew);
    if (imported.length > 0)
      warn(
        code.length > 0 ? ['code'] : ['command'],
        `${name} imports ${imported.join(', ')}, and no "code" names ${imported.length > 1 ? 'them' : 'it'}: changes of ${imported.length > 1 ? 'them' : 'it'} make nothing run again.`,
        `${listNames(imported)} in "code", or patterns that match`,
      );
  }
  return warnings;
}

/** Files of the project that a word of a command names: as a path, within `--option=path` or a line for a shell. */
function filesNamedBy(word: string, before: string | undefined, root: string): string[] {
  if (before === '-m') return pythonModule(word, root);
  return word
    .split(/[\s"'=;|&()<>]+/)
    .map((part) => (isAbsolute(part) ? relative(root, part) : join(part)))
    .filter((name) => isOfProject(name) && isFile(join(root, name)));
}

/** A path below the folder of stages that leads to nothing. */
function absentFile(word: string, root: string): string | undefined {
  const name = join(word);
  return /^stages\/[\w./-]+\.\w+$/.test(name) && identityOf(join(root, name)) === undefined ? name : undefined;
}

/** Files of the project that a source file imports by what stands in it. */
function importsOf(root: string, name: string): string[] {
  const path = join(root, name);
  const extension = /\.[^./]+$/.exec(name)?.[0] ?? '';
  const isRead = ['.py', '.sh', '.bash', '.r', '.R', '.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'].includes(extension);
  const text = isRead ? sourceText(path) : '';
  const folder = dirname(name);
  if (extension === '.py') return pythonImports(text).flatMap((module) => pythonModule(module, root, folder));
  const found = /sh$/.test(extension)
    ? matchesOf(text, /^[ \t]*(?:\.|source)[ \t]+["']?([\w./-]+)/gm)
    : /r$/i.test(extension)
      ? matchesOf(text, /\bsource\(\s*["']([^"']+)["']/g)
      : matchesOf(text, /(?:\bfrom|\bimport|\bimport\(|\brequire\()\s*["'](\.{1,2}\/[^"']+)["']/g).flatMap((file) =>
          [file, ...['.js', '.mjs', '.cjs', '.ts', '.json', '/index.js'].map((end) => file + end)].map((each) =>
            join(folder, each),
          ),
        );
  return found.map((file) => join(file)).filter((file) => isOfProject(file) && isFile(join(root, file)));
}

/** Nothing of a file that is too large to be source text, or cannot be read: whoever runs it says so. */
function sourceText(path: string): string {
  try {
    return statSync(path).size > LARGEST_SOURCE ? '' : readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Modules that a Python file imports, with the dots of relative ones. */
function pythonImports(text: string): string[] {
  const plain = matchesOf(text, /^[ \t]*import[ \t]+([^#\n]+)/gm).flatMap((list) =>
    list.split(',').map((each) => each.trim().split(/\s/)[0]!),
  );
  const from = [...text.matchAll(/^[ \t]*from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+\(?([^#)\n]*)/gm)].flatMap(
    ([, module = '', list = '']) => [
      module,
      ...list.split(',').map((each) => `${module}${/\.$/.test(module) ? '' : '.'}${each.trim().split(/\s/)[0]!}`),
    ],
  );
  return [...plain, ...from].filter((module) => /^\.*[A-Za-z_][\w.]*$/.test(module));
}

/**
 * The file of a Python module in the project, if it has one.
 * @param folder of the file that imports it: Python looks there first
 */
function pythonModule(module: string, root: string, folder = ''): string[] {
  const dots = /^\.*/.exec(module)![0].length;
  const from = dots > 1 ? join(folder, ...Array.from({ length: dots - 1 }, () => '..')) : folder;
  const base = join(from, ...module.slice(dots).split('.'));
  const candidates = [`${base}.py`, join(base, '__main__.py'), join(base, '__init__.py')];
  return candidates.filter((name) => isOfProject(name) && isFile(join(root, name))).slice(0, 1);
}

function matchesOf(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, found]) => found!);
}

function isOfProject(name: string): boolean {
  return name !== '' && name !== '.' && !name.startsWith('..') && !isAbsolute(name);
}

/** Whether what it leads to is in the project, too: a Python of the project's own is mostly a link to the system's. */
function isInProject(root: string, name: string): boolean {
  return isOfProject(relative(realpathSync(root), realpathSync(join(root, name)))); // it was found just before
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false; // it is not there, or nobody can tell
  }
}

/** Two names of one file are one, whatever the file system makes of upper and lower case. */
function identityOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
