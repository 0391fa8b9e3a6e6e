/** Sweet spots: the largest sparsity that is known to cost less than the tolerance. */
import { describe, expect, it } from 'vitest';
import type { SweetSpot } from '../../../src/generated/results.ts';
import { studyResults } from '../../../src/science/results/study-results.ts';
import { fixturePieces, fixtureStudy, repeat, type FixtureArm } from '../../report/study-fixture.ts';

const control: FixtureArm = {
  id: 'unpruned',
  description: '',
  role: 'positive-control',
  steps: repeat(10, 4),
  fractions: repeat(0, 3),
};
const arm: FixtureArm = { id: 'arm', description: '', steps: repeat(10, 4), fractions: repeat(0.2, 3) };

/**
 * The sweet spot of `arm`, whose losses exceed the control's by `increases[level - 1][seed]` nats; undefined is a
 * missing evaluation.
 */
function sweetSpotOf(increases: (number | undefined)[][], arms = [arm, control]): SweetSpot {
  const pieces = fixturePieces(arms);
  for (const { label, content } of pieces.evaluations) {
    if (content === undefined) continue;
    content.loss =
      2.5 +
      0.1 * label.seed +
      (label.experiment === 'arm' && label.step === 'eval-trained'
        ? (increases[label.round - 2]?.[label.seed] ?? 0)
        : 0);
  }
  pieces.evaluations = pieces.evaluations.map((piece) => {
    const level = piece.label.round - 2;
    const gone =
      piece.label.experiment === 'arm' &&
      piece.label.step === 'eval-trained' &&
      level >= 0 &&
      increases[level]![piece.label.seed] === undefined;
    return gone ? { ...piece, content: undefined } : piece;
  });
  return studyResults(fixtureStudy(arms), pieces).sweetSpots.find(({ experiment }) => experiment === 'arm')!;
}

describe('the sweet spot', () => {
  it('is the largest sparsity up to which the one-sided t bound stays under the tolerance', () => {
    const { sweetSpot, levels, why } = sweetSpotOf([
      [0.001, 0.002, 0.003],
      [0.002, 0.003, 0.004],
      [0.008, 0.01, 0.012],
    ]);
    expect(sweetSpot).toMatchObject({ level: 2, sparsity: expect.closeTo(0.36, 4) });
    // mean + t(0.95; 2) sd / sqrt(3), t = 2.91999.
    expect(levels.map(({ upperBound }) => upperBound)).toEqual(
      [0.002 + 0.00168586, 0.003 + 0.00168586, 0.01 + 0.00337172].map((bound) => expect.closeTo(bound, 7)),
    );
    expect(why).toBe('At 48.8 % sparsity the upper bound is 0.013 nats (mean 0.01, n = 3), not under 0.01.');
  });

  it('does not resume beyond a level that failed: testing on would be choosing', () => {
    expect(
      sweetSpotOf([
        [0.001, 0.002, 0.003],
        [0.02, 0.03, 0.04],
        [0.001, 0.002, 0.003],
      ]).sweetSpot!.level,
    ).toBe(1);
  });

  it('asks for more than a small mean: a wide spread of few runs is no proof', () => {
    const { sweetSpot, why } = sweetSpotOf(repeat(0, 3).map(() => [-0.02, 0, 0.02]));
    expect(sweetSpot).toBeNull();
    expect(why).toContain('the upper bound is 0.034 nats (mean 0, n = 3)');
  });

  it('has no bound from one run, and says which runs are missing', () => {
    const { sweetSpot, levels, why } = sweetSpotOf([
      [0.001, undefined, undefined],
      [0.001, 0.001, 0.002],
      [0.001, 0.001, 0.002],
    ]);
    expect(sweetSpot).toBeNull();
    expect(levels[0]).toMatchObject({ n: 1, missing: 2, upperBound: null });
    expect(why).toBe('At 20.0 % sparsity only one seed is known together with its control, which gives no bound.');
  });

  it('has no bound from runs that all increase by exactly the same', () => {
    expect(sweetSpotOf(repeat(0, 3).map(() => [0, 0, 0])).why).toContain('all 3 seeds increase by exactly the same');
  });

  it('is not told against a control that trains differently, nor without one', () => {
    const otherSteps = { ...control, steps: repeat(20, 4) };
    const none = [
      [[arm, otherSteps], 'no control trains as arm does: unpruned trains 20 steps a round, arm 10.'],
      [[arm], 'the study has no positive control.'],
    ] as const;
    for (const [arms, missing] of none) {
      const { sweetSpot, control: against, why } = sweetSpotOf([[0], [0], [0]], [...arms]);
      expect([sweetSpot, against]).toEqual([null, null]);
      expect(why).toBe(`What pruning costs cannot be told from what training does: ${missing}`);
    }
  });

  it('is told against a control that goes on for longer', () => {
    const longer = { ...control, steps: repeat(10, 9), fractions: repeat(0, 8) };
    expect(
      sweetSpotOf(
        repeat(0, 3).map(() => [0.001, 0.002, 0.003]),
        [arm, longer],
      ),
    ).toMatchObject({ control: 'unpruned', sweetSpot: { level: 3 } });
  });
});
