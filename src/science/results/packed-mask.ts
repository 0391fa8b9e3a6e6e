/** A mask in one bit per weight: the masks of all seeds of a round fit the memory that one takes in its file. */
import { createHash } from 'node:crypto';
import type { Masks } from '../../model/language-model.ts';

/** The positions of one tensor that are kept. */
export interface PackedTensor {
  weights: number;
  kept: number;
  /** Bit i % 32 of word i / 32 is set where weight i is kept. */
  words: Uint32Array;
}

/** By tensor name. */
export type PackedMask = Map<string, PackedTensor>;

export function packMask(masks: Masks): PackedMask {
  return new Map(
    [...masks].map(([name, { data }]) => {
      const words = new Uint32Array(Math.ceil(data.length / 32));
      let kept = 0;
      for (let i = 0; i < data.length; i++) {
        if (data[i] === 0) continue;
        words[i >>> 5]! |= 1 << (i & 31);
        kept++;
      }
      return [name, { weights: data.length, kept, words }];
    }),
  );
}

/** How many positions are kept in both. */
export function keptInBoth(a: PackedTensor, b: PackedTensor): number {
  let count = 0;
  for (let i = 0; i < a.words.length; i++) count += bitCount(a.words[i]! & b.words[i]!);
  return count;
}

/** Whether two masks are of the same tensors, of the same sizes. */
export function sameTensors(a: PackedMask, b: PackedMask): boolean {
  return a.size === b.size && [...a].every(([name, { weights }]) => b.get(name)?.weights === weights);
}

/** The same for masks that keep the same positions of the same tensors, and for no others. */
export function maskDigest(mask: PackedMask): string {
  const hash = createHash('sha256');
  for (const [name, { weights, words }] of mask) hash.update(JSON.stringify([name, weights])).update(words);
  return hash.digest('hex');
}

/** Set bits of a 32-bit word, counted in parallel (Warren, Hacker's Delight, 5-1). */
function bitCount(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
