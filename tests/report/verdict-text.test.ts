/** Differences and their tests in words, and the axis on which differences are drawn. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TestedDifference } from '../../src/generated/results.ts';
import { differenceScale } from '../../src/report/figures/difference-scale.ts';
import { differenceSentence, levelText, pText, verdictCounts } from '../../src/report/verdict-text.ts';
import { differenceText, natsText } from '../../src/report/wording.ts';

const ALPHA = 0.05;

const DIFFERENCE: TestedDifference = {
  arm: 'B',
  baseline: 'A',
  seeds: [0, 1, 2],
  points: [],
  copies: [],
  missing: [],
  unpaired: [],
  n: 3,
  mean: 0.0123,
  sd: 0.004,
  interval: { lower: 0.0023, upper: 0.0223, confidence: 0.95 },
  samplingError: null,
  alsoDiffers: [],
  hedgesG: null,
  tTest: { t: 5.3, df: 2, p: 0.034 },
  signFlip: { p: 0.25, smallestP: 0.25 },
  wilcoxon: { p: 0.25, smallestP: 0.25 },
  holm: { family: 'quality', members: 1, adjustedP: 0.25, smallestAdjustedP: 0.25 },
  power: null,
  verdict: 'cannot-be-significant',
  consequences: [],
  masks: null,
};

describe('a difference in words', () => {
  it('is never called significant where its n cannot make it so, whatever the t-test says', () => {
    expect(differenceSentence(DIFFERENCE, ALPHA)).toBe(
      'B ends 0.0123 nats higher than A [+0.0023, +0.0223] (n = 3 pairs); it cannot be called significant with n = 3: the smallest attainable p is .25.',
    );
    const family = { ...DIFFERENCE, holm: { family: 'quality', members: 3, adjustedP: 0.75, smallestAdjustedP: 0.75 } };
    expect(differenceSentence(family, ALPHA)).toMatch(
      /the smallest attainable p is \.25 \(\.75 after Holm over 3 tests\)\.$/,
    );
  });

  it('says what the test found where there can be one, with the smallest p beside it', () => {
    const test = {
      signFlip: { p: 0.3125, smallestP: 0.03125 },
      holm: { family: 'f', members: 1, adjustedP: 0.3125, smallestAdjustedP: 0.03125 },
    };
    expect(
      differenceSentence(
        { ...DIFFERENCE, ...test, n: 6, mean: -0.0123, interval: null, verdict: 'not-significant' },
        ALPHA,
      ),
    ).toBe(
      'B ends 0.0123 nats lower than A (n = 6 pairs); not significant (p = .31; the smallest attainable is .031).',
    );
    const clear = {
      signFlip: { p: 0.03125, smallestP: 0.03125 },
      holm: { family: 'f', members: 1, adjustedP: 0.03125, smallestAdjustedP: 0.03125 },
    };
    expect(differenceSentence({ ...DIFFERENCE, ...clear, n: 6, verdict: 'significant' }, ALPHA)).toMatch(
      /\(n = 6 pairs\); significant \(p = \.031\)\.$/,
    );
  });

  it('is no test where nothing acted or nothing is known', () => {
    expect(differenceSentence({ ...DIFFERENCE, mean: 0, verdict: 'never-acted' }, ALPHA)).toBe(
      'B ends exactly where A does in all 3 pairs: what was varied never acted, so there is nothing to test.',
    );
    expect(differenceSentence({ ...DIFFERENCE, n: 0, mean: null, verdict: 'no-data' }, ALPHA)).toBe(
      'Of B against A not one pair of runs is known.',
    );
    expect(differenceSentence({ ...DIFFERENCE, holm: null, verdict: 'not-declared' }, ALPHA)).toMatch(
      /; the comparison does not declare it, so it is not tested\.$/,
    );
  });

  it('writes p and nats as papers do', () => {
    expect([0.25, 0.0625, 0.03125, 0.05, 0.0022, 0.00005, 1].map((p) => pText(p, ALPHA))).toEqual([
      '.25',
      '.063',
      '.031',
      '.05',
      '.0022',
      '< .0001',
      '1',
    ]);
    expect([1.23456, 0.5, -0.01234, 0.00001, 0].map((nats) => natsText(nats))).toEqual([
      '+1.23',
      '+0.500',
      '−0.0123',
      '+0.00001',
      '+0.0000',
    ]);
    expect(
      verdictCounts(['significant', 'never-acted', 'cannot-be-significant', 'cannot-be-significant', 'not-declared']),
    ).toBe('4 tests: 1 significant, 2 not attainable at this n, 1 that never acted');
    expect(verdictCounts(['not-declared'])).toBe('no declared comparison');
  });
});

describe('what rounding would hide', () => {
  it('is the sign of a difference, and on which side of nothing its interval lies', () => {
    const small = { ...DIFFERENCE, mean: -2.8e-6, interval: { lower: -4.4e-6, upper: -1.2e-6, confidence: 0.95 } };
    expect(differenceText(small)).toBe('\u22120.000003 [\u22120.000004, \u22120.000001]');
    expect(differenceSentence(small, ALPHA)).toMatch(
      /^B ends 0\.000003 nats lower than A \[\u22120\.000004, \u22120\.000001\]/,
    );
    const narrow = { mean: 0.01234, interval: { lower: 0.01231, upper: 0.01238, confidence: 0.95 } };
    expect(differenceText(narrow)).toBe('+0.01234 [+0.01231, +0.0124]');
    expect(differenceSentence({ ...DIFFERENCE, mean: 0, interval: null }, ALPHA)).toMatch(
      /^B ends on average exactly where A does \(n = 3 pairs\)/,
    );
  });

  it('is on which side of its level a p lies, and that no chance is a certainty', () => {
    expect([0.0500001, 0.0499999, 0.05, 0.9999].map((p) => pText(p, ALPHA))).toEqual([
      '.0500001',
      '.0499999',
      '.05',
      '.9999',
    ]);
    expect([pText(0.00004, 0.00003), levelText(0.00003), levelText(0.0125)]).toEqual(['.00004', '.00003', '.0125']);
  });

  it('is never lost from a difference with its interval', () => {
    const read = (text: string) => Number(text.replace('\u2212', '-').replaceAll(',', ''));
    const number = fc.tuple(fc.integer({ min: -99_999, max: 99_999 }), fc.integer({ min: -12, max: 0 }));
    fc.assert(
      fc.property(number, fc.integer({ min: 1, max: 99_999 }), ([digits, power], half) => {
        const [lower, mean, upper] = [digits - half, digits, digits + half].map((end) => end * 10 ** power) as [
          number,
          number,
          number,
        ];
        const text = differenceText({ mean, interval: { lower, upper, confidence: 0.95 } });
        const [printed, low, high] = /^(\S+) \[(\S+), (\S+)\]$/.exec(text)!.slice(1).map(read) as [
          number,
          number,
          number,
        ];
        expect(low < printed && printed < high, text).toBe(true);
        for (const [value, shown] of [
          [mean, printed],
          [lower, low],
          [upper, high],
        ] as const)
          expect(Math.sign(shown) || 0, text).toBe(Math.sign(value) || 0);
      }),
    );
  });
});

describe('the axis of differences', () => {
  const differences = fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 1, maxLength: 30 });

  it('holds every value and zero, with ticks that rise, lie inside, and include zero', () => {
    fc.assert(
      fc.property(differences, (values) => {
        const { scale, ticks } = differenceScale(values);
        const [low, high] = scale['domain'] as [number, number];
        expect(low).toBeLessThanOrEqual(Math.min(0, ...values));
        expect(high).toBeGreaterThanOrEqual(Math.max(0, ...values));
        expect(ticks).toEqual([...new Set(ticks)].sort((a, b) => a - b));
        expect(ticks.every((tick) => tick >= low && tick <= high)).toBe(true);
        expect(ticks).toContain(0);
        expect(ticks.length).toBeLessThanOrEqual(9);
      }),
    );
  });

  it('is linear where differences are of one size, and symmetric-logarithmic where they span several', () => {
    expect(differenceScale([-0.001, 0.002, 0.004])).toMatchObject({ isLog: false });
    expect(differenceScale([0.001, 0.0012, 0.5])).toMatchObject({
      isLog: true,
      scale: { type: 'symlog', constant: 0.001 },
    });
  });
});
