/** What became of the super weights of an earlier detection: kept, functional, found again. */
import { describe, expect, it } from 'vitest';
import { coordinate, detect, following, planted } from './detected-model.ts';
import { down, FEED_FORWARD, WIDTH, type Plan } from './planted-model.ts';

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
