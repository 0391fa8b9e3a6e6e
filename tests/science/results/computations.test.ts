/**
 * What is one computation counts once: copies under other seeds and twins under other names change no statistic, but
 * the number of copies.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ExperimentResult, Results } from '../../../src/generated/results.ts';
import { studyResults } from '../../../src/science/results/study-results.ts';
import { mapPieces, withCopies, type AnyPiece } from '../../report/copies-fixture.ts';
import { ARMS, fixturePieces, fixtureStudy, type FixtureArm } from '../../report/study-fixture.ts';

const study = fixtureStudy();
study.comparisons[1]!.metrics = ['loss', 'kept', 'functional', 'redetected'];
const pieces = fixturePieces();
const results = studyResults(study, pieces);

const copied = (seeds: readonly number[]) => withCopies(study, pieces, seeds);

/** Everything that a study's results count, average or test, without what merely lists runs. */
function statistics({ experiments, comparisons, ablations, sweetSpots, variance }: Results) {
  const difference = <Of extends NonNullable<ExperimentResult['toControl']>>(of: Of) => {
    const { seeds, points, copies, missing, ...rest } = of;
    return { ...rest, lists: [seeds, points, copies, missing].length };
  };
  const without = <Of extends { copies: number }>({ copies, ...rest }: Of) => ({ ...rest, copies: typeof copies });
  return {
    experiments: experiments.map(({ declared, complete, copies, reference, points, toControl, ...rest }) => ({
      ...rest,
      runs: [declared, complete, copies].length,
      reference: without(reference),
      points: points.map(without),
      toControl: toControl && difference(toControl),
    })),
    comparisons: comparisons.map(({ differences, survivalTests, lint, ...rest }) => ({
      // Lint knows the declaration alone, and a study that declares more seeds has more findings, or fewer.
      lint: lint.length > 0,
      ...rest,
      differences: differences.map(difference),
      survivalTests: survivalTests.map(({ armCount, baselineCount, ...test }) => ({
        ...test,
        armCount: without(armCount),
        baselineCount: without(baselineCount),
      })),
    })),
    ablations,
    sweetSpots: sweetSpots.map(({ levels, ...rest }) => ({ ...rest, levels: levels.map(without) })),
    variance: variance.map(({ declared, ...rest }) => ({ ...without(rest), declared: typeof declared })),
  };
}

describe('runs that are copies of others', () => {
  it('change no count, mean, deviation, interval, test or base rate', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 1, 2), { minLength: 1, maxLength: 4 }), (seeds) => {
        const more = copied(seeds);
        expect(statistics(studyResults(more.study, more.pieces))).toEqual(statistics(results));
      }),
      { numRuns: 6 },
    );
  });

  it('are said beside every count: n, copies, none emerged and missing make up the declared runs', () => {
    const more = copied([0, 2, 2]);
    const found = studyResults(more.study, more.pieces);
    for (const { id, declared, copies, reference, points } of found.experiments) {
      expect([id, declared, copies]).toEqual([id, 6, 3]);
      expect(reference.confirmed + reference.noneEmerged + reference.unknown + reference.copies).toBe(declared);
      const scratch = ARMS.find((arm) => arm.id === id)!.scheme !== undefined;
      for (const { copies: here, survival, phase } of points)
        if (!(scratch && phase === 'start'))
          expect(survival.n + here + survival.noneEmerged + survival.missing).toBe(declared);
    }
    for (const { n, copies, declared, experiment } of found.variance)
      expect([experiment, n + copies]).toEqual([experiment, experiment === 'D1' ? declared - 1 : declared]);
    for (const { survivalTests, differences } of found.comparisons) {
      for (const { armCount, baselineCount } of survivalTests)
        for (const { proportion, copies, noneEmerged, missing } of [armCount, baselineCount])
          expect(proportion.n + copies + noneEmerged + missing).toBe(6);
      for (const { n, copies, points, missing } of differences) {
        expect(n + copies.length).toBe(points.length);
        expect(points.length + missing.length).toBe(6);
      }
    }
    for (const { levels } of found.sweetSpots)
      for (const { n, copies, missing } of levels) expect(n + copies + missing).toBe(6);
  });

  it('are named after the first of them, moment by moment and from beginning to end', () => {
    const more = copied([1]);
    const found = studyResults(more.study, more.pieces).runs.filter(({ experiment }) => experiment === 'A1');
    expect(found.map(({ seed, computation }) => [seed, computation])).toEqual([
      [0, 'A1/s0'],
      [1, 'A1/s1'],
      [2, 'A1/s2'],
      [101, 'A1/s1'],
    ]);
    expect(found[3]!.measurements.map(({ computation }) => computation)).toEqual(
      found[1]!.measurements.map(({ computation }) => computation),
    );
  });

  it('six seeds that share the starting model are one there, and six once they have trained', () => {
    const arm: FixtureArm = { ...ARMS[0]!, id: 'arm', seeds: [0, 1, 2, 3, 4, 5] };
    const own = fixturePieces([arm]);
    const atStart = (piece: AnyPiece) => piece.label.round === 0;
    const shared = mapPieces(own, (all) =>
      all.map((piece) =>
        atStart(piece)
          ? { ...piece, content: all.find((other) => atStart(other) && other.label.step === piece.label.step)!.content }
          : piece,
      ),
    );
    // Every later detection speaks of the shared model's super weight.
    const [reference] = shared.superWeights[0]!.content!.confirmed;
    for (const { content } of shared.superWeights) for (const entry of content!.survival) entry.coordinate = reference!;
    const [experiment] = studyResults({ ...fixtureStudy([arm]), comparisons: [] }, shared).experiments;
    expect(experiment!.reference).toEqual({ confirmed: 1, noneEmerged: 0, unknown: 0, copies: 5 });
    expect(experiment!.copies).toBe(0);
    expect(experiment!.points.map(({ copies, loss }) => [copies, loss.n])).toEqual([
      [5, 1],
      ...experiment!.points.slice(1).map(() => [0, 6]),
    ]);
  });

  it('what is missing under one key is missing once; under others it may be another run', () => {
    const one = (key: (seed: number) => string) => {
      const arm: FixtureArm = { ...ARMS[0]!, id: 'arm' };
      const gone = mapPieces(fixturePieces([arm]), (all) =>
        all.map(({ content: _, ...piece }) => ({
          ...piece,
          key: `${piece.label.round} ${piece.label.step} ${key(piece.label.seed)}`,
        })),
      );
      return studyResults({ ...fixtureStudy([arm]), comparisons: [] }, gone).experiments[0]!;
    };
    expect(one(() => 'the same').points.at(-1)).toMatchObject({ copies: 2, survival: { n: 0, missing: 1 } });
    expect(one(String).points.at(-1)).toMatchObject({ copies: 0, survival: { n: 0, missing: 3 } });
  });

  it('a copy of which a piece is missing is a copy: what is known of one is known of both', () => {
    const more = copied([0]);
    const lacking = {
      ...more.pieces,
      superWeights: more.pieces.superWeights.map((piece) =>
        piece.label.experiment === 'A1' && piece.label.seed === 0 && piece.label.round === 6
          ? { ...piece, content: undefined }
          : piece,
      ),
    };
    const end = studyResults(more.study, lacking).experiments[0]!.points.at(-1)!;
    expect(end).toMatchObject({ copies: 1, loss: { n: 3 }, survival: { n: 3, missing: 0 } });
  });
});

describe('an arm that is another one under a second name', () => {
  const twin: FixtureArm = { ...ARMS[0]!, id: 'A1-again', twinOf: 'A1' };
  const both = studyResults(fixtureStudy([...ARMS, twin]), fixturePieces([...ARMS, twin]));

  it('is said to be the same', () => {
    expect(both.experiments.map(({ id, sameAs }) => [id, sameAs])).toEqual([
      ...ARMS.map(({ id }) => [id, null]),
      ['A1-again', 'A1'],
    ]);
    expect(
      both.runs.filter(({ experiment }) => experiment === 'A1-again').map(({ computation }) => computation),
    ).toEqual(['A1/s0', 'A1/s1', 'A1/s2']);
  });

  it('changes nothing of the others', () => {
    expect({ ...both, experiments: both.experiments.slice(0, -1) }.experiments).toEqual(results.experiments);
    expect(
      both.comparisons.map(({ differences }) => differences.map(({ n, mean, verdict }) => [n, mean, verdict])),
    ).toEqual(
      results.comparisons.map(({ differences }) => differences.map(({ n, mean, verdict }) => [n, mean, verdict])),
    );
    expect(both.ablations.map(({ weights }) => weights)).toEqual(results.ablations.map(({ weights }) => weights));
  });

  it('with fewer seeds is part of the other, declared before it or after', () => {
    for (const arms of [
      [{ ...twin, seeds: [0, 1] }, ARMS[0]!],
      [ARMS[0]!, { ...twin, seeds: [0, 1] }],
    ]) {
      const found = studyResults({ ...fixtureStudy(arms), comparisons: [] }, fixturePieces(arms));
      expect(new Map(found.experiments.map(({ id, sameAs }) => [id, sameAs]))).toEqual(
        new Map([
          ['A1', null],
          ['A1-again', 'A1'],
        ]),
      );
    }
  });

  it('is an arm of its own where a single run of it is', () => {
    const arms = [ARMS[0]!, twin];
    const own = fixturePieces(arms);
    own.evaluations.find(({ label }) => label.experiment === 'A1-again' && label.seed === 2)!.content = {
      ...own.evaluations[0]!.content!,
      loss: 9,
    };
    const found = studyResults({ ...fixtureStudy(arms), comparisons: [] }, own);
    expect(found.experiments.map(({ sameAs }) => sameAs)).toEqual([null, null]);
  });
});
