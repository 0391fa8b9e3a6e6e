/** What every command pays before it does anything: a package more at the start is felt at each prompt. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { installedBuild } from '../../src/base/installed-build.ts';
import { packageRoot } from '../../src/base/package-root.ts';

/** Packages that a module of the build loads at once, and not on demand. */
async function packagesAtOnce(entry: string): Promise<string[]> {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const visit = async (name: string): Promise<void> => {
    if (seen.has(name)) return;
    seen.add(name);
    const text = await readFile(join(installedBuild, name), 'utf8');
    for (const [, from, alone] of text.matchAll(/^(?:(?:import|export)\b[^;]*?\bfrom "([^"]+)"|import "([^"]+)");/gm)) {
      const path = (from ?? alone)!;
      if (path.startsWith('./')) await visit(path.slice(2));
      else if (!path.startsWith('node:')) packages.add(path);
    }
  };
  await visit(entry);
  return [...packages].sort();
}

test('the command line loads what parses it and colours it, and nothing else', async () => {
  expect(await packagesAtOnce('main.js')).toEqual(['commander', 'picocolors']);
});

test('finding nothing to do loads neither what plans and runs, nor what draws', async () => {
  const [repro] = (await readdir(installedBuild)).filter((name) => /^repro-\w+\.js$/.test(name));
  expect(await packagesAtOnce(repro!)).toEqual(['canonicalize', 'picocolors']);
});

test('the command line and what it calls import on demand at few places, which say why', async () => {
  const places: string[] = [];
  for (const folder of ['src/cli', 'src/project'])
    for (const name of await readdir(join(packageRoot, folder), { recursive: true })) {
      if (!name.endsWith('.ts')) continue;
      const path = join(folder, name);
      if (/\bimport\(/.test(await readFile(join(packageRoot, path), 'utf8'))) places.push(path);
    }
  expect(places.sort()).toEqual([
    'src/cli/commands/repro.ts',
    'src/cli/commands/status.ts',
    'src/cli/lazy-commands.ts',
    'src/project/study-report.ts',
  ]);
});

test('a package that a pull has brought and nobody has installed is no bug: swp says to run npm ci', async () => {
  // Node itself finds that there is no such package; only the name that it looks for is changed.
  const hooks = `export const resolve = (name, context, next) =>
    next(name === 'graphology-dag' ? 'graphology-dag-of-nobody' : name, context);`;
  const register = `import { register } from 'node:module';
    register(${JSON.stringify(asModule(hooks))});`;
  const { exitCode, stderr } = await execa(
    process.execPath,
    ['--import', asModule(register), join(packageRoot, 'bin/swp.js'), 'estimate', '--profile', 'smoke'],
    { cwd: packageRoot, reject: false },
  );
  expect(stderr).toContain('swp: the package graphology-dag-of-nobody is not installed.\n  Run `npm ci` in ');
  expect(exitCode).toBe(70);
});

function asModule(source: string): string {
  return `data:text/javascript,${encodeURIComponent(source)}`;
}
