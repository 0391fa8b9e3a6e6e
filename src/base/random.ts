/**
 * Named, deterministic random streams.
 *
 * A stream is a pure function of (seed, name, indices): the SHA-256 of their canonical JSON is the state of a
 * xoroshiro128+ generator. Streams of different names or indices are unrelated, so drawing more from one (say,
 * controls) never shifts another (say, training data), and experiments that share a seed stay paired.
 */
import { createHash } from 'node:crypto';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import { log } from './stated-math.ts';

const TWO_32 = 2 ** 32;

/**
 * @param seed a non-negative safe integer
 * @param name what the draws are for, e.g. `train-data`; never an experiment's name
 * @param indices e.g. the training step: one generator per index costs about 5 microseconds
 * @throws RangeError if a number is no non-negative safe integer
 */
export function stream(seed: number, name: string, ...indices: number[]): RandomStream {
  for (const number of [seed, ...indices])
    if (!Number.isSafeInteger(number) || number < 0)
      throw new RangeError(`${number} is no seed or index: a non-negative integer is needed.`);
  // For an array of integers and strings JSON.stringify is RFC 8785's canonical form.
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, name, ...indices]))
    .digest();
  const state = [0, 4, 8, 12].map((offset) => digest.readInt32LE(offset));
  return new RandomStream(xoroshiro128plusFromState(state));
}

export class RandomStream {
  readonly #generator: RandomGenerator;
  /** The second of the two normals that one polar draw gives. */
  #spareNormal: number | undefined;

  constructor(generator: RandomGenerator) {
    this.#generator = generator;
  }

  /** Uniform in [0, 1), a multiple of 2^-53. */
  uniform(): number {
    const high = this.#generator.next() >>> 5;
    const low = this.#generator.next() >>> 6;
    return (high * 2 ** 26 + low) * 2 ** -53;
  }

  /** Standard normal, by Marsaglia's polar method: only `sqrt` and `log`, no trigonometry that differs by platform. */
  normal(): number {
    if (this.#spareNormal !== undefined) {
      const spare = this.#spareNormal;
      this.#spareNormal = undefined;
      return spare;
    }
    for (;;) {
      const x = 2 * this.uniform() - 1;
      const y = 2 * this.uniform() - 1;
      const square = x * x + y * y;
      if (square === 0 || square >= 1) continue;
      const factor = Math.sqrt((-2 * log(square)) / square);
      this.#spareNormal = y * factor;
      return x * factor;
    }
  }

  /** Uniform in 0 .. count - 1, without bias. `count` is at most 2^32. */
  integer(count: number): number {
    const limit = TWO_32 - (TWO_32 % count);
    for (;;) {
      const draw = this.#generator.next() >>> 0;
      if (draw < limit) return draw % count;
    }
  }

  /**
   * An index drawn from a distribution.
   * @param cumulative non-decreasing cumulative probabilities; the last is 1. Entries that add nothing are never drawn.
   */
  categorical(cumulative: ArrayLike<number>): number {
    const draw = this.uniform();
    let low = 0;
    let high = cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (draw < cumulative[middle]!) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
