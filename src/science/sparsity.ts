/** How much of weights or masks is zero: in a mask, 0 means pruned. */

/** How many of the values are exactly 0. */
export function zeros(values: Float32Array | Uint8Array): number {
  let count = 0;
  for (let index = 0; index < values.length; index++) if (values[index] === 0) count += 1;
  return count;
}

/** Fraction of the weights that ARE zero. */
export function sparsityOf(tensors: Iterable<{ data: Float32Array }>): number {
  let zero = 0;
  let total = 0;
  for (const { data } of tensors) {
    zero += zeros(data);
    total += data.length;
  }
  return total === 0 ? 0 : zero / total;
}
