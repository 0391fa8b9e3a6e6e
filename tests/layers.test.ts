/** The rules of .dependency-cruiser.mjs, on small trees in which one import is wrong. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../src/base/package-root.ts';

const SOUND = {
  'src/base/failure.ts': 'export const failure = 1;',
  'src/generated/record.ts': 'export type Metrics = number;',
  'src/engine/stage.ts': `import { failure } from '../base/failure.ts';
    import type { Metrics } from '../generated/record.ts';
    export const stage: Metrics = failure;`,
  'src/engine/run.ts': `import { stage } from './stage.ts'; export const run = stage; export type Result = number;`,
  'src/engine/executors/local/worker.ts': `import { run } from '../../run.ts'; export const worker = run;`,
  'src/model/weights.ts': `import { stage } from '../engine/stage.ts'; export const weights = stage;`,
  'src/project/project.ts': `import { run } from '../engine/run.ts'; export const project = run;`,
  'src/cli/main.ts': `import { project } from '../project/project.ts';
    import type { Result } from '../engine/run.ts';
    export const main: Result = project;`,
  'stages/train.ts': `import { weights } from '../src/model/weights.ts'; export const train = weights;`,
  'tests/rig.ts': `import { run } from '../src/engine/run.ts'; export const rig = run;`,
};

/** Rules and, for each, a file that breaks it. All stand in one tree: a file a rule, so that nothing hides anything. */
const PLANTED: [rule: string, path: string, code: string][] = [
  ['layer-base', 'src/base/wrong.ts', `export { run } from '../engine/run.ts';`],
  ['layer-cache', 'src/cache/wrong.ts', `import type { Result } from '../engine/run.ts'; export type R = Result;`],
  ['layer-engine', 'src/engine/wrong.ts', `export { weights } from '../model/weights.ts';`],
  ['layer-compute', 'src/compute/wrong.ts', `export { weights } from '../model/weights.ts';`],
  ['layer-model', 'src/model/wrong.ts', `export { run } from '../engine/run.ts';`],
  ['layer-science', 'src/science/wrong.ts', `export const run = () => import('../engine/run.ts');`],
  ['layer-stages', 'stages/wrong.ts', `export { run } from '../src/engine/run.ts';`],
  ['layer-pipeline', 'src/pipeline/wrong.ts', `export { project } from '../project/project.ts';`],
  ['layer-report', 'src/report/wrong.ts', `import type { Result } from '../engine/run.ts'; export type R = Result;`],
  ['layer-plots', 'src/plots/wrong.ts', `export { run } from '../engine/run.ts';`],
  ['layer-doctor', 'src/doctor/wrong.ts', `export { run } from '../engine/run.ts';`],
  ['layer-estimate', 'src/estimate/wrong.ts', `export { project } from '../project/project.ts';`],
  ['layer-verify', 'src/verify/wrong.ts', `export { project } from '../project/project.ts';`],
  ['layer-bundle', 'src/bundle/wrong.ts', `export { project } from '../project/project.ts';`],
  ['layer-project', 'src/project/wrong.ts', `export { train } from '../../stages/train.ts';`],
  [
    'layer-cli',
    'src/cli/wrong.ts',
    `import type { train } from '../../stages/train.ts'; export type T = typeof train;`,
  ],
  ['cli-decides-nothing', 'src/cli/decides.ts', `export { run } from '../engine/run.ts';`],
  [
    'stage-contract-stands-alone',
    'src/engine/stage.ts',
    `import type { Run } from './run.ts'; export type Stage = Run;`,
  ],
  ['no-circles', 'src/engine/run.ts', `import type { Stage } from './stage.ts'; export type Run = Stage;`],
  ['every-folder-has-a-layer', 'src/elsewhere/wrong.ts', `export { failure } from '../base/failure.ts';`],
  ['no-dead-modules', 'src/science/dead.ts', `export const dead = 1;`],
  ['nothing-needs-tests', 'src/engine/tested.ts', `export { rig } from '../../tests/rig.ts';`],
  ['installed-with-the-package', 'src/engine/installed.ts', `export { defineConfig } from 'vitest/config';`],
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swp-layers-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A tree of files in a folder of its own, with the packages of this one. */
async function plant(name: string, files: Record<string, string>): Promise<string> {
  const root = join(folder, name);
  for (const [path, code] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), code);
  }
  for (const shared of ['node_modules', 'package.json', 'tsconfig.json'])
    await symlink(join(packageRoot, shared), join(root, shared));
  return root;
}

/** @returns what breaks rules in a tree, as `rule: file`, and the names of all rules */
async function cruise(root: string): Promise<{ violations: string[]; rules: string[] }> {
  const cruiser = join(packageRoot, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const config = join(packageRoot, '.dependency-cruiser.mjs');
  const { stdout } = await execa(
    process.execPath,
    [cruiser, '--config', config, '--output-type', 'json', 'src', 'stages', 'tests'],
    { cwd: root, reject: false },
  );
  const { summary } = JSON.parse(stdout) as Cruised;
  return {
    violations: summary.violations.map(({ from, rule }) => `${rule.name}: ${from}`),
    rules: summary.ruleSetUsed.forbidden.map(({ name }) => name),
  };
}

interface Cruised {
  summary: {
    violations: { from: string; rule: { name: string } }[];
    ruleSetUsed: { forbidden: { name: string }[] };
  };
}

describe('who may import whom', () => {
  it('a tree in order breaks no rule', async () => {
    const { violations } = await cruise(await plant('sound', SOUND));
    expect(violations).toEqual([]);
  });

  it('one wrong import breaks the rule that it should, for every rule', async () => {
    const files = Object.fromEntries(PLANTED.map(([, path, code]) => [path, code]));
    const { violations, rules } = await cruise(await plant('wrong', { ...SOUND, ...files }));
    for (const [rule, path] of PLANTED) expect(violations).toContain(`${rule}: ${path}`);
    expect(rules.sort()).toEqual(PLANTED.map(([rule]) => rule).sort());
  });
});
