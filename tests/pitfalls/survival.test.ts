/** Pitfalls of counting what survived. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Results } from '../../src/generated/results.ts';
import { CONTROL_ARMS, controlsResults } from '../report/controls-fixture.ts';

let results: Results;
beforeAll(
  async () =>
    (results = await controlsResults(
      CONTROL_ARMS.filter(({ id }) => ['B1', 'C1', 'E1', 'G1', 'G1-random', 'emerge-kaiming'].includes(id)),
    )),
);

describe('pitfall: survival of a super weight that never was', () => {
  it('is neither 0 nor 100 %: such runs are in no k, in no n, in no pair and in no test', () => {
    const { survivalTests } = results.comparisons.find(({ name }) => name === 'init')!;
    const kaiming = survivalTests.find(({ arm }) => arm === 'E1')!;
    expect(kaiming).toMatchObject({
      armCount: { proportion: { k: 0, n: 0, interval: null }, noneEmerged: 3, missing: 0 },
      pairs: 0,
      test: null,
      verdict: 'no-data',
    });
    const xavier = survivalTests.find(({ arm }) => arm === 'C1')!;
    expect(xavier).toMatchObject({ armCount: { proportion: { k: 2, n: 2 }, noneEmerged: 1 }, pairs: 2 });
  });

  it('is told apart from a detection that is missing, wherever super weights are looked for', () => {
    const none = results.emergence.filter(({ experiment }) => experiment === 'emerge-kaiming');
    expect(none).toHaveLength(3 * 9);
    for (const { confirmed, superWeights } of none) expect([confirmed, superWeights]).toEqual([0, []]);
  });
});

describe('pitfall: survival without its base rate', () => {
  it('what ordinary weights of the same tensor and the matched controls did stands beside every count', () => {
    const counted = results.experiments.flatMap(({ points }) => points).filter(({ survival }) => survival.n > 0);
    expect(counted.length).toBeGreaterThan(0);
    for (const { survival, baseRate } of counted) {
      expect(baseRate.tensorKept.n).toBe(survival.n);
      expect(baseRate.controls.n).toBeGreaterThan(0);
      expect(baseRate.kinds.reduce((sum, { kept }) => sum + kept, 0)).toBe(baseRate.controls.k);
    }
    for (const { measurements } of results.runs)
      for (const { survival } of measurements)
        for (const { baseRate } of survival.weights) expect(baseRate.tensorKept).toBeGreaterThan(0);
  });

  it('random pruning shows what it is for: the tensors keep as much, the super weights nothing', () => {
    const end = (id: string) => results.experiments.find((each) => each.id === id)!.points.at(-1)!;
    expect(end('G1-random').baseRate.tensorKept.mean).toBeCloseTo(end('G1').baseRate.tensorKept.mean!, 12);
    expect([end('G1').survival.kept.k, end('G1-random').survival.kept.k]).toEqual([6, 0]);
  });
});

describe('pitfall: several super weights of one run are counted as several runs', () => {
  it('n counts runs', () => {
    for (const { points, declared } of results.experiments)
      for (const { survival } of points) expect(survival.n).toBeLessThanOrEqual(declared);
  });
});
