/**
 * Studies on the exact engine have the committed digests on this machine, too: with the code that it chooses here, and
 * in WebAssembly. Other processors, kinds of code and versions of Node.js: tests/real/exact-*.test.ts.
 */
import { expect, it } from 'vitest';
import { committedStudy, computeExactly, trainingStudy } from '../../support/exact-digests.ts';
import { SwpProject } from '../../support/swp-project.ts';

function textOf(digests: unknown): string {
  return `${JSON.stringify(digests, null, 2)}\n`;
}

it('the profile smoke has the committed digests', async () => {
  const project = await SwpProject.create(committedStudy());
  const digests = await computeExactly(project, '--profile', 'smoke');
  await expect(textOf(digests)).toMatchFileSnapshot('digests/smoke.json');
});

it('a training of 200 steps has the committed digests in WebAssembly', async () => {
  const project = await SwpProject.create(trainingStudy());
  project.env = { SWP_EXACT_CODE: 'webassembly' };
  await expect(textOf(await computeExactly(project))).toMatchFileSnapshot('digests/training.json');
});
