#!/usr/bin/env node
/**
 * Starts swp from its build, building first when a source is newer: after `npm ci`, or in a checkout somebody works in.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const manifest = join(root, 'dist/current.json');
const builder = join(root, 'build/build.js');

if (!existsSync(manifest) && !existsSync(builder)) {
  console.error(
    'swp: this package was packed before swp was built. Pack it again, in the checkout: npm ci && npm run pack',
  );
  process.exit(70);
}
if (!buildIsFresh()) {
  if (!mayBuild()) {
    console.error(
      `swp: the sources are newer than the build, and you may not write to ${join(root, 'dist')}.\n  Whoever owns the checkout runs \`npm run build\` there once.`,
    );
    process.exit(2);
  }
  if (!existsSync(manifest)) console.error('Building swp (once, a few seconds)');
  const command = [builder, '--without-broken-stages'];
  const build = spawnSync(process.execPath, command, { cwd: root, stdio: ['ignore', 2, 2] });
  if (build.status !== 0) {
    console.error('swp: the sources do not build; the lines above say where. If packages are missing, run `npm ci`.');
    process.exit(70);
  }
}
try {
  await import(`../dist/${current().build}/main.js`);
} catch (error) {
  // swp itself puts into words whatever happens later; this is about the files that it consists of.
  if (!(error instanceof Error) || error.syscall === undefined) throw error;
  console.error(
    `swp: its own files cannot be read: ${error.message}.\n  Too many open files: raise the limit (ulimit -n 1024). Otherwise check the disk and the permissions there.`,
  );
  process.exit(2);
}

function current() {
  return JSON.parse(readFileSync(manifest, 'utf8'));
}

/** A checkout that a group shares is built by its owner. */
function mayBuild() {
  try {
    accessSync(existsSync(join(root, 'dist')) ? join(root, 'dist') : root, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function buildIsFresh() {
  if (!existsSync(manifest)) return false;
  if (!existsSync(builder)) return true; // installed as a package: no sources to compare
  const { build, sources } = current();
  return (
    existsSync(join(root, 'dist', build)) &&
    sources.every(([file, size, mtimeMs]) => {
      const now = statSync(join(root, file), { throwIfNoEntry: false });
      return now !== undefined && (now.isDirectory() || now.size === size) && now.mtimeMs === mtimeMs;
    })
  );
}
