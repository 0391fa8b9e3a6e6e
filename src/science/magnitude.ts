/** Weights by magnitude: the largest of a set, and a value's rank. */

/**
 * Indices of the largest |data[index]| among those offered, by falling magnitude; ties go to the one offered first.
 * @param eligible asked only of those that are large enough; all are by default
 */
export function largestMagnitudes(
  data: Float32Array,
  indices: Iterable<number>,
  count: number,
  eligible: (index: number) => boolean = () => true,
): number[] {
  const largest: number[] = [];
  for (const index of indices) {
    const magnitude = Math.abs(data[index]!);
    if (largest.length === count && (count === 0 || magnitude <= Math.abs(data[largest.at(-1)!]!))) continue;
    if (!eligible(index)) continue;
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

/** The same for many values, in one pass over the tensors. */
export function magnitudeRanks(values: readonly number[], tensors: Iterable<Float32Array>): number[] {
  const limits = Float64Array.from(new Set(values.map(Math.abs))).sort();
  const smallest = limits[0] ?? Infinity;
  /** By limit: how many weights are larger than it, and not larger than the next. */
  const larger = new Float64Array(limits.length);
  for (const data of tensors)
    for (let index = 0; index < data.length; index++) {
      const magnitude = Math.abs(data[index]!);
      if (!(magnitude > smallest)) continue;
      let [below, above] = [0, limits.length];
      while (above - below > 1) {
        const middle = (below + above) >> 1;
        if (limits[middle]! < magnitude) below = middle;
        else above = middle;
      }
      larger[below]! += 1;
    }
  for (let limit = limits.length - 2; limit >= 0; limit--) larger[limit]! += larger[limit + 1]!;
  return values.map((value) => 1 + larger[limits.indexOf(Math.abs(value))]!);
}
