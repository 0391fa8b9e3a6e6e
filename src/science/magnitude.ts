/** Weights by magnitude: the largest of a set, and a value's rank. */

/**
 * Indices of the largest |data[index]| among those offered, by falling magnitude; ties go to the one offered first.
 */
export function largestMagnitudes(data: Float32Array, indices: Iterable<number>, count: number): number[] {
  const largest: number[] = [];
  for (const index of indices) {
    const magnitude = Math.abs(data[index]!);
    if (largest.length === count && (count === 0 || magnitude <= Math.abs(data[largest.at(-1)!]!))) continue;
    let place = largest.length;
    while (place > 0 && Math.abs(data[largest[place - 1]!]!) < magnitude) place -= 1;
    largest.splice(place, 0, index);
    if (largest.length > count) largest.pop();
  }
  return largest;
}

/** Magnitude rank of a value among tensors: 1 + how many weights are larger; equal weights share a rank. */
export function magnitudeRank(value: number, tensors: Iterable<Float32Array>): number {
  const magnitude = Math.abs(value);
  let larger = 0;
  for (const data of tensors)
    for (let index = 0; index < data.length; index++) if (Math.abs(data[index]!) > magnitude) larger += 1;
  return 1 + larger;
}
