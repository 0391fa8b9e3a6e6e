/** Numbers as text: what rounding may change, and what it must not. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimal, exactPercent, percent, signed, significant } from '../../src/base/number-text.ts';

/** The number that a reader takes the text for. */
const read = (text: string) =>
  Number(text.replace('\u2212', '-').replaceAll(',', '').replace(' %', '').replace('+', ''));

/** Measured numbers of all sizes, with neighbours that only the last digits tell apart. */
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 }),
  fc.constantFrom(0, -0, 0.05, 1, 0.01, -2.8e-6, 1e-12, -1e-300, 8.2e307, 1023 / 1024),
);
const pair = fc.oneof(
  fc.tuple(number, number),
  fc.tuple(number, fc.double({ min: 0.999_999, max: 1.000_001, noNaN: true })).map(([a, factor]) => [a, a * factor]),
) as fc.Arbitrary<[number, number]>;
const digits = fc.integer({ min: 0, max: 6 });

describe('a number as text', () => {
  it('keeps its sign, and is 0 only if it is', () => {
    fc.assert(
      fc.property(number, digits, (value, decimals) => {
        for (const text of [decimal(value, decimals), signed(value, decimals), significant(value, decimals)])
          expect(Math.sign(read(text)) || 0, text).toBe(Math.sign(value) || 0);
        expect(decimal(value, decimals)).not.toMatch(/^[\u2212-]0(\.0*)?$/);
      }),
    );
  });

  it('lies on the same side of what it is told apart from, and both are printed in their order', () => {
    fc.assert(
      fc.property(pair, digits, digits, ([a, b], few, more) => {
        fc.pre(Math.abs(a - b) > 1e-12 * Math.max(Math.abs(a), Math.abs(b)));
        const [textA, textB] = [decimal(a, few, [b]), decimal(b, more, [a])];
        expect(Math.sign(read(textA) - b) || 0, textA).toBe(Math.sign(a - b) || 0);
        expect(Math.sign(read(textA) - read(textB)) || 0, `${textA} ${textB}`).toBe(Math.sign(a - b) || 0);
        const figures = significant(a, few, [b]);
        expect(Math.sign(Number(figures) - b) || 0, figures).toBe(Math.sign(a - b) || 0);
      }),
    );
  });

  it('is 100 % only if it is all, and 0 % only if it is nothing', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), digits, (share, decimals) => {
        const text = percent(share, decimals);
        expect(read(text) === 100, text).toBe(share === 1);
        expect(read(text) === 0, text).toBe(share === 0);
      }),
    );
    expect([percent(1023 / 1024, 0), percent(0.0004, 0), percent(0.99999), percent(1, 0), percent(12 / 13, 0)]).toEqual(
      ['99.9 %', '0.04 %', '99.999 %', '100 %', '92 %'],
    );
  });

  it('has the digits that were asked for where they are enough', () => {
    expect([decimal(1234.5, 2), decimal(-0.5, 2), decimal(-0, 2), signed(0, 4), signed(0.5, 2)]).toEqual([
      '1,234.50',
      '\u22120.50',
      '0.00',
      '+0.0000',
      '+0.50',
    ]);
    expect([signed(-2.8e-6, 4), decimal(0.00999, 3, [0.01]), decimal(1.001, 2, [1]), decimal(8.2e307, 2)]).toEqual([
      '\u22120.000003',
      '0.00999',
      '1.001',
      '8.2e307',
    ]);
    expect([decimal(0.01 - 1e-17, 3, [0.01]), percent(1 - 2 ** -53)]).toEqual(['0.010', '99.99999999999999 %']);
    expect([decimal(0, 4, [5e-324]), decimal(5e-324, 4, [0])]).toEqual(['0.0000', '4.9e-324']);
    expect([decimal(2.84e-12, 4), decimal(Infinity, 2), exactPercent(0.955), exactPercent(0.145)]).toEqual([
      '2.8e-12',
      '∞',
      '95.5 %',
      '14.5 %',
    ]);
    expect([significant(0.0500001, 2, [0.05]), significant(12.345, 3), significant(0.999999, 4, [1])]).toEqual([
      '0.0500001',
      '12.3',
      '0.999999',
    ]);
  });
});
