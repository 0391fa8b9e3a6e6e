/** Detection: a spike only names a candidate; zeroing it, against matched controls, decides. */
import { describe, expect, it } from 'vitest';
import type { Coordinate } from '../../src/generated/super-weights.ts';
import {
  detectSuperWeights,
  type DetectionContext,
  type DetectionRule,
  type ReferenceReport,
} from '../../src/science/super-weights.ts';
import { down, FEED_FORWARD, isOrdinary, ORDINARY, PlantedModel, SPECIAL, WIDTH, type Plan } from './planted-model.ts';

const RULE: DetectionRule = {
  ordinaryQuantile: 1,
  spikeRatio: 4,
  contributions: 0,
  jointSize: 1,
  jointFactor: 2,
  minimumEffect: 0.1,
  controlFactor: 5,
  controlsPerKind: 2,
  maximumTwins: 0,
  rescans: 2,
  ablateLargest: 0,
  seed: 1,
};
const sequence = [SPECIAL, ORDINARY, ORDINARY, ORDINARY];
const data = {
  spikes: Int32Array.from([...sequence, ...sequence, ...sequence]),
  causal: Int32Array.from([...sequence, ...sequence, ...sequence]),
  isOrdinary,
};
/** A weight with a spike, the largest of its tensor, that costs 2 nats: a super weight. */
const planted: Plan = {
  spikes: [{ layer: 0, row: 2, col: 3, height: 40 }],
  weights: [{ ...down(0, 2, 3), value: -4 }],
  costs: [{ ...down(0, 2, 3), cost: 2 }],
};

function detect(plan: Plan, context: DetectionContext = {}, changes: Partial<DetectionRule> = {}) {
  return detectSuperWeights(new PlantedModel(plan), data, { ...RULE, ...changes }, context);
}

function coordinate(layer: number, row: number, col: number, value: number): Coordinate {
  return { ...down(layer, row, col), layer, value };
}

/** A reference that names super weights and no controls. */
const following = (...confirmed: Coordinate[]): ReferenceReport => ({ confirmed, candidates: [] });

describe('a candidate', () => {
  it('is confirmed if it spikes and zeroing it costs far more than zeroing any matched control', async () => {
    const report = await detect(planted);
    expect(report.confirmed).toEqual([coordinate(0, 2, 3, -4)]);
    expect(report.candidates[0]).toMatchObject({
      scan: 0,
      inputSpike: 40,
      outputSpike: 40,
      inputRatio: 40,
      outputRatio: 40,
      effect: 2,
      worstControl: 0,
      confirmed: true,
      verdict: 'Confirmed: zeroing it costs 2.0000 nats; the worst of 8 matched controls costs 0.0000 nats.',
    });
    expect(report.candidates[0]!.controls.map(({ kind }) => kind)).toEqual(
      ['next-largest', 'same-row', 'same-column', 'random'].flatMap((kind) => [kind, kind]),
    );
    expect(report).toMatchObject({
      causalTokens: 9,
      prunableWeights: 2 * WIDTH * FEED_FORWARD,
      referenceStatus: 'self',
    });
    expect(report.baselineLoss).toBe(2 + ORDINARY / 16);
  });

  it('is refused if its spike has no effect', async () => {
    const { confirmed, candidates } = await detect({ ...planted, costs: [] });
    expect(confirmed).toEqual([]);
    expect(candidates[0]).toMatchObject({
      effect: 0,
      confirmed: false,
      verdict: 'Refused: zeroing it costs 0.0000 nats, less than 0.1.',
    });
  });

  it('is refused if its effect does not stand out from a control that is no super weight itself', async () => {
    const costs = [
      { ...down(0, 2, 3), cost: 0.3 },
      { ...down(0, 3, 5), cost: 0.09 },
    ];
    const { confirmed, candidates } = await detect({ ...planted, costs }, {}, { maximumTwins: 2 });
    expect(confirmed).toEqual([]);
    expect(candidates[0]!.controls.some(({ twin }) => twin)).toBe(false);
    expect(candidates[0]!.verdict).toBe(
      'Refused: zeroing it costs 0.3000 nats, only 3.3 times its worst control (next-largest [3, 5], 0.0900 nats); 5 times is needed.',
    );
  });

  it('is refused for a single comparable control where no twin is allowed', async () => {
    const { confirmed, candidates } = await detect({
      ...planted,
      costs: [...planted.costs!, { ...down(0, 3, 5), cost: 0.5 }],
    });
    expect(confirmed).toEqual([]);
    expect(candidates[0]).toMatchObject({
      effect: 2,
      worstControl: 0.5,
      verdict:
        'Refused: zeroing it costs 2.0000 nats, only 4.0 times its worst control (next-largest [3, 5], 0.5000 nats); 5 times is needed; its controls that cost as much as super weights do (1) are more than the 0 that may be its twins.',
    });
  });

  it('is refused if pruning has left its tensor no weight to compare it with', async () => {
    const others = Array.from({ length: WIDTH * FEED_FORWARD }, (_, index) => ({
      row: Math.floor(index / FEED_FORWARD),
      col: index % FEED_FORWARD,
    })).filter(({ row, col }) => row !== 2 || col !== 3);
    const bare = {
      ...planted,
      weights: [...planted.weights!, ...others.map(({ row, col }) => ({ ...down(0, row, col), value: 0 }))],
    };
    const { confirmed, candidates } = await detect(bare);
    expect(confirmed).toEqual([]);
    expect(candidates[0]!.verdict).toBe(
      'Refused: zeroing it costs 2.0000 nats, but no weight is left in its tensor to compare it with.',
    );
  });

  it('is refused without a spike, however large its effect', async () => {
    const { confirmed, candidates } = await detect({ ...planted, spikes: [{ layer: 0, row: 2, col: 3, height: 3.5 }] });
    expect(confirmed).toEqual([]);
    expect(candidates[0]).toMatchObject({
      effect: 2,
      verdict: 'Refused: its input peaks at 3.5 and its output at 3.5 times the ordinary maximum; a spike takes 4.',
    });
  });

  it('is refused if only its input spikes, or only its output', async () => {
    for (const [height, outputHeight] of [
      [40, 2],
      [2, 40],
    ] as const) {
      const { candidates } = await detect({ ...planted, spikes: [{ layer: 0, row: 2, col: 3, height, outputHeight }] });
      expect(candidates[0]).toMatchObject({
        inputRatio: height,
        outputRatio: outputHeight,
        effect: 2,
        confirmed: false,
      });
    }
  });

  it('is named once per layer and scan, and never twice', async () => {
    const { candidates } = await detect(planted);
    const places = candidates.map(({ scan, coordinate: { layer, row, col } }) => [scan, layer, row, col]);
    expect(places).toEqual([
      [0, 0, 2, 3],
      [0, 1, 0, 0],
      [1, 0, 0, 0],
    ]);
  });

  it('leaves the weights as they were', async () => {
    const model = new PlantedModel(planted);
    const before = [...model.tensors.keys()].map((name) => model.weight(name).slice());
    await detectSuperWeights(model, data, { ...RULE, ablateLargest: 5 });
    expect([...model.tensors.keys()].map((name) => model.weight(name))).toEqual(before);
  });
});

describe('a rescan', () => {
  const hidden: Plan = {
    layers: 1,
    spikes: [
      { layer: 0, row: 2, col: 3, height: 40 },
      { layer: 0, row: 1, col: 3, height: 20 },
    ],
    weights: [
      { ...down(0, 2, 3), value: -4 },
      { ...down(0, 1, 3), value: 3 },
    ],
    costs: [
      { ...down(0, 2, 3), cost: 2 },
      { ...down(0, 1, 3), cost: 0.3 },
    ],
  };

  it('uncovers a super weight that a larger spike hid; the known one is no control for it', async () => {
    const { confirmed, candidates } = await detect(hidden);
    expect(confirmed).toEqual([coordinate(0, 2, 3, -4), coordinate(0, 1, 3, 3)]);
    expect(candidates[1]).toMatchObject({ scan: 1, confirmed: true });
    expect(candidates[1]!.effect).toBeCloseTo(0.3, 6);
    expect(candidates[1]!.controls.some(({ row, col }) => row === 2 && col === 3)).toBe(false);
  });

  it('is not made when rescans is 0, nor when nothing was confirmed', async () => {
    expect((await detect(hidden, {}, { rescans: 0 })).confirmed).toHaveLength(1);
    const model = new PlantedModel({ ...hidden, costs: [] });
    await detectSuperWeights(model, data, RULE);
    const passesPerScan = 2; // three sequences in batches of two
    expect(model.scans).toBe(passesPerScan);
  });
});

describe('twins', () => {
  const pair: Plan = {
    layers: 1,
    spikes: [
      { layer: 0, row: 2, col: 3, height: 40 },
      { layer: 0, row: 1, col: 3, height: 30 },
    ],
    weights: [
      { ...down(0, 2, 3), value: -4 },
      { ...down(0, 1, 3), value: 3.5 },
    ],
    costs: [
      { ...down(0, 2, 3), cost: 1 },
      { ...down(0, 1, 3), cost: 1.25 },
    ],
  };

  it('do not refuse one another: two comparable super weights in one tensor are both confirmed', async () => {
    const { confirmed, candidates } = await detect(pair, {}, { maximumTwins: 2 });
    expect(confirmed.map(({ row, col }) => [row, col])).toEqual([
      [1, 3],
      [2, 3],
    ]);
    expect(candidates[0]).toMatchObject({
      effect: 1,
      worstControl: 0,
      verdict:
        'Confirmed: zeroing it costs 1.0000 nats; the worst of 7 matched controls (1 comparable one set aside) costs 0.0000 nats.',
    });
    expect(
      candidates[0]!.controls.filter(({ twin }) => twin).map(({ row, col, effect }) => [row, col, effect]),
    ).toEqual([[1, 3, 1.25]]);
    // what happened before there were twins
    expect((await detect(pair, {}, { maximumTwins: 0 })).confirmed).toEqual([]);
  });

  it("do not make one of a detection's super weights lose its function while both are there", async () => {
    const { survival } = await detect(
      pair,
      { reference: following(coordinate(0, 1, 3, 3.5)) },
      { maximumTwins: 2, rescans: 0 },
    );
    expect(survival[0]).toMatchObject({ functional: true });
  });

  it('are few: where ten weights of a tensor matter equally none of them is a super weight', async () => {
    const ten = Array.from({ length: 10 }, (_, index) =>
      down(0, 1 + Math.floor(index / FEED_FORWARD), index % FEED_FORWARD),
    );
    const crowd: Plan = {
      ...pair,
      weights: ten.map((place) => ({ ...place, value: 4 })),
      costs: ten.map((place) => ({ ...place, cost: 2 })),
    };
    const { confirmed, candidates } = await detect(crowd, {}, { maximumTwins: 2 });
    expect(confirmed).toEqual([]);
    expect(candidates[0]!.verdict).toMatch(
      /^Refused: zeroing it costs 2\.0000 nats, only 1\.0 times its worst control .* are more than the 2 that may be its twins\.$/,
    );
    expect(candidates[0]!.controls.some(({ twin }) => twin)).toBe(false);
  });
});

describe('survival of a reference super weight', () => {
  it('is reported apart by mask bit, function and re-detection, with rank and margin', async () => {
    const { survival, referenceStatus } = await detect(planted, {
      reference: following(coordinate(0, 2, 3, -5)),
      threshold: () => 0.5,
    });
    expect(referenceStatus).toBe('given');
    expect(survival).toEqual([
      {
        coordinate: coordinate(0, 2, 3, -5),
        kept: true,
        disconnected: false,
        value: -4,
        rank: 1,
        tensorRank: 1,
        threshold: 0.5,
        margin: 8,
        effect: 2,
        effectStandardError: 0,
        functional: true,
        redetection: 'same',
        baseRate: { tensorKept: 1, kinds: [] },
      },
    ]);
  });

  it('says moved when a super weight is confirmed elsewhere and the old one no longer matters', async () => {
    const { survival } = await detect(planted, { reference: following(coordinate(1, 0, 5, 2)) });
    expect(survival[0]).toMatchObject({
      kept: true,
      effect: 0,
      functional: false,
      redetection: 'moved',
      threshold: null,
      margin: null,
    });
    expect(survival[0]!.value).toBe(Math.fround(0.106));
    expect(survival[0]!.rank).toBe(1 + 18 + 1); // the planted weight and layer 1's 18 later ones are larger
    expect(survival[0]!.tensorRank).toBe(19);
  });

  it('says none, not moved, for one that is lost while another reference super weight is still there', async () => {
    const { survival } = await detect(planted, {
      reference: following(coordinate(0, 2, 3, -4), coordinate(1, 0, 0, 2)),
    });
    expect(survival.map(({ redetection }) => redetection)).toEqual(['same', 'none']);
  });

  it('is functional though another super weight has grown in its tensor: that one is no control for it', async () => {
    const plan: Plan = {
      spikes: [{ layer: 0, row: 1, col: 3, height: 40 }],
      weights: [
        { ...down(0, 2, 3), value: -4 },
        { ...down(0, 1, 3), value: 5 },
      ],
      costs: [
        { ...down(0, 2, 3), cost: 2 },
        { ...down(0, 1, 3), cost: 3 },
      ],
    };
    const { confirmed, survival } = await detect(plan, { reference: following(coordinate(0, 2, 3, -4)) });
    expect(confirmed.map(({ row, col }) => [row, col])).toEqual([[1, 3]]);
    expect(survival[0]).toMatchObject({ effect: 2, functional: true, redetection: 'moved' });
  });

  it('is lost in every sense once it is pruned', async () => {
    const plan = { ...planted, weights: [{ ...down(0, 2, 3), value: 0 }] };
    const { survival, confirmed } = await detect(plan, {
      reference: following(coordinate(0, 2, 3, -4)),
      threshold: () => 0.5,
    });
    expect(confirmed).toEqual([]);
    expect(survival[0]).toMatchObject({
      kept: false,
      value: 0,
      rank: 48,
      tensorRank: 24,
      margin: 0,
      effect: 0,
      functional: false,
      redetection: 'none',
    });
  });

  it('may be functional without being re-detected: its spike has gone, its effect has not', async () => {
    const { survival } = await detect({ ...planted, spikes: [] }, { reference: following(coordinate(0, 2, 3, -4)) });
    expect(survival[0]).toMatchObject({ kept: true, effect: 2, functional: true, redetection: 'none' });
  });

  it('is tested at its place alone where nothing is sought: nothing is confirmed, and nothing is said of finding it', async () => {
    const context = { reference: following(coordinate(0, 2, 3, -4)) };
    const sought = await detect(planted, context);
    const known = await detect(planted, context, { search: 'none' });
    expect(sought).not.toHaveProperty('search');
    expect(known).toMatchObject({ search: 'none', candidates: [], confirmed: [], referenceStatus: 'given' });
    expect(known.survival).toEqual(sought.survival.map((entry) => ({ ...entry, redetection: 'not-sought' })));
    const gone = await detect(planted, { reference: following(coordinate(1, 0, 0, 2)) }, { search: 'none' });
    expect(gone.survival[0]).toMatchObject({ functional: false, redetection: 'not-sought' });
  });

  it('stands beside its base rate: how many weights of its tensor and of its own controls are kept', async () => {
    const { confirmed, candidates, survival } = await detect(planted);
    expect(survival[0]!.baseRate).toEqual({
      tensorKept: 1,
      kinds: ['next-largest', 'same-row', 'same-column', 'random'].map((kind) => ({ kind, kept: 2, n: 2 })),
    });

    const [nextLargest, sameRow] = ['next-largest', 'same-row'].map((kind) =>
      candidates[0]!.controls.filter((control) => control.kind === kind),
    );
    const lost = [...nextLargest!, sameRow![0]!];
    const pruned = {
      ...planted,
      weights: [...planted.weights!, ...lost.map(({ row, col }) => ({ ...down(0, row, col), value: 0 }))],
    };
    const [entry] = (await detect(pruned, { reference: { confirmed, candidates } })).survival;
    expect(entry!.baseRate.tensorKept).toBeCloseTo(1 - 3 / (WIDTH * FEED_FORWARD), 12);
    expect(entry!.baseRate.kinds).toEqual([
      { kind: 'next-largest', kept: 0, n: 2 },
      { kind: 'same-row', kept: 1, n: 2 },
      { kind: 'same-column', kept: 2, n: 2 },
      { kind: 'random', kept: 2, n: 2 },
    ]);
  });

  it('is disconnected, not kept, where its hidden unit has lost every input, and so are the weights beside it', async () => {
    const { confirmed, candidates } = await detect(planted);
    const reference = { confirmed, candidates };
    const cut = { ...planted, spikes: [], costs: [], cutOff: [{ layer: 0, unit: 3 }] };
    const [entry] = (await detect(cut, { reference, threshold: () => 0.5 })).survival;
    expect(entry).toMatchObject({ kept: false, disconnected: true, value: -4, rank: 1, margin: 8, functional: false });
    expect(entry!.baseRate.tensorKept).toBeCloseTo(1 - WIDTH / (WIDTH * FEED_FORWARD), 12);
    const controls = candidates[0]!.controls.filter(({ kind }) => kind === 'same-column');
    expect(entry!.baseRate.kinds.find(({ kind }) => kind === 'same-column')).toEqual({
      kind: 'same-column',
      kept: 0,
      n: controls.length,
    });

    // what is pruned is pruned, whatever it would read
    const pruned = { ...cut, weights: [{ ...down(0, 2, 3), value: 0 }] };
    expect((await detect(pruned, { reference })).survival[0]).toMatchObject({ kept: false, disconnected: false });
    // a unit that is merely 0 at these tokens may speak at others
    const silent = { ...cut, cutOff: [], silent: [{ layer: 0, unit: 3 }] };
    expect((await detect(silent, { reference })).survival[0]).toMatchObject({ kept: true, disconnected: false });
    // and another layer's unit of that number is another unit
    const elsewhere = { ...cut, cutOff: [{ layer: 1, unit: 3 }] };
    expect((await detect(elsewhere, { reference })).survival[0]).toMatchObject({ kept: true, disconnected: false });
  });

  it('is not applicable where none emerged', async () => {
    expect(await detect(planted, { reference: following() })).toMatchObject({
      referenceStatus: 'none-emerged',
      survival: [],
    });
    expect(await detect({ ...planted, costs: [] })).toMatchObject({ referenceStatus: 'self', survival: [] });
  });
});

describe('detection', () => {
  it('zeroes the largest block weights one by one, leaving embeddings out', async () => {
    const { ablation } = await detect(planted, {}, { ablateLargest: 3 });
    expect(
      ablation.map(({ rank, effect, coordinate: { layer, row, col } }) => [rank, layer, row, col, effect]),
    ).toEqual([
      [1, 0, 2, 3, 2],
      [2, 1, 3, 5, 0],
      [3, 1, 3, 4, 0],
    ]);
  });

  it('lists what it confirmed by falling effect', async () => {
    const { confirmed } = await detect({
      spikes: [
        { layer: 0, row: 2, col: 3, height: 40 },
        { layer: 1, row: 1, col: 1, height: 40 },
      ],
      costs: [
        { ...down(0, 2, 3), cost: 1 },
        { ...down(1, 1, 1), cost: 2 },
      ],
    });
    expect(confirmed.map(({ layer }) => layer)).toEqual([1, 0]);
  });

  it.each(['cutOff', 'silent'] as const)(
    'takes no weight for a control whose hidden unit holds 0 at every token: %s',
    async (state) => {
      const [usual] = (await detect(planted)).candidates;
      expect(usual!.controls.some(({ col }) => col === 5)).toBe(true);
      const { candidates, confirmed } = await detect({ ...planted, [state]: [{ layer: 0, unit: 5 }] });
      expect(confirmed).toHaveLength(1);
      expect(candidates[0]!.controls).toHaveLength(8);
      expect(candidates[0]!.controls.some(({ col }) => col === 5)).toBe(false);
    },
  );

  it('gives every effect its standard error over sequences, and none for a single one', async () => {
    const targets = [
      [9, 9, 9],
      [9, 9, 6],
      [7, 5, 8],
    ];
    const tokens = (rows: number[][]) => Int32Array.from(rows.flatMap((row) => [SPECIAL, ...row]));
    const plan = { ...planted, costs: [{ ...down(0, 2, 3), cost: 1, perTarget: 0.5 }] };
    const report = (rows: number[][]) =>
      detectSuperWeights(new PlantedModel(plan), { ...data, causal: tokens(rows) }, { ...RULE, ablateLargest: 2 });
    const { candidates, survival, ablation } = await report(targets);
    const means = targets.map((row) => 1 + (0.5 * (row[0]! + row[1]! + row[2]!)) / 3);
    const mean = (means[0]! + means[1]! + means[2]!) / 3;
    const squares = means.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    for (const { effect, effectStandardError } of [candidates[0]!, survival[0]!, ablation[0]!]) {
      expect(effect).toBeCloseTo(mean, 5);
      expect(effectStandardError).toBeCloseTo(Math.sqrt(squares / 2 / 3), 5);
    }
    for (const { effectStandardError } of [...candidates[0]!.controls, ablation[1]!])
      expect(effectStandardError).toBe(0);

    const alone = await report(targets.slice(0, 1));
    expect(alone.candidates[0]).toMatchObject({ confirmed: true, effectStandardError: null });
    expect(alone.survival[0]!.effectStandardError).toBeNull();
  });

  it('weighs every sequence once, though the last batch is filled up', async () => {
    const third = [SPECIAL, ORDINARY, ORDINARY, ORDINARY - 3];
    const causal = Int32Array.from([...sequence, ...sequence, ...third]);
    const { baselineLoss, causalTokens } = await detectSuperWeights(
      new PlantedModel(planted),
      { ...data, causal },
      RULE,
    );
    expect(causalTokens).toBe(9);
    expect(baselineLoss).toBeCloseTo(2 + (9 * ORDINARY - 3) / 9 / 16, 12);
  });

  it('measures each scalar once, however often it is asked for', async () => {
    const model = new PlantedModel(planted);
    await detectSuperWeights(
      model,
      data,
      { ...RULE, ablateLargest: 1 },
      { reference: following(coordinate(0, 2, 3, -4)) },
    );
    const passesPerEffect = 2; // three sequences in batches of two
    const scalars = 3 + 8; // three candidates, and the controls of the one that may be confirmed
    expect(model.passes).toBe(passesPerEffect * (1 + scalars));
  });

  it('refuses weights whose loss is not finite', async () => {
    await expect(detect({ ...planted, baseline: Number.NaN })).rejects.toThrow(
      /The loss of these weights is NaN, though every weight is finite/,
    );
  });

  it('refuses a reference that the model has no place for', async () => {
    await expect(detect(planted, { reference: following(coordinate(0, WIDTH, 0, 1)) })).rejects.toThrow(
      'model.layers.0.mlp.down_proj.weight of shape [4, 6] has no weight [4, 0].',
    );
  });

  it('stops when it is told to', async () => {
    await expect(detect(planted, { signal: AbortSignal.abort(new Error('stopped by the user')) })).rejects.toThrow(
      'stopped by the user',
    );
  });
});
