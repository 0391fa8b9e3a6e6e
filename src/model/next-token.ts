/** Sequences as a decoder reads them: each token, and the one that follows it as the target. */
import type { DecoderShape } from './decoder/family.ts';

export type NextTokens = Record<'tokens' | 'targets', Int32Array>;

/**
 * @param rows batch x (sequence + 1) token ids, row-major
 * @param into where the batch x sequence tokens and targets are written; new arrays if left out
 * @throws RangeError if the rows are no batch of that shape
 */
export function splitNextTokens(
  rows: Int32Array,
  { batch, sequence }: DecoderShape,
  into: NextTokens = { tokens: new Int32Array(batch * sequence), targets: new Int32Array(batch * sequence) },
): NextTokens {
  if (rows.length !== batch * (sequence + 1))
    throw new RangeError(`${rows.length} tokens are no ${batch} x ${sequence + 1}.`);
  for (let row = 0; row < batch; row++) {
    const start = row * (sequence + 1);
    into.tokens.set(rows.subarray(start, start + sequence), row * sequence);
    into.targets.set(rows.subarray(start + 1, start + 1 + sequence), row * sequence);
  }
  return into;
}
