/** A folder for what tests write and other tests of the same run may read; it is removed at the end of the run. */
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    suiteFolder: string;
  }
}

/** Where tests keep notes and bundles: other users run some of these, and whoever makes a folder first may close it. */
const CACHE = join(process.cwd(), 'node_modules/.cache/swp-tests');

export default function setup(project: TestProject): () => void {
  mkdirSync(CACHE, { recursive: true });
  for (const shared of [dirname(CACHE), CACHE]) chmodSync(shared, 0o755);
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'swp-tests-')));
  project.provide('suiteFolder', folder);
  return () => rmSync(folder, { recursive: true, force: true });
}
