/** What every command pays before it does anything: a package more at the start is felt at each prompt. */
import { appendFile, chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { installedBuild } from '../../src/base/installed-build.ts';
import { packageRoot } from '../../src/base/package-root.ts';
import { Checkout } from '../support/checkout.ts';

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

test.skipIf(process.getuid?.() !== 0)(
  'a checkout that somebody else built is run as it is; one that has to be built first says who can',
  async () => {
    const checkout = await Checkout.create();
    onTestFinished(() => checkout.remove());
    await checkout.swp('--version'); // builds
    await chmod(checkout.root, 0o755);
    const asBob = () =>
      execa(process.execPath, [join(checkout.root, 'bin/swp.js'), '--version'], {
        uid: 61_002,
        gid: 62_000,
        reject: false,
        cwd: checkout.root,
      });
    const { version } = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8')) as { version: string };
    expect((await asBob()).stdout).toBe(version);
    await appendFile(join(checkout.root, 'stages/eval.ts'), '\n');
    const { stderr, exitCode } = await asBob();
    expect([stderr, exitCode]).toEqual([
      `swp: the sources are newer than the build, and you may not write to ${join(checkout.root, 'dist')}.\n  Whoever owns the checkout runs \`npm run build\` there once.`,
      2,
    ]);
  },
);
