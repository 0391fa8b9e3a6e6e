/**
 * Whether this thread computes as IEEE 754 says: with subnormal numbers, those nearer to 0 than 2.2e-308 (1.2e-38 in
 * float32), and rounding to nearest. A processor can be told otherwise for a thread, native libraries do so for speed,
 * and JavaScript then computes in that way too.
 */

/** In memory, and not in the code: a compiler would work out there what these come to. */
const numbers = Float64Array.of(Number.MIN_VALUE, 1, 2 ** -54, 3 * 2 ** -54);

export function computesAsIeee(): boolean {
  const [subnormal, one, quarter, threeQuarters] = numbers as unknown as [number, number, number, number];
  // Quarters of what 1 differs by from the next number.
  return subnormal * one !== 0 && one + quarter === 1 && one + threeQuarters === 1 + Number.EPSILON;
}
