/**
 * The 16-bit floating-point formats as float32. Every number of both is one of float32, so that nothing is rounded:
 * F16 is IEEE 754 binary16 (5 bits of exponent, 10 of fraction), BF16 the upper half of a float32.
 */

/** The bits of the float32 that is equal to the number with the given 16 bits. NaNs keep their payload. */
export type HalfFormat = (half: number) => number;

export function bfloat16Bits(half: number): number {
  return (half << 16) >>> 0;
}

export function float16Bits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f800000 | (fraction << 13)) >>> 0;
  if (exponent > 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0; // biases: 127 - 15 = 112
  if (fraction === 0) return sign >>> 0;
  // Subnormal, fraction * 2^-24: in float32 it is normal. Its highest bit becomes the one that is not written.
  const shift = Math.clz32(fraction) - 21;
  return (sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13)) >>> 0;
}

/**
 * Turns 16-bit numbers into float32 in place.
 * @param numbers of whose bytes the second half holds as many 16-bit numbers, little-endian
 */
export function widenHalves(numbers: Float32Array, bits: HalfFormat): void {
  const { buffer, byteOffset, length } = numbers;
  const halves = new Uint16Array(buffer, byteOffset + 2 * length, length);
  const words = new Uint32Array(buffer, byteOffset, length);
  // From the front: a word ends no later than the half that it is made of, so that none is overwritten unread.
  for (let index = 0; index < length; index++) words[index] = bits(halves[index]!);
}
