/** Seeds and arms that change nothing, from the declaration to the report. */
import { expect, test } from 'vitest';
import type { Results } from '../../src/generated/results.ts';
import { smallestStudy } from '../support/smallest-study.ts';
import { SwpProject } from '../support/swp-project.ts';

interface Highlights {
  experiments: Record<string, { perplexity: { n: number; sd: number | null } }>;
}

test('seeds that change nothing are one run, and an arm that changes nothing is no arm of its own', async () => {
  const study = await smallestStudy([0, 1, 2]);
  study.experiments = {
    A1: { params: { 'load-pretrained': { checkpoint: 0 }, train: { seed: 0 } } },
    // Sparing what a prune of 10 % leaves alone asks for other nodes, which leave the same artifacts.
    'A1-protect': { extends: 'A1', params: { prune: { protect: 'reference' } } },
  };
  const project = await SwpProject.create(study);

  const lint = await project.swp('lint');
  expect(lint.stdout).toContain('! idle-seeds: The 3 seeds of A1 and A1-protect change nothing that is measured');
  expect(lint.stdout).toContain("idle-seeds: Take the seed out of the parameters, so that it is each run's own");

  const repro = await project.swp('repro', '--json');
  expect([repro.exitCode, repro.stderr]).toEqual([0, '']);
  const { experiments } = repro.json<{ highlights: Highlights }>().at(-1)!.highlights;
  for (const id of ['A1', 'A1-protect']) expect(experiments[id]!.perplexity).toMatchObject({ n: 1, sd: null });

  const results = JSON.parse(await project.read('report/all/results.json')) as Results;
  expect(results.experiments.map(({ id, sameAs, declared, copies }) => [id, sameAs, declared, copies])).toEqual([
    ['A1', null, 3, 2],
    ['A1-protect', 'A1', 3, 2],
  ]);
  expect(new Set(results.runs.map(({ computation }) => computation))).toEqual(new Set(['A1/s0']));
  for (const { reference, points, lossInterval } of results.experiments) {
    expect(reference.confirmed + reference.noneEmerged).toBe(1);
    expect(lossInterval).toBeNull();
    for (const { copies, loss, survival } of points)
      expect([copies, loss.n, survival.n + survival.noneEmerged]).toEqual([2, 1, 1]);
  }
  for (const { seeds, copies, pairs } of results.masks)
    expect([seeds.length, copies.length, pairs]).toEqual([1, 2, []]);
});
