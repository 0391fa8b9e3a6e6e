/**
 * Rewinding: the weights that a mask keeps go back to values of before, or to fresh ones, and the rest stays 0.
 * Pure functions over weights and masks.
 */
import type { Masks, Weights } from '../model/language-model.ts';
import { stream } from '../base/random.ts';
import { zeros } from './sparsity.ts';
import { applyMasks } from './pruning.ts';
import { randomSample } from './random-sample.ts';

/**
 * Weights with the values of `source` where the masks keep them, and exactly 0 elsewhere.
 * @param source every tensor of the model; those without a mask are taken as they are
 * @throws Error for a mask that fits no tensor
 */
export function rewindTo(source: Weights, masks: Masks): Weights {
  refuseOtherMasks(source, masks);
  return applyMasks(source, masks);
}

/** @throws Error for a mask that fits no tensor */
export function refuseOtherMasks(source: Weights, masks: Masks): void {
  for (const [name, { data }] of masks) {
    const length = source.get(name)?.data.length;
    if (length !== data.length)
      throw new Error(
        `The mask of ${name} has ${data.length} elements, the weights to rewind to have ${length ?? 'no such tensor'}. Check that both are of one model.`,
      );
  }
}

/**
 * Masks that keep as many weights of each tensor, at places drawn uniformly. Each tensor has its own stream, which the
 * number of its pruned weights is part of, so that rounds differ.
 */
export function shuffleMasks(masks: Masks, seed: number): Masks {
  return new Map(
    [...masks].map(([name, { shape, data }]) => {
      const pruned = zeros(data);
      const shuffled = new Uint8Array(data.length).fill(1);
      for (const index of randomSample(data.length, () => true, pruned, stream(seed, `rewind/mask/${name}`, pruned)))
        shuffled[index] = 0;
      return [name, { shape, data: shuffled }];
    }),
  );
}
