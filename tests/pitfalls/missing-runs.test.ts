/** Pitfalls of runs that failed, were never begun, or do not belong together. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Results } from '../../src/generated/results.ts';
import { maskFindings } from '../../src/science/results/mask-findings.ts';
import { studyComputations, studyResults } from '../../src/science/results/study-results.ts';
import type { Piece, StudyPieces } from '../../src/science/results/study-pieces.ts';
import { CONTROL_ARMS, controlsMasks, controlsPieces, controlsStudy } from '../report/controls-fixture.ts';

const arms = CONTROL_ARMS.filter(({ id }) => ['A1', 'A1-later', 'unpruned', 'G1', 'G1-random'].includes(id));
const study = controlsStudy(arms);
const whole = controlsPieces(arms);

/** The results if the nodes for which `fails` holds had failed. */
async function without(fails: (piece: Piece<unknown>) => boolean): Promise<Results> {
  const left = <Content>(all: Piece<Content>[]) =>
    all.map((piece) => (fails(piece) ? { ...piece, content: undefined } : piece));
  const pieces: StudyPieces = {
    curves: left(whole.curves),
    prunings: left(whole.prunings),
    evaluations: left(whole.evaluations),
    superWeights: left(whole.superWeights),
  };
  return studyResults(
    study,
    pieces,
    await maskFindings(study, controlsMasks(pieces), studyComputations(study, pieces)),
  );
}

describe('pitfall: a missing run is passed over', () => {
  it('every count accounts for every declared run, whatever failed', async () => {
    const run = fc.constantFrom(...study.experiments.flatMap(({ id, seeds }) => seeds.map((seed) => `${id} ${seed}`)));
    const failures = fc.array(fc.tuple(run, fc.integer({ min: 0, max: 6 })), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(failures, async (failed) => {
        const results = await without(({ label }) =>
          failed.some(([name, round]) => name === `${label.experiment} ${label.seed}` && label.round >= round),
        );
        const declared = new Map(study.experiments.map(({ id, seeds }) => [id, seeds.length]));
        for (const { points, declared: runs } of results.experiments)
          for (const { survival } of points) expect(survival.n + survival.noneEmerged + survival.missing).toBe(runs);
        for (const { experiment, n, declared: runs } of results.variance)
          expect([experiment, runs >= n, runs]).toEqual([experiment, true, declared.get(experiment)]);
        for (const { experiment, seeds, missing } of results.masks)
          expect(seeds.length + missing.length).toBe(declared.get(experiment));
        for (const { experiment, levels } of results.sweetSpots)
          for (const { n, missing } of levels) expect(n + missing).toBe(declared.get(experiment));
        for (const { differences, survivalTests } of results.comparisons) {
          for (const { arm, baseline, points, missing, unpaired } of differences) {
            // Each run is in a pair, missing, the partner of a missing one, or without a partner by declaration.
            const of = (id: string) =>
              new Set([...points, ...missing].map(({ seed }) => seed)).size +
              unpaired.filter(({ experiment }) => experiment === id).length;
            expect([of(arm), of(baseline)]).toEqual([declared.get(arm), declared.get(baseline)]);
          }
          for (const { arm, armCount } of survivalTests)
            expect(armCount.proportion.n + armCount.noneEmerged + armCount.missing).toBe(declared.get(arm));
        }
      }),
      { numRuns: 8 },
    );
  });

  it('a failed run makes no family smaller and no test easier', async () => {
    const results = await without(({ label }) => label.experiment === 'G1-random' && label.round >= 3);
    const { differences, survivalTests } = results.comparisons.find(({ name }) => name === 'random')!;
    expect(differences[0]).toMatchObject({
      n: 0,
      verdict: 'no-data',
      holm: null,
      missing: [0, 1, 2, 3, 4, 5].map((seed) => ({ experiment: 'G1-random', seed })),
    });
    expect(survivalTests.map(({ verdict, armCount }) => [verdict, armCount.missing])).toEqual(
      repeatThrice(['no-data', 6]),
    );
    const complete = (await without(() => false)).comparisons.find(({ name }) => name === 'random')!;
    expect(complete.differences[0]!.holm!.members).toBe(4);
  });

  it('one failed run of six turns a significant difference into one that cannot be', async () => {
    const verdictOf = (results: Results) => results.comparisons.find(({ name }) => name === 'which')!.differences[0]!;
    expect(verdictOf(await without(() => false))).toMatchObject({ n: 6, verdict: 'significant' });
    const failed = verdictOf(
      await without(({ label }) => label.experiment === 'G1' && label.seed === 4 && label.round >= 5),
    );
    expect(failed).toMatchObject({ n: 5, verdict: 'cannot-be-significant', missing: [{ experiment: 'G1', seed: 4 }] });
  });
});

describe('pitfall: runs of different seeds are paired', () => {
  let results: Results;
  beforeAll(async () => (results = await without(() => false)));

  it('arms that share no seed have no difference, and their counts are tested as unpaired', () => {
    const { differences, survivalTests } = results.comparisons.find(({ name }) => name === 'later')!;
    expect(differences[0]).toMatchObject({ points: [], n: 0, verdict: 'no-data', mean: null });
    expect(differences[0]!.unpaired.map(({ experiment, seed }) => `${experiment}/s${seed}`)).toEqual([
      'A1-later/s3',
      'A1-later/s4',
      'A1-later/s5',
      'A1/s0',
      'A1/s1',
      'A1/s2',
    ]);
    expect(survivalTests[0]).toMatchObject({
      discordant: null,
      pairs: 0,
      test: { name: 'fisher', p: 0.1, smallestP: 0.1 },
      verdict: 'cannot-be-significant',
    });
  });

  it('of arms that share some seeds only those are paired, and the rest is named', () => {
    const { toControl } = results.experiments.find(({ id }) => id === 'G1')!;
    expect(toControl).toMatchObject({
      baseline: 'unpruned',
      seeds: [0, 1, 2],
      n: 3,
      unpaired: [3, 4, 5].map((seed) => ({ experiment: 'G1', seed })),
    });
  });
});

function repeatThrice<Value>(value: Value): Value[] {
  return [value, value, value];
}
