/**
 * The pilot, run anew, has the results of which the pages are made (docs/measured/pilot.json.br). Minutes on two cores.
 *
 * On the processor and version of Node that are named there every number is the same. Elsewhere rounding differs and
 * training magnifies it, so what is compared is what must not depend on it: the study, how many nodes it has, what was
 * measured of the committed models before any training, sparsities, and losses within `LOSS_TOLERANCE`. Whether a
 * training from scratch ends with a super weight, and whether one survives a pruning to 96 %, is decided by rounding.
 */
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { madeHere, measured } from '../../build/docs/measured.ts';
import { runPilot } from '../../build/docs/studies.ts';
import { packageRoot } from '../../src/base/package-root.ts';
import type { StudyResults } from '../../src/report/read-results.ts';

/** Nats, of an arm's mean final loss: twenty times the most that was seen between machines. */
const LOSS_TOLERANCE = 0.05;
/** Relative, of what is measured without training. */
const ROUNDING = 1e-4;

it('has the results that are committed', { timeout: 3_600_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'swp-pilot-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const pipeline = join(folder, 'pipeline.json');
  await copyFile(join(packageRoot, 'pipeline.json'), pipeline);
  const fresh = await runPilot({ cache: join(folder, 'cache'), jobs: undefined }, pipeline);
  const committed = measured('pilot');

  expect(fresh.nodes).toBe(committed.nodes);
  expect(fresh.results.study).toEqual(committed.results.study);
  expect(fresh.results.runs.map(({ status }) => status)).toEqual(committed.results.runs.map(({ status }) => status));

  const here = madeHere();
  if (here.processor === committed.made.processor && here.node.split('.')[0] === committed.made.node.split('.')[0]) {
    expect(withoutKeys(fresh.results)).toEqual(withoutKeys(committed.results));
    return;
  }
  expect(startsOf(fresh.results)).toEqual(
    startsOf(committed.results).map(([name, effect]) => [name, near(effect, ROUNDING)]),
  );
  for (const [i, { id, points }] of fresh.results.experiments.entries()) {
    const [end, wanted] = [points.at(-1)!, committed.results.experiments[i]!.points.at(-1)!];
    expect([id, end.sparsity.mean]).toEqual([id, near(wanted.sparsity.mean!, ROUNDING)]);
    expect(Math.abs(end.loss.mean! - wanted.loss.mean!), id).toBeLessThan(LOSS_TOLERANCE);
  }
});

/** Keys change with the code, whether or not its results do. */
function withoutKeys(results: StudyResults): unknown {
  return JSON.parse(JSON.stringify(results, (name, value: unknown) => (/keys?$/i.test(name) ? undefined : value)));
}

/** What zeroing each of the largest weights of the committed models costs. */
function startsOf({ ablations }: StudyResults): [string, number][] {
  return ablations
    .filter(({ scheme }) => scheme === 'pretrained')
    .flatMap(({ seed, weights }) =>
      weights.map(({ coordinate: { tensor, row, col }, effect }): [string, number] => [
        `seed ${seed} ${tensor} [${row}, ${col}]`,
        effect,
      ]),
    );
}

/** Equal but for rounding: relative to the number, or to a hundredth of a nat where it is small. */
function near(wanted: number, relative: number): unknown {
  return expect.closeTo(wanted, -Math.log10(2 * relative * Math.max(Math.abs(wanted), 0.01)));
}
