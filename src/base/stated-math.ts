/**
 * Functions in double precision whose bits are the same in every JavaScript engine. ECMAScript leaves open what
 * `Math.exp`, `Math.log`, `Math.cos`, `Math.sin` and `**` return: Node 22 has others on arm64. These are stdlib's ports
 * of FreeBSD's mathematical library, which has no operations but addition, subtraction, multiplication, division and
 * square root, and integer work on the bits. Whatever enters an artifact uses them (docs/exact-arithmetic.md), and
 * ESLint sees to it.
 */
import cosine from '@stdlib/math-base-special-cos';
import exponential from '@stdlib/math-base-special-exp';
import naturalLogarithm from '@stdlib/math-base-special-ln';
import power from '@stdlib/math-base-special-pow';
import sine from '@stdlib/math-base-special-sin';

export const exp: (x: number) => number = exponential;
/** To the base e. */
export const log: (x: number) => number = naturalLogarithm;
export const cos: (x: number) => number = cosine;
export const sin: (x: number) => number = sine;
/** Exact where the base is 2 and the exponent an integer. */
export const pow: (base: number, exponent: number) => number = power;

/** A product: what `x ** 2` is, ECMAScript leaves open, too. */
export function square(x: number): number {
  return x * x;
}
