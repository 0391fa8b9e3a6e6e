/** The summary for the terminal and for scripts, and the phrases that it shares with the report. */
import { describe, expect, it } from 'vitest';
import type { StudyResults } from '../../src/report/read-results.ts';
import { studySummary } from '../../src/report/summary.ts';
import { experimentPhrase, scalingText, signed } from '../../src/report/wording.ts';
import { studyResults } from '../../src/science/results/study-results.ts';
import { fixturePieces, fixtureStudy } from './study-fixture.ts';

const results = studyResults(fixtureStudy(), fixturePieces()) as unknown as StudyResults;

describe('the summary for the terminal', () => {
  it('has a line per experiment, what is missing, and the floor', () => {
    const { lines } = studySummary(results);
    expect(lines[0]).toBe('super-weights-under-pruning: 27 runs, 26 complete, 1 incomplete (D1/s2)');
    expect(lines[1]).toBe('Profile pilot: steps are 1/50 of the declared ones in 8 experiments; as declared in C1.');
    expect(lines[2]).toBe('experiment     sparsity  perplexity          super weight kept  still matters  found again');
    expect(lines.find((line) => line.startsWith('ladder'))).toMatch(
      /^ladder {9}96\.5 % {4}18\.\d\d ± 0\.\d\d \(n 3\) {2}3\/3 {16}2\/3 {12}2\/3$/,
    );
    expect(lines.find((line) => line.startsWith('E1'))).toMatch(/\(n 3\) {2}none emerged$/);
    expect(lines[12]).toBe('entropy floor            11.20');
    // The same tokens under the language itself: what the perplexities above are to be held against.
    expect(lines[13]).toBe('of the sample            11.17');
    expect(lines[14]).toMatch(/^A weight counts as a super weight where /);
    expect(lines.slice(15).map((line) => line.slice(0, 20).trimEnd())).toEqual([
      '1 Survival',
      '2 Initialisation',
      '3 Quality',
      '4 Schedule and scope',
      '5 Budget',
      '6 Variance',
    ]);
    expect(lines[15]).toBe(
      '1 Survival            kept 13/13, still matters 12/13, found again 12/13 (5 arms, to 96.5 %) (spike ratio 4)',
    );
    expect(lines).toHaveLength(3 + 9 + 2 + 1 + 6);
  });

  it('gives scripts the same numbers, and null where survival does not apply', () => {
    const { highlights } = studySummary(results);
    expect(highlights['experiments']).toMatchObject({
      ladder: { survival: { kept: { k: 3, n: 3 }, functional: { k: 2, n: 3 }, redetectedSame: { k: 2, n: 3 } } },
      E1: { survival: null, reference: { confirmed: 0, noneEmerged: 3, unknown: 0 } },
      D1: { runs: { declared: 3, complete: 2 }, perplexity: { n: 2 } },
    });
  });
});

describe('words', () => {
  it.each([
    ['A1', 'pretrained · 5 × 10 % · 60 steps'],
    ['C1', 'xavier · 5 × 10 % · 3,500, then 200 steps'],
    ['D1', 'pretrained · 5, 10, 15, 20 % · 200 steps'],
    ['unpruned', 'pretrained · no pruning · 60 steps'],
    ['at-once', 'pretrained · 90 % · 60 steps'],
    ['forced', 'pretrained · super weight pruned · 60 steps'],
  ])('describe %s', (id, phrase) => {
    const experiment = results.study.experiments.find((each) => each.id === id)!;
    expect(experimentPhrase(results.study, experiment)).toBe(phrase);
  });

  it('name the round of a single prune, and what is a share of all weights', () => {
    const [base] = results.study.experiments;
    const pruned = (prune: { fraction: number | number[]; [name: string]: unknown }) =>
      experimentPhrase(results.study, {
        ...base!,
        byRound: ['train.steps', ...(Array.isArray(prune.fraction) ? ['prune.fraction'] : [])],
        params: { init: { scheme: 'xavier' }, train: { steps: [0, 10_000] }, prune },
      });
    expect(pruned({ fraction: [0, 0.2, 0, 0, 0], scope: 'layerwise' })).toBe(
      'xavier · 20 % in round 2 · 0, then 10,000 steps · per layer',
    );
    expect(pruned({ fraction: 0.125, of: 'total' })).toBe('xavier · 5 × 12.5 % of all · 0, then 10,000 steps');
    expect(pruned({ fraction: 0.1, force: 'reference' })).toBe(
      'xavier · 5 × 10 %, super weight first · 0, then 10,000 steps',
    );
  });

  it('state the scaling of steps', () => {
    const study = fixtureStudy();
    const scaled = (factors: number[]) =>
      scalingText({
        ...study,
        experiments: factors.map((scaleSteps, i) => ({ ...study.experiments[i]!, scaleSteps })),
      });
    expect(scaled([1, 1])).toBe('Steps are as declared.');
    expect(scaled([0.02, 0.02])).toBe('Steps are 1/50 of the declared ones (profile pilot).');
    expect(scaled([0.3])).toBe('Steps are 0.300 of the declared ones (profile pilot).');
    expect(scaled([0.02, 0.02, 1])).toBe(
      'Profile pilot: steps are 1/50 of the declared ones in A1 and B1; as declared in C1.',
    );
  });

  it('write signs with a real minus, also of what is small', () => {
    expect([signed(-0.5, 2), signed(0.5, 2), signed(-0.001, 2)]).toEqual(['−0.50', '+0.50', '−0.001']);
  });
});
