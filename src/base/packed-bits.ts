/** One bit per element, eight in a byte, the first in the lowest bit: what numpy calls `bitorder="little"`. */

/** Bytes that so many bits take. */
export function packedLength(bits: number): number {
  return Math.ceil(bits / 8);
}

/**
 * @param values 0, or anything else for 1
 * @returns [packedLength(values.length)]; the bits after the last value are 0
 */
export function packBits(values: ArrayLike<number>): Uint8Array {
  const packed = new Uint8Array(packedLength(values.length));
  for (let index = 0; index < values.length; index++) if (values[index] !== 0) packed[index >>> 3]! |= 1 << (index & 7);
  return packed;
}

/** @returns [length] of 0 and 1 */
export function unpackBits(packed: Uint8Array, length: number): Uint8Array {
  const values = new Uint8Array(length);
  for (let index = 0; index < length; index++) values[index] = (packed[index >>> 3]! >>> (index & 7)) & 1;
  return values;
}
