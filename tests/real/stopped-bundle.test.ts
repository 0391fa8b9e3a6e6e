/** A bundle of a study whose run was stopped before it gathered its last results. */
import { cp, rename, rm } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { recordName } from '../../src/cache/layout.ts';
import { json, unpack } from '../bundle/study-bundle.ts';
import { smallestStudy } from '../support/smallest-study.ts';
import { SwpProject } from '../support/swp-project.ts';

test('says that its report is older than some of its results, and can be verified', async () => {
  const project = await SwpProject.create(await smallestStudy([0, 1]));
  await project.swp('repro', 'seed=0');
  const kept = ['studies', 'kept'].map((name) => project.path('cache', name)) as [string, string];
  await cp(...kept, { recursive: true });
  await project.swp('repro');
  // As if the second run had been killed before it gathered anything.
  await project.swp('bundle', '--no-figures', '-o', 'whole.tar.gz');
  const { results } = json<{ results: string }>(await unpack(project.path('whole.tar.gz')), 'manifest.json');
  await rm(project.path('cache', recordName(results)));
  await rm(kept[0], { recursive: true });
  await rename(kept[1], kept[0]);

  const written = await project.swp('bundle', '--no-figures', '-o', 'stopped.tar.gz');
  expect(written.stderr).toMatch(
    /^\d+ results came after the report was made, which does not have them: `swp repro` gathers anew\.$/,
  );
  const verified = await project.swp('bundle', 'verify', 'stopped.tar.gz');
  expect(verified.stderr).toBe('');
  expect(verified.stdout).toMatch(/aggregate run again on \d+ bundled artifacts: the same results, bit for bit/);
});
