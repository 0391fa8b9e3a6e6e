/** Pitfalls of claiming a difference. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Results, TestedDifference } from '../../src/generated/results.ts';
import { studyResults } from '../../src/science/results/study-results.ts';
import { fixturePieces, fixtureStudy, repeat, type FixtureArm } from '../report/study-fixture.ts';

const arm = (id: string, seeds: number[]): FixtureArm => ({
  id,
  description: '',
  steps: repeat(1, 2),
  fractions: [0.1],
  seeds,
});
const seedsOf = (n: number) => Array.from({ length: n }, (_, seed) => seed);

/**
 * A comparison of two arms whose final losses are the given ones, by seed; with as many further arms in its family as
 * asked for.
 * @param options.idle arms in which the seed changes nothing: everything is measured of the first one's models
 */
function compared(
  baseline: number[],
  losses: number[],
  { further = 0, idle = [] }: { further?: number; idle?: string[] } = {},
): Results {
  const arms = [
    arm('base', seedsOf(baseline.length)),
    arm('arm', seedsOf(losses.length)),
    ...seedsOf(further).map((i) => arm(`further-${i}`, seedsOf(losses.length))),
  ];
  const study = fixtureStudy(arms);
  study.comparisons = [
    {
      name: 'it',
      question: '',
      topic: 'quality',
      arms: arms.map(({ id }) => id) as [string, string],
      varies: ['prune.scope'],
      family: 'quality',
      metrics: ['loss'],
      accept: {},
    },
  ];
  const pieces = fixturePieces(arms);
  for (const all of [pieces.evaluations, pieces.superWeights])
    for (const piece of all) {
      const { experiment, round, step } = piece.label;
      const first = all.find(
        ({ label }) => label.experiment === experiment && label.round === round && label.step === step,
      );
      if (idle.includes(experiment)) piece.content = first!.content!;
    }
  for (const { label, content } of pieces.evaluations)
    content!.loss = (label.experiment === 'base' ? baseline : losses)[label.seed]!;
  return studyResults(study, pieces);
}
const difference = (results: Results): TestedDifference => results.comparisons[0]!.differences[0]!;

describe('pitfall: a large difference of a handful of runs is called significant', () => {
  it.each([1, 2, 3, 4, 5])('n = %i can never be, however large and however regular', (n) => {
    const sizes = fc.array(fc.double({ min: 0.5, max: 50, noNaN: true }), { minLength: n, maxLength: n });
    fc.assert(
      fc.property(sizes, (increases) => {
        const base = increases.map((_, seed) => 2 + seed / 100);
        const found = difference(
          compared(
            base,
            increases.map((increase, seed) => base[seed]! + increase),
          ),
        );
        expect(found.verdict).toBe('cannot-be-significant');
        expect(found.signFlip!.p).toBeGreaterThanOrEqual(2 / 2 ** n);
      }),
      { numRuns: 5 },
    );
  });

  it('not even where a t-test gives p = 0.00001: that is a statement about normal differences', () => {
    const found = difference(compared([2, 2.1, 2.2], [3, 3.101, 3.202]));
    expect(found.tTest!.p).toBeLessThan(1e-5);
    expect(found).toMatchObject({ signFlip: { p: 0.25, smallestP: 0.25 }, verdict: 'cannot-be-significant' });
  });

  it('six can, alone in their family; two arms against one baseline need seven', () => {
    const base = [2, 2.1, 2.2, 2.3, 2.4, 2.5];
    const more = base.map((loss, seed) => loss + 0.1 + seed / 100);
    expect(difference(compared(base, more))).toMatchObject({
      verdict: 'significant',
      holm: { members: 1, adjustedP: 0.03125 },
    });
    expect(difference(compared(base, more, { further: 1 }))).toMatchObject({
      verdict: 'cannot-be-significant',
      power: { attainableFrom: 7 },
    });
    expect(difference(compared([...base, 2.6], [...more, 2.8], { further: 1 })).verdict).toBe('significant');
  });
});

describe('pitfall: p below what so few runs can give', () => {
  it('cannot happen, whatever ties and zeros there are', () => {
    const losses = fc.integer({ min: 1, max: 8 }).chain((n) => {
      const list = fc.array(fc.constantFrom(2, 2.1, 2.2, 2.5), { minLength: n, maxLength: n });
      return fc.tuple(list, list);
    });
    fc.assert(
      fc.property(losses, ([base, other]) => {
        const { n, signFlip, wilcoxon, holm } = difference(compared(base, other));
        for (const test of [signFlip, wilcoxon]) if (test !== null) expect(test.p).toBeGreaterThanOrEqual(2 / 2 ** n);
        if (holm !== null) expect(holm.adjustedP).toBeGreaterThanOrEqual(holm.smallestAdjustedP);
      }),
      { numRuns: 25 },
    );
  });
});

describe('pitfall: an arm that changed nothing is tested', () => {
  it('is said to have never acted', () => {
    const found = difference(compared([2, 2.1, 2.2], [2, 2.1, 2.2]));
    expect(found).toMatchObject({
      verdict: 'never-acted',
      tTest: null,
      signFlip: null,
      wilcoxon: null,
      hedgesG: null,
      holm: null,
      interval: null,
    });
  });
});

describe('pitfall: a constant difference becomes p = 0', () => {
  it('has no t, no effect size and no interval; the exact test stays at its floor', () => {
    const found = difference(compared([2, 2.25, 2.5], [2.5, 2.75, 3]));
    expect(found).toMatchObject({
      mean: 0.5,
      tTest: null,
      hedgesG: null,
      interval: null,
      signFlip: { p: 0.25 },
      verdict: 'cannot-be-significant',
    });
    expect(found.power!.seedsNeeded).toBeNull();
  });
});

describe('pitfall: copies are counted as replicates', () => {
  it('seeds that changed nothing count once', () => {
    const found = difference(compared(repeat(2, 6), repeat(2.5, 6), { idle: ['base', 'arm'] }));
    expect(found).toMatchObject({ copies: [1, 2, 3, 4, 5], n: 1, verdict: 'cannot-be-significant' });
    expect(found.points).toHaveLength(6);
  });

  it('six trainings against one and the same are one pair: its luck is in every difference', () => {
    const found = difference(compared(repeat(2, 6), [2.5, 2.6, 2.7, 2.8, 2.9, 3], { idle: ['base'] }));
    expect(found).toMatchObject({ copies: [1, 2, 3, 4, 5], n: 1, verdict: 'cannot-be-significant' });
  });

  it('equal losses of different models are no copies', () => {
    expect(difference(compared(repeat(2, 6), repeat(2.5, 6)))).toMatchObject({ copies: [], n: 6 });
  });
});

describe('pitfall: one of many comparisons is picked out', () => {
  it('every declared test of the family counts, also one without a result', () => {
    const base = [2, 2.1, 2.2, 2.3, 2.4, 2.5];
    const results = compared(
      base,
      base.map((loss, seed) => loss + 0.1 + seed / 100),
      { further: 3 },
    );
    for (const { holm } of results.comparisons[0]!.differences)
      expect(holm).toMatchObject({ members: 4, adjustedP: 0.125, smallestAdjustedP: 0.125 });
  });

  it('only what is declared is tested: the difference to the control is shown with its interval and no p', () => {
    const control = { ...arm('control', [0, 1, 2]), role: 'positive-control', fractions: [0] };
    const arms = [arm('arm', [0, 1, 2]), control];
    const { toControl } = studyResults({ ...fixtureStudy(arms), comparisons: [] }, fixturePieces(arms)).experiments[0]!;
    expect(toControl).toMatchObject({ baseline: 'control', n: 3 });
    expect(Object.keys(toControl!)).not.toContain('verdict');
  });
});
