/** What masks say: overlap against chance, and positions that come back. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tensorsIfKnown } from '../../../src/model/model-fingerprint.ts';
import type { Evaluation } from '../../../src/generated/evaluation.ts';
import type { Masks } from '../../../src/model/language-model.ts';
import { jaccard, overlapByTensor, together } from '../../../src/science/results/mask-overlap.ts';
import { maskFindings, type MaskPiece } from '../../../src/science/results/mask-findings.ts';
import { packMask, sameTensors } from '../../../src/science/results/packed-mask.ts';
import { studyComputations } from '../../../src/science/results/study-results.ts';
import { studyTensors } from '../../../src/science/results/study-tensors.ts';
import { fixtureStudy, repeat, type FixtureArm } from '../../report/study-fixture.ts';

const bits = fc.array(fc.constantFrom(0, 1), { minLength: 1, maxLength: 100 });
const maskOf = (tensors: Record<string, number[]>): Masks =>
  new Map(Object.entries(tensors).map(([name, data]) => [name, { shape: [data.length], data: Uint8Array.from(data) }]));

describe('the overlap of two masks', () => {
  it('counts the positions kept by both and by either', () => {
    fc.assert(
      fc.property(bits, fc.infiniteStream(fc.constantFrom(0, 1)), (ours, more) => {
        const theirs = [...more.take(ours.length)];
        const both = ours.filter((bit, i) => bit && theirs[i]).length;
        const either = ours.filter((bit, i) => bit || theirs[i]).length;
        const index = jaccard(
          overlapByTensor(packMask(maskOf({ a: ours })), packMask(maskOf({ a: theirs }))).get('a')!,
        );
        expect(index?.jaccard).toBe(either === 0 ? undefined : both / either);
      }),
    );
  });

  it('is by chance what independent masks reach', () => {
    // Exactly: the mean over every pair of masks that keep 6 and 9 of 12 positions, by the hypergeometric distribution.
    const [n, a, b] = [12, 6, 9];
    const choose = (m: number, k: number): number => (k === 0 ? 1 : (choose(m, k - 1) * (m - k + 1)) / k);
    let mean = 0;
    for (let both = Math.max(0, a + b - n); both <= Math.min(a, b); both++)
      mean += ((choose(a, both) * choose(n - a, b - both)) / choose(n, b)) * (both / (a + b - both));
    const keeps = (count: number) => packMask(maskOf({ a: Array.from({ length: n }, (_, i) => (i < count ? 1 : 0)) }));
    const { chance } = jaccard(overlapByTensor(keeps(a), keeps(b)).get('a')!)!;
    expect(chance).toBeCloseTo((a * b) / n / (a + b - (a * b) / n), 12);
    expect(Math.abs(chance - mean)).toBeLessThan(1 / n / 5);
  });

  it('does not take a common composition for agreement', () => {
    // Both keep all of one tensor and none of the other: any two masks of that composition are the same.
    const mask = packMask(maskOf({ kept: [1, 1, 1], pruned: [0, 0, 0] }));
    expect(jaccard(together(overlapByTensor(mask, mask).values()))).toEqual({ jaccard: 1, chance: 1 });
  });

  it('is none of masks of different models', () => {
    const mask = packMask(maskOf({ a: [1, 0] }));
    expect(sameTensors(mask, packMask(maskOf({ a: [1, 0, 1] })))).toBe(false);
    expect(sameTensors(mask, packMask(maskOf({ b: [1, 0] })))).toBe(false);
  });
});

describe('what the masks of a study say', async () => {
  const arm = (id: string): FixtureArm => ({ id, description: '', steps: repeat(1, 3), fractions: [0.25, 0.25] });
  const study = fixtureStudy([arm('hold'), arm('release')]);
  study.comparisons = [{ ...study.comparisons[0]!, name: 'mask', arms: ['hold', 'release'] }];
  const tensors = await studyTensors(study, tensorsIfKnown);
  const nothingMeasured = studyComputations(study, { evaluations: [], superWeights: [] });
  let open = 0;
  let mostOpen = 0;
  const piece = (
    experiment: string,
    seed: number,
    round: number,
    kept: number[] | undefined,
    step = 'prune',
  ): MaskPiece => ({
    label: { experiment, seed, round, step },
    artifact: 'mask',
    key: `${experiment}/${seed}/${round}/${step}`,
    content:
      kept &&
      (async () => {
        mostOpen = Math.max(mostOpen, ++open);
        await Promise.resolve();
        open--;
        return maskOf({ 'model.layers.0.mlp.down_proj.weight': kept });
      }),
  });
  const pieces = [
    ...[0, 1].flatMap((seed) => [piece('hold', seed, 1, [1, 1, 1, 0]), piece('hold', seed, 2, [1, 1, 0, 0])]),
    piece('hold', 2, 1, [0, 1, 1, 1]),
    piece('hold', 2, 2, undefined),
    ...[0, 1, 2].flatMap((seed) => [piece('release', seed, 1, [1, 1, 1, 0]), piece('release', seed, 2, [0, 0, 1, 1])]),
  ];

  it('compares every pair of seeds, and names the seeds whose mask is missing', async () => {
    const { masks } = await maskFindings(study, pieces, nothingMeasured, tensors);
    expect(
      masks.map(({ experiment, round, seeds, missing, pairs }) => [experiment, round, seeds, missing, pairs.length]),
    ).toEqual([
      ['hold', 1, [0, 1, 2], [], 3],
      ['hold', 2, [0, 1], [2], 1],
      ['release', 1, [0, 1, 2], [], 3],
      ['release', 2, [0, 1, 2], [], 3],
    ]);
    expect(masks[0]!.pairs).toEqual([
      { a: 0, b: 1, jaccard: 1, chance: 2.25 / 3.75 },
      { a: 0, b: 2, jaccard: 0.5, chance: 2.25 / 3.75 },
      { a: 1, b: 2, jaccard: 0.5, chance: 2.25 / 3.75 },
    ]);
    expect(masks[0]).toMatchObject({
      all: { kept: 0.75, jaccard: 2 / 3 },
      tensors: [{ kind: 'down_proj', layer: 0, kept: 0.75, jaccard: 2 / 3 }],
    });
  });

  it('counts the pruned positions that came back, by run', async () => {
    const { recovery } = await maskFindings(study, pieces, nothingMeasured);
    expect(
      recovery.map(({ experiment, seed, round, pruned, recovered }) => [experiment, seed, round, pruned, recovered]),
    ).toEqual([
      ['hold', 0, 2, 1, 0],
      ['hold', 1, 2, 1, 0],
      ['hold', 2, 2, null, null],
      ['release', 0, 2, 1, 1],
      ['release', 1, 2, 1, 1],
      ['release', 2, 2, 1, 1],
    ]);
  });

  it('compares arms seed by seed, where both have a mask', async () => {
    const { arms } = await maskFindings(study, pieces, nothingMeasured);
    expect(arms).toEqual([
      {
        arm: 'release',
        baseline: 'hold',
        points: [0, 1].map((seed) => ({ seed, jaccard: 0, chance: 1 / 3 })),
        jaccard: 0,
        chance: expect.closeTo(1 / 3, 12),
      },
    ]);
  });

  it('takes the shuffled mask for the one in force, and counts recovery from it to the next prune', async () => {
    const shuffled = [
      piece('hold', 0, 1, [0, 1, 1, 1]),
      piece('hold', 0, 1, [1, 1, 1, 0], 'rewind'),
      piece('hold', 0, 2, [1, 1, 0, 0]),
      piece('hold', 0, 2, [1, 0, 0, 1], 'rewind'),
    ];
    const one = { ...study, comparisons: [], experiments: [{ ...study.experiments[0]!, seeds: [0] }] };
    const { recovery, masks } = await maskFindings(one, shuffled, nothingMeasured);
    expect(recovery).toEqual([{ experiment: 'hold', seed: 0, round: 2, pruned: 1, recovered: 0 }]);
    expect(masks.map(({ all }) => all)).toEqual([0.75, 0.5].map((kept) => ({ kept, jaccard: null, chance: null })));
  });

  it('takes equal masks of one computation for one mask: neither a pair of seeds nor a second pair of arms', async () => {
    const seeds = [0, 1, 2];
    const content = { loss: 2 } as Evaluation;
    const evaluations = ['hold', 'release'].flatMap((experiment) =>
      seeds.map((seed) => ({
        label: { experiment, seed, round: 1, step: 'eval-pruned' },
        artifact: 'evaluation',
        key: `${experiment}/${seed}`,
        content: seed === 2 ? { ...content, loss: 3 } : content,
      })),
    );
    const computations = studyComputations(study, { evaluations, superWeights: [] });
    const masks = [...seeds.map((seed) => piece('hold', seed, 1, [1, 1, 1, 0])), piece('release', 0, 1, [0, 1, 1, 1])];
    masks.push(piece('release', 1, 1, [0, 1, 1, 1]), piece('release', 2, 1, [1, 0, 1, 1]));
    const found = await maskFindings(study, masks, computations, tensors);
    expect(found.masks.map((each) => [each.experiment, each.seeds, each.copies, each.pairs.length])).toEqual([
      ['hold', [0, 2], [1], 1],
      ['release', [0, 2], [1], 1],
    ]);
    expect(found.arms.map(({ points }) => points.map(({ seed }) => seed))).toEqual([[0, 2]]);
    // A mask that is shuffled by the seed is another one, whatever was measured before.
    const shuffled = [
      ...masks,
      piece('hold', 0, 1, [1, 1, 0, 1], 'rewind'),
      piece('hold', 1, 1, [1, 0, 1, 1], 'rewind'),
    ];
    const { masks: inForce } = await maskFindings(study, shuffled, computations, tensors);
    expect(inForce[0]).toMatchObject({ seeds: [0, 1], copies: [] });
  });

  it('reads one file at a time', async () => {
    await maskFindings(study, pieces, nothingMeasured);
    expect(mostOpen).toBe(1);
  });
});
