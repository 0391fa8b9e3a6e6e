/** A checkout that belongs to another user. */
import { appendFile, chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.ts';
import { Checkout } from '../support/checkout.ts';
import { requireReadableCheckout } from './requirements.ts';

const BOB = 61_002;

test('a checkout that somebody else built is run as it is; one that has to be built first says who can', async () => {
  await requireReadableCheckout(BOB);
  const checkout = await Checkout.create();
  onTestFinished(() => checkout.remove());
  await checkout.swp('--version'); // builds
  await chmod(checkout.root, 0o755);
  const asBob = () =>
    execa(process.execPath, [join(checkout.root, 'bin/swp.js'), '--version'], {
      uid: BOB,
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
});
