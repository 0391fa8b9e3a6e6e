#!/usr/bin/env node
/** Starts swp from its build, rebuilding first when a source is newer (a checkout in which somebody works). */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawnSync } from 'node:child_process';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

if (!buildIsFresh()) {
  const build = spawnSync(process.execPath, [join(root, 'build/build.js')], { cwd: root, stdio: ['ignore', 2, 2] });
  if (build.status !== 0) {
    console.error('swp: the sources do not build; the lines above say where.');
    process.exit(70);
  }
}
await import('../dist/bundle/main.js');

function buildIsFresh() {
  const manifest = join(root, 'dist/sources.json');
  if (!existsSync(manifest)) return false;
  if (!existsSync(join(root, 'build/build.js'))) return true; // installed as a package: no sources to compare
  return JSON.parse(readFileSync(manifest, 'utf8')).every(([file, size, mtimeMs]) => {
    const now = statSync(join(root, file), { throwIfNoEntry: false });
    return now !== undefined && now.size === size && now.mtimeMs === mtimeMs;
  });
}
