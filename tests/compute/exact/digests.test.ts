/**
 * Studies on the exact engine have the committed digests on this machine, too, whatever executes the engine's programs.
 * Other processors and versions of Node.js: tests/real/exact-processors.test.ts.
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

// '' is what programs are executed with by default: machine code where there is some.
it.each(['', 'webassembly'])('a training of 200 steps has the committed digests on "%s"', async (generator) => {
  const project = await SwpProject.create(trainingStudy());
  project.env = { SWP_EXACT_CODE: generator };
  await expect(textOf(await computeExactly(project))).toMatchFileSnapshot('digests/training.json');
});
