/**
 * The k-th smallest magnitude of many weights, without sorting or copying them: a histogram of the upper half of the
 * bits of |w|, and one of the lower half where the k-th falls. Bit patterns of float32 numbers that are not negative
 * order as the numbers do, so the threshold is exact.
 */

/** So many low bits of the 31 of a magnitude are looked at in the second pass. */
const LOW_BITS = 15;
const HIGH_VALUES = 1 << (31 - LOW_BITS);
const LOW_VALUES = 1 << LOW_BITS;

/** Weights of which some are left out. */
export interface RankedTensor {
  /** Finite numbers. */
  data: Float32Array;
  /** [data.length], 0 = left out. */
  mask: Uint8Array;
  /** Flat indices that are left out besides. */
  except: ReadonlySet<number>;
}

export interface MagnitudeThreshold {
  /** Bits of the count-th smallest magnitude, without the sign. */
  bits: number;
  /** How many of the weights with exactly this magnitude are among the count smallest. */
  ties: number;
}

/** All bits of a float32 number but the sign: as integers they order as magnitudes do. */
export const MAGNITUDE_BITS = 0x7fffffff;

/** The bits of float32 numbers. */
export function bitsOf({ buffer, byteOffset, length }: Float32Array): Int32Array {
  return new Int32Array(buffer, byteOffset, length);
}

/** The number of these bits. */
export function numberOf(bits: number): number {
  return new Float32Array(Int32Array.of(bits).buffer)[0]!;
}

/**
 * @param count 1 to the number of weights that are not left out
 * @throws RangeError if there are fewer
 */
export function magnitudeThreshold(tensors: readonly RankedTensor[], count: number): MagnitudeThreshold {
  const high = new Uint32Array(HIGH_VALUES);
  for (const tensor of tensors) countHigh(tensor, high);
  const upper = reach(high, count);
  const low = new Uint32Array(LOW_VALUES);
  for (const tensor of tensors) countLow(tensor, upper.value, low);
  const lower = reach(low, upper.left);
  return { bits: (upper.value << LOW_BITS) | lower.value, ties: lower.left };
}

function countHigh({ data, mask, except }: RankedTensor, counts: Uint32Array): void {
  const bits = bitsOf(data);
  for (let index = 0; index < bits.length; index++)
    if (mask[index] !== 0) counts[(bits[index]! & MAGNITUDE_BITS) >>> LOW_BITS]! += 1;
  for (const index of except) if (mask[index] !== 0) counts[(bits[index]! & MAGNITUDE_BITS) >>> LOW_BITS]! -= 1;
}

function countLow({ data, mask, except }: RankedTensor, high: number, counts: Uint32Array): void {
  const bits = bitsOf(data);
  const first = high << LOW_BITS;
  for (let index = 0; index < bits.length; index++) {
    const low = (bits[index]! & MAGNITUDE_BITS) - first;
    if (low >= 0 && low < LOW_VALUES && mask[index] !== 0) counts[low]! += 1;
  }
  for (const index of except) {
    const low = (bits[index]! & MAGNITUDE_BITS) - first;
    if (low >= 0 && low < LOW_VALUES && mask[index] !== 0) counts[low]! -= 1;
  }
}

/** The value at which a histogram reaches a count, and how much of the count is left for that value. */
function reach(counts: Uint32Array, count: number): { value: number; left: number } {
  let left = count;
  for (let value = 0; value < counts.length; value++) {
    if (left <= counts[value]!) return { value, left };
    left -= counts[value]!;
  }
  throw new RangeError(`There are fewer than ${count} weights.`);
}
