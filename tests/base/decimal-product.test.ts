/** Shares of whole numbers come out as by hand: the decimals that are written, and halves rounded up. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decimalProduct } from '../../src/base/decimal-product.ts';

it.each([
  [0.145, 100, 15],
  [0.7, 45, 32],
  [0.29, 50, 15],
  [0.575, 100, 58],
  [0.001, 3500, 4],
  [1 / 3, 3, 1],
  [0, 7, 0],
  [-0, 7, 0],
  [1, 7, 7],
  [0.5, 0, 0],
  [5e-324, 2 ** 53, 0],
  [0.1, 25.5, 3],
  [0.001, 1e21, 1e18],
  [1e-7, 5_000_000, 1],
  [2.5e21, 2, 5e21],
  [1e308, 1, 1e308],
])('%d of %d are %d', (share, count, expected) => expect(decimalProduct(share, count)).toBe(expected));

it('any decimal, written plainly or with an exponent, of any count', () => {
  const decimals = fc.tuple(fc.bigInt(0n, 10n ** 15n), fc.integer({ min: -20, max: 6 }), fc.nat(2 ** 31));
  fc.assert(
    fc.property(decimals, ([digits, exponent, count]) => {
      // 2 x digits x 10^exponent x count + 1, halved and cut off.
      const [up, down] = [10n ** BigInt(Math.max(0, exponent)), 10n ** BigInt(Math.max(0, -exponent))];
      const exact = (2n * digits * up * BigInt(count) + down) / (2n * down);
      expect(decimalProduct(Number(`${digits}e${exponent}`), count)).toBe(Number(exact));
    }),
    { numRuns: 500 },
  );
});
