/** A folder for what tests write and other tests of the same run may read; it is removed at the end of the run. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    suiteFolder: string;
  }
}

export default function setup(project: TestProject): () => void {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'swp-tests-')));
  project.provide('suiteFolder', folder);
  return () => rmSync(folder, { recursive: true, force: true });
}
