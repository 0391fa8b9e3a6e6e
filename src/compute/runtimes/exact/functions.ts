/**
 * The functions of the exact arithmetic, in the vector language: additions, multiplications, divisions, square roots,
 * integer operations on bits and selects, each rounded as IEEE says, so that their results are the same everywhere.
 * docs/exact-arithmetic.md states them, with their errors; a change here is another version of the arithmetic, as is
 * one of a coefficient (bench/exact-coefficients.ts derives them).
 */
import { GELU } from '../../graph/operation.ts';
import type { Body } from './body.ts';
import type { Variable } from './language.ts';

export type ExactFunction = (body: Body, x: Variable) => Variable;

/** What the docs and the tests read as well. Coefficients are the bits of float32, the lowest power first. */
export const FUNCTION_CONSTANTS = {
  /** 1.5 * 2^23: adding it rounds a number below 2^22 to the nearest integer, ties to even. */
  rounding: 0x4b400000,
  log2e: 0x3fb8aa3b,
  /** ln 2 in 10 bits, whose products with integers up to 2^14 are exact, and what is left of it. */
  ln2: { high: 0x3f318000, low: 0xb95e8083 },
  /** The least x of which exp is a normal number, and the largest of which it is finite. */
  exp: { least: 0xc2aeac4f, largest: 0x42b17217 },
  expCoefficients: [0x3f800000, 0x3f800000, 0x3efffffe, 0x3e2aaa4a, 0x3d2aac5f, 0x3c091c2b, 0x3ab51e82],
  logCoefficients: [0x3f2aaabd, 0x3eccaf6d, 0x3e98eff5],
  /** Up to where the first polynomial of erf serves. */
  erfThreshold: 0x3f900000,
  erfCoefficients: [0x3e0375d4, 0xbec09397, 0x3de714c2, 0xbcdbddee, 0x3ba91765, 0xba4b9370, 0x3894221a],
  erfRootCoefficients: [
    ...[0x3f7e226b, 0x3e33e84e, 0x3c9beff9, 0x3dd5c040],
    ...[0xbd51fcb3, 0x3cc5e144, 0xbbab63d1, 0x3a28848f],
  ],
} as const;

const SIGN = 0x80000000;
const MAGNITUDE = 0x7fffffff;
const FRACTION = 0x007fffff;
const ONE = 0x3f800000;
/** Bits of the square root of 1/2: where log divides its argument into a power of 2 and a factor around 1. */
const ROOT_HALF = 0x3f3504f3;
const LEAST_NORMAL = 2 ** -126;
const { rounding, log2e, ln2, ...SHAPES } = FUNCTION_CONSTANTS;

/** ((c_n x + c_n-1) x + ..) x + c_0 */
function polynomial(body: Body, x: Variable, coefficients: readonly number[]): Variable {
  return coefficients
    .slice(0, -1)
    .reduceRight((sum, bits) => body.add(body.mul(sum, x), body.bits(bits)), body.bits(coefficients.at(-1)!));
}

/**
 * exp(x), or exp(-x) with the same bits and no instruction for the sign: what is odd in x has its sign in constants.
 */
function exponential(body: Body, x: Variable, negated: boolean): Variable {
  const { shifted, p } = reduced(body, x, negated, 0);
  const scaled = body.addInteger(p, body.shiftLeft(shifted, 23));
  const infinity = body.constant(Infinity);
  const [least, largest] = bounds(body, negated);
  const vanishes = negated ? body.less(least, x) : body.less(x, least);
  const finite = negated ? body.lessOrEqual(largest, x) : body.lessOrEqual(x, largest);
  // What is not finite includes NaN, which the sum keeps.
  const beyond = negated ? body.sub(infinity, x) : body.add(infinity, x);
  return body.select(finite, body.select(vanishes, body.constant(0), scaled), beyond);
}

/**
 * x = n ln 2 + r.
 * @returns `shifted`, which has n in its lowest bits, and p = exp(r) / 2^halvings
 */
function reduced(body: Body, x: Variable, negated: boolean, halvings: number): { shifted: Variable; p: Variable } {
  const sign = negated ? SIGN : 0;
  // The bias is even, so that ties go to the same integers whatever it is.
  const magic = body.bits(rounding + 128 * halvings);
  const shifted = body.add(body.mul(x, body.bits((log2e ^ sign) >>> 0)), magic);
  const n = body.sub(shifted, magic);
  const part = (bits: number): Variable => body.mul(n, body.bits((bits ^ sign) >>> 0));
  const r = body.sub(body.sub(x, part(ln2.high)), part(ln2.low));
  const coefficients = SHAPES.expCoefficients.map(
    (bits, power) => ((power % 2 === 1 ? bits ^ sign : bits) - (halvings << 23)) >>> 0,
  );
  return { shifted, p: polynomial(body, r, coefficients) };
}

function bounds(body: Body, negated: boolean): [least: Variable, largest: Variable] {
  const sign = negated ? SIGN : 0;
  return [body.bits((SHAPES.exp.least ^ sign) >>> 0), body.bits((SHAPES.exp.largest ^ sign) >>> 0)];
}

/** 2^n (1 + c_1 r + .. + c_6 r^6); +0 where the result would be below the least normal number. */
export const exp: ExactFunction = (body, x) => exponential(body, x, false);

/** The same bits as `exp` where x is not above 0, or NaN, in fewer instructions: what a softmax needs. */
export const expOfNonPositive: ExactFunction = (body, x) => {
  // p / 2 times 2^(n + 1): both are normal numbers, both steps exact, and NaN stays.
  const { shifted, p } = reduced(body, x, false, 1);
  const scaled = body.mul(p, body.shiftLeft(shifted, 23));
  return body.select(body.less(x, bounds(body, false)[0]), body.constant(0), scaled);
};

/** 1 / (1 + exp(-x)) */
export const sigmoid: ExactFunction = (body, x) => {
  const one = body.constant(1);
  return body.div(one, body.add(one, exponential(body, x, true)));
};

/** x sigmoid(x) */
export const silu: ExactFunction = (body, x) => body.mul(x, sigmoid(body, x));

/** The argument of gelu's sigmoid: x (scale + (scale cubic) (x x)), both constants rounded. */
export const geluArgument: ExactFunction = (body, x) => {
  const cubic = body.mul(body.mul(x, x), body.constant(GELU.scale * GELU.cubic));
  return body.mul(x, body.add(cubic, body.constant(GELU.scale)));
};

/** x sigmoid(geluArgument(x)) */
export const gelu: ExactFunction = (body, x) => body.mul(x, sigmoid(body, geluArgument(body, x)));

/** 1 / sqrt(x) */
export const rsqrt: ExactFunction = (body, x) => body.div(body.constant(1), body.sqrt(x));

/** x = 2^k (1 + f), log(1 + f) = 2 artanh(f / (2 + f)). */
export const log: ExactFunction = (body, x) => {
  const subnormal = body.less(x, body.constant(LEAST_NORMAL));
  const normal = body.select(subnormal, body.mul(x, body.constant(2 ** 23)), x);
  const bits = body.addInteger(normal, body.bits(ONE - ROOT_HALF));
  const bias = body.select(subnormal, body.constant(127 + 23), body.constant(127));
  const k = body.sub(body.toFloat(body.shiftRight(bits, 23)), bias);
  const one = body.constant(1);
  const f = body.sub(body.addInteger(body.and(bits, body.bits(FRACTION)), body.bits(ROOT_HALF)), one);
  const s = body.div(f, body.add(f, body.constant(2)));
  const z = body.mul(s, s);
  const p = body.mul(polynomial(body, z, SHAPES.logCoefficients), z);
  const square = body.mul(body.mul(f, body.constant(0.5)), f);
  const rest = body.add(body.mul(s, body.add(square, p)), body.mul(k, body.bits(ln2.low)));
  const sum = body.add(body.mul(k, body.bits(ln2.high)), body.add(f, body.sub(rest, square)));
  const infinity = body.constant(Infinity);
  // Of 0, of what is below it, and of NaN.
  const outside = body.select(body.equal(x, body.constant(0)), body.constant(-Infinity), body.constant(NaN));
  const inside = body.select(body.equal(x, infinity), infinity, sum);
  return body.select(body.less(body.constant(0), x), inside, outside);
};

/** x + x (c_0 + c_1 x^2 + ..) up to a threshold, 1 - (d_0 + d_1 x + ..)^-8 above it, with the sign of x. */
export const erf: ExactFunction = (body, x) => {
  const magnitude = body.and(x, body.bits(MAGNITUDE));
  const z = body.mul(magnitude, magnitude);
  const near = body.add(magnitude, body.mul(magnitude, polynomial(body, z, SHAPES.erfCoefficients)));
  const root = polynomial(body, magnitude, SHAPES.erfRootCoefficients);
  const power2 = body.mul(root, root);
  const power4 = body.mul(power2, power2);
  const power8 = body.mul(power4, power4);
  const one = body.constant(1);
  const far = body.sub(one, body.div(one, power8));
  const isNear = body.lessOrEqual(magnitude, body.bits(SHAPES.erfThreshold));
  return body.or(body.select(isNear, near, far), body.and(x, body.bits(SIGN)));
};
