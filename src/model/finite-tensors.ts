/**
 * Numbers that are not finite. Weights or moments that hold one are no result: the training has diverged, and whatever
 * would be made of them is as wrong.
 */
import type { Tensor } from './language-model.ts';

/**
 * What is wrong with tensors that hold a NaN or an infinity: how many, and where the first one is.
 * @returns without a full stop; undefined if all numbers are finite
 */
export function nonFiniteNumbers(tensors: Iterable<readonly [name: string, tensor: Tensor]>): string | undefined {
  let [all, broken] = [0, 0];
  let first: string | undefined;
  for (const [name, { shape, data }] of tensors) {
    if (!(data instanceof Float32Array)) continue;
    all += data.length;
    for (let index = 0; index < data.length; index++) {
      if (Number.isFinite(data[index])) continue;
      broken += 1;
      first ??= `${data[index]}, at [${placeIn(shape, index).join(', ')}] of ${name}`;
    }
  }
  if (first === undefined) return undefined;
  return broken === 1
    ? `One of ${all} numbers is not finite: it is ${first}`
    : `${broken} of ${all} numbers are not finite: the first is ${first}`;
}

/** Indices along the axes of the number at a flat index. */
export function placeIn(shape: readonly number[], index: number): number[] {
  const place: number[] = [];
  for (const length of shape.toReversed()) {
    place.unshift(index % length);
    index = Math.floor(index / length);
  }
  return place;
}
