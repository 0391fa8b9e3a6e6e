/**
 * The functions of docs/exact-arithmetic.md in plain JavaScript, rounded after every operation: written apart from
 * src/compute/runtimes/exact/functions.ts, to compare with.
 */
const { fround } = Math;
const FLOATS = new Float32Array(1);
const BITS = new Int32Array(FLOATS.buffer);

const bitsOf = (x: number): number => {
  FLOATS[0] = x;
  return BITS[0]!;
};
const floatOf = (bits: number): number => {
  BITS[0] = bits;
  return FLOATS[0]!;
};
const add = (a: number, b: number): number => fround(a + b);
const sub = (a: number, b: number): number => fround(a - b);
const mul = (a: number, b: number): number => fround(a * b);
const div = (a: number, b: number): number => fround(a / b);
/** @param c bits of the next coefficient */
const horner = (sum: number, x: number, c: number): number => add(mul(sum, x), floatOf(c));

const LOG2_E = fround(Math.LOG2E);
/** 1.5 * 2^23: a number below 2^22 that is added to it is rounded to an integer, which stands in the lowest bits. */
const ROUNDING = 12582912;
/** ln 2 in 10 bits, so that its products with integers up to 2^14 are exact, and the rest. */
const LN2_HIGH = 0.693359375;
const LN2_LOW = floatOf(0xb95e8083 | 0);
const EXP_LEAST = fround(-87.33654);
const EXP_LARGEST = fround(88.72283);

export function exp(x: number): number {
  if (x < EXP_LEAST) return 0;
  if (!(x <= EXP_LARGEST)) return add(x, Infinity);
  const shifted = add(mul(x, LOG2_E), ROUNDING);
  const n = sub(shifted, ROUNDING);
  const r = sub(sub(x, mul(n, LN2_HIGH)), mul(n, LN2_LOW));
  let p = floatOf(0x3ab51e82);
  for (const c of [0x3c091c2b, 0x3d2aac5f, 0x3e2aaa4a, 0x3efffffe, 0x3f800000, 0x3f800000]) p = horner(p, r, c);
  return floatOf((bitsOf(p) + (bitsOf(shifted) << 23)) | 0);
}

export function sigmoid(x: number): number {
  return div(1, add(1, exp(-x)));
}

export function silu(x: number): number {
  return mul(x, sigmoid(x));
}

export function gelu(x: number): number {
  const cubic = mul(mul(x, x), floatOf(0x3d922279));
  return mul(x, sigmoid(mul(x, add(cubic, floatOf(0x3fcc422a)))));
}

export function rsqrt(x: number): number {
  return div(1, fround(Math.sqrt(x)));
}

export function log(x: number): number {
  if (x === 0) return -Infinity;
  if (!(x > 0)) return NaN;
  if (x === Infinity) return x;
  const subnormal = x < 2 ** -126;
  const bits = bitsOf(subnormal ? mul(x, 2 ** 23) : x) + (0x3f800000 - 0x3f3504f3);
  const k = sub(bits >>> 23, subnormal ? 150 : 127);
  const f = sub(floatOf((bits & 0x007fffff) + 0x3f3504f3), 1);
  const s = div(f, add(f, 2));
  const z = mul(s, s);
  let p = floatOf(0x3e98eff5);
  for (const c of [0x3eccaf6d, 0x3f2aaabd]) p = horner(p, z, c);
  p = mul(p, z);
  const square = mul(mul(f, 0.5), f);
  // s (square + p) - square + f = log(1 + f)
  const rest = add(mul(s, add(square, p)), mul(k, LN2_LOW));
  return add(mul(k, LN2_HIGH), add(f, sub(rest, square)));
}

export function erf(x: number): number {
  const a = Math.abs(x);
  return x < 0 || Object.is(x, -0) ? -erfOfMagnitude(a) : erfOfMagnitude(a);
}

function erfOfMagnitude(a: number): number {
  if (a <= 1.125) {
    const z = mul(a, a);
    let p = floatOf(0x3894221a);
    for (const c of [0xba4b9370, 0x3ba91765, 0xbcdbddee, 0x3de714c2, 0xbec09397, 0x3e0375d4]) p = horner(p, z, c);
    return add(a, mul(a, p));
  }
  let root = floatOf(0x3a28848f);
  for (const c of [0xbbab63d1, 0x3cc5e144, 0xbd51fcb3, 0x3dd5c040, 0x3c9beff9, 0x3e33e84e, 0x3f7e226b])
    root = horner(root, a, c);
  const power2 = mul(root, root);
  const power4 = mul(power2, power2);
  return sub(1, div(1, mul(power4, power4)));
}
