/** Uniform samples without replacement. */
import type { RandomStream } from '../base/random.ts';

/**
 * The first eligible indices of a random order of 0 .. length - 1, shuffled (Fisher-Yates) only as far as needed. The
 * order depends on the length and the stream alone, so samples that differ in what is eligible differ in little else.
 * @returns `count` indices, or as many as are eligible
 */
export function randomSample(
  length: number,
  eligible: (index: number) => boolean,
  count: number,
  random: Pick<RandomStream, 'integer'>,
): number[] {
  const order = new Int32Array(length);
  for (let index = 0; index < length; index++) order[index] = index;
  const chosen: number[] = [];
  for (let place = 0; place < length && chosen.length < count; place++) {
    const other = place + random.integer(length - place);
    [order[place], order[other]] = [order[other]!, order[place]!];
    if (eligible(order[place]!)) chosen.push(order[place]!);
  }
  return chosen;
}
