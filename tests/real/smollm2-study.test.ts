/**
 * The study of a published model, from its files to its report: studies/smollm2 with the profile `smoke`. Some minutes
 * on two cores.
 */
import { execFile } from 'node:child_process';
import { readFile, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.ts';
import type { SuperWeightReport } from '../../src/generated/super-weights.ts';
import { SwpProject } from '../support/swp-project.ts';

const STUDY = join(packageRoot, 'studies/smollm2');

interface Shown {
  metrics: Record<string, number>;
  /** Paths by name. */
  artifacts: Record<string, string>;
}

test('SmolLM2 is detected, pruned, retrained and reported', { timeout: 1_800_000 }, async () => {
  await promisify(execFile)(process.execPath, [join(STUDY, 'fetch.js')]);
  const project = await SwpProject.create(JSON.parse(await readFile(join(STUDY, 'pipeline.json'), 'utf8')));
  await symlink(join(STUDY, 'files'), project.path('files'));

  const run = await project.swp('repro', '--profile', 'smoke');
  expect(run.exitCode, run.stderr).toBe(0);
  const shown = async (...selector: string[]) =>
    (await project.swp('show', '--profile', 'smoke', '--json', 'experiment=pruned', ...selector)).json<Shown>()[0]!;
  const { artifacts } = await shown('step=detect-start');
  const start = JSON.parse(await readFile(artifacts.superWeights!, 'utf8')) as SuperWeightReport;
  expect(start.confirmed).toContainEqual(expect.objectContaining({ layer: 11, row: 507, col: 1229 }));
  expect((await shown('step=prune')).metrics).toMatchObject({ sparsity: 0.1, pruned: 10_616_832 });
  const [evaluations] = (await project.swp('show', '--profile', 'smoke', '--json', 'stage=eval')).json<{
    nodes: Shown[];
  }>();
  expect(evaluations!.nodes).toHaveLength(5);
  for (const { metrics } of evaluations!.nodes) expect(metrics.loss).toBeLessThan(5);
  expect((await stat(project.path('report/smoke/index.html'))).size).toBeGreaterThan(10_000);

  const again = await project.swp('repro', '--profile', 'smoke', '--json');
  expect(again.json().at(-1)).toMatchObject({ nodes: { ran: 0, failed: 0 } });
});
