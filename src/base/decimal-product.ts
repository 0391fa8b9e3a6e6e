/**
 * Counts that are a declared share of a number, such as 0.145 of 100 weights. A computer has no 0.145: the product of
 * what it has instead is 14.499999999999998, and rounding that gives 14 where everybody expects 15. So the share is
 * taken as it is written, in decimals, and the product is exact.
 */

/**
 * `share` x `count`, rounded to a whole number; halves are rounded up. What counts of a number is its shortest decimal
 * text, which is what was written unless that had more than 15 digits.
 * @param share finite and not negative
 * @param count finite and not negative
 */
export function decimalProduct(share: number, count: number): number {
  const [[digits, power], [others, otherPower]] = [decimalOf(share), decimalOf(count)];
  const [product, exponent] = [digits * others, power + otherPower];
  if (exponent >= 0) return Number(product * 10n ** BigInt(exponent));
  const unit = 10n ** BigInt(-exponent);
  return Number((2n * product + unit) / (2n * unit));
}

/** The number is digits x 10^exponent. */
function decimalOf(value: number): [digits: bigint, exponent: number] {
  const [mantissa, exponent = '0'] = String(value).split('e') as [string, string?];
  const [whole, part = ''] = mantissa.split('.') as [string, string?];
  return [BigInt(whole + part), Number(exponent) - part.length];
}
