/** Detection: a spike only names a candidate; zeroing it, against matched controls, decides. */
import { describe, expect, it } from 'vitest';
import { detectSuperWeights } from '../../src/science/super-weights.ts';
import { coordinate, data, detect, following, planted, RULE, sequence } from './detected-model.ts';
import { down, FEED_FORWARD, ORDINARY, PlantedModel, SPECIAL, WIDTH, type Plan } from './planted-model.ts';

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
