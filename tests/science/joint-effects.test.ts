/** Weights that make up for one another: found together, where each alone is no super weight, or not the whole one. */
import { describe, expect, it } from 'vitest';
import { detectSuperWeights, type DetectionContext, type DetectionRule } from '../../src/science/super-weights.ts';
import { down, isOrdinary, ORDINARY, PlantedModel, SPECIAL, type Plan } from './planted-model.ts';

const RULE: DetectionRule = {
  ordinaryQuantile: 1,
  spikeRatio: 4,
  contributions: 3,
  jointSize: 3,
  jointFactor: 2,
  minimumEffect: 0.1,
  controlFactor: 5,
  controlsPerKind: 2,
  maximumTwins: 0,
  rescans: 0,
  ablateLargest: 0,
  seed: 1,
};
const sequences = Int32Array.from([SPECIAL, ORDINARY, ORDINARY, ORDINARY, SPECIAL, ORDINARY, ORDINARY, ORDINARY]);
const data = { spikes: sequences, causal: sequences, isOrdinary };

const [FIRST, SECOND, THIRD] = [down(0, 2, 3), down(0, 2, 5), down(0, 2, 1)];
/** Two weights that write channel 2 at special tokens: little is lost with one of them, 9 nats with both. */
const pair: Plan = {
  layers: 1,
  spikes: [{ layer: 0, row: 2, col: 3, height: 40, alike: [5, 1] }],
  weights: [
    { ...FIRST, value: 6 },
    { ...SECOND, value: 5 },
    { ...THIRD, value: 1 },
  ],
  costs: [
    { ...FIRST, cost: 1.4 },
    { ...SECOND, cost: 0.09 },
  ],
  together: [{ members: [FIRST, SECOND], cost: 7.5 }],
};

function detect(plan: Plan, changes: Partial<DetectionRule> = {}, context: DetectionContext = {}) {
  return detectSuperWeights(new PlantedModel(plan), data, { ...RULE, ...changes }, context);
}

const places = (members: readonly { row: number; col: number }[]) => members.map(({ row, col }) => [row, col]);

describe('two weights that make up for one another', () => {
  it('are confirmed as joint, without a third that only spikes', async () => {
    const { joint, confirmed, candidates } = await detect(pair);
    expect(candidates.map(({ coordinate: { row, col } }) => [row, col])).toEqual([
      [2, 3],
      [2, 5],
      [2, 1],
    ]);
    expect(places(confirmed)).toEqual([[2, 3]]);
    expect(joint).toHaveLength(1);
    const [set] = joint!;
    expect(places(set!.members)).toEqual([
      [2, 3],
      [2, 5],
    ]);
    expect(set!.confirmed).toBe(true);
    expect(set!.effect).toBeCloseTo(8.99, 5);
    expect(set!.sumOfEffects).toBeCloseTo(1.49, 5);
    expect(set!.excess).toBeCloseTo(7.5, 5);
    expect(set!.excessStandardError).toBeCloseTo(0, 5);
    expect(set!.largestWithoutOne).toBeCloseTo(1.4, 5);
    expect(set!.verdict).toBe(
      'Confirmed as joint: zeroing [2, 3] and [2, 5] together costs 8.9900 nats, and one by one 1.4900 nats in all; with any one in place it is 1.4000 nats at most; the worst of 4 matched sets costs 0.0000 nats.',
    );
  });

  it('are compared with matched sets of as many other weights, and with sets in which one is exchanged', async () => {
    const { controls } = (await detect(pair)).joint![0]!;
    expect(controls.map(({ kind }) => kind)).toEqual([
      'next-largest',
      'same-row',
      'same-column',
      'random',
      'exchanged',
      'exchanged',
    ]);
    const members = controls.slice(0, 4).flatMap((control) => places(control.members));
    expect(members).toHaveLength(8);
    expect(new Set(members.map(String)).size).toBe(8);
    for (const member of [
      [2, 3],
      [2, 5],
    ])
      expect(members).not.toContainEqual(member);
    for (const { row } of controls[1]!.members) expect(row).toBe(2);
    expect(controls[2]!.members.map(({ col }) => col)).toEqual([3, 5]);
    expect(places(controls[4]!.members)).toEqual([
      [2, 1],
      [2, 5],
    ]);
    expect(places(controls[5]!.members)).toEqual([
      [2, 1],
      [2, 3],
    ]);
  });

  it('are not looked for where no two may be zeroed together', async () => {
    const report = await detect(pair, { jointSize: 1 });
    expect(report).not.toHaveProperty('joint');
    expect(report).not.toHaveProperty('jointSurvival');
  });

  it('leave the weights as they were', async () => {
    const model = new PlantedModel(pair);
    const before = model.weight(FIRST.tensor).slice();
    await detectSuperWeights(model, data, RULE);
    expect(model.weight(FIRST.tensor)).toEqual(before);
  });
});

it('three weights of which any one suffices are confirmed as one set', async () => {
  const { joint } = await detect({
    ...pair,
    costs: [],
    together: [{ members: [FIRST, SECOND, THIRD], cost: 3 }],
  });
  expect(places(joint![0]!.members)).toEqual([
    [2, 3],
    [2, 5],
    [2, 1],
  ]);
  expect(joint![0]).toMatchObject({ confirmed: true, sumOfEffects: 0, largestWithoutOne: 0 });
});

describe('a set is refused as joint', () => {
  const refusal = async (plan: Plan, changes: Partial<DetectionRule> = {}) => {
    const { joint } = await detect(plan, changes);
    expect(joint!.map(({ confirmed }) => confirmed)).toEqual([false]);
    return joint![0]!.verdict;
  };

  it('if it costs too little: then none of its weights but the peak is a candidate, and one pass has told it', async () => {
    const { joint, candidates } = await detect({ ...pair, costs: [], together: [] });
    expect(joint).toEqual([]);
    expect(candidates.map(({ coordinate: { row, col } }) => [row, col])).toEqual([[2, 3]]);
  });

  it('if its effect is that of one member', async () => {
    expect(await refusal({ ...pair, together: [] })).toMatch(/^Refused as joint: no two of them are needed for it/);
  });

  it('if it is what the members cost one by one', async () => {
    const costs = [
      { ...FIRST, cost: 1 },
      { ...SECOND, cost: 1 },
    ];
    expect(await refusal({ ...pair, costs, together: [{ members: [FIRST, SECOND], cost: 1 }] })).toBe(
      'Refused as joint: together they cost 3.0000 nats, only 1.5 times what they cost one by one (2.0000 nats); 2 times is needed.',
    );
  });

  it('if a matched set costs much as well', async () => {
    // the largest weights of other rows and the same column
    const costs = [...pair.costs!, { ...down(0, 3, 3), cost: 2 }];
    expect(await refusal({ ...pair, costs })).toMatch(
      /^Refused as joint: together they cost 8\.9900 nats, only 4\.5 times the worst matched set \(/,
    );
  });

  it('if another weight does in a member’s stead', async () => {
    const together = [...pair.together!, { members: [FIRST, down(0, 2, 4)], cost: 7 }];
    expect(await refusal({ ...pair, together, weights: [...pair.weights!, { ...down(0, 2, 4), value: 2 }] })).toMatch(
      /^Refused as joint: with another weight in one's stead \(exchanged \[2, 4\], \[2, 3\]\) it is still 8\.4000 nats of 8\.9900 nats/,
    );
  });
});

describe('a joint set that was confirmed', () => {
  it('is followed: it is functional as long as one member is left, and gone with the last', async () => {
    const reference = await detect(pair);
    expect(reference.jointSurvival).toMatchObject([{ kept: 2, disconnected: 0, functional: true, redetected: true }]);
    const pruned = (...gone: { row: number; col: number }[]): Plan => ({
      ...pair,
      weights: [...pair.weights!, ...gone.map(({ row, col }) => ({ ...down(0, row, col), value: 0 }))],
    });
    const one = await detect(pruned(FIRST), {}, { reference });
    expect(one.jointSurvival).toMatchObject([{ kept: 1, functional: true, redetected: false }]);
    expect(one.jointSurvival![0]!.effect).toBeCloseTo(7.59, 5);
    const none = await detect(pruned(FIRST, SECOND), {}, { reference });
    expect(none.jointSurvival).toMatchObject([{ kept: 0, effect: 0, functional: false, redetected: false }]);
    expect(none.joint).toEqual([]);
  });

  it('is followed where nothing is sought, without a word on finding it again', async () => {
    const reference = await detect(pair);
    const known = await detect(pair, { search: 'none' }, { reference });
    expect(known).not.toHaveProperty('joint');
    expect(known.jointSurvival).toEqual([{ ...reference.jointSurvival![0], redetected: null }]);
  });

  it('counts a member that multiplies nothing as disconnected', async () => {
    const reference = await detect(pair);
    const { jointSurvival } = await detect({ ...pair, cutOff: [{ layer: 0, unit: 5 }] }, {}, { reference });
    expect(jointSurvival).toMatchObject([{ kept: 1, disconnected: 1 }]);
  });
});
