/** Cuts any number of sequences into the fixed batches that a model of static shape takes. */
import type { LanguageModel } from './language-model.ts';

export interface FixedBatch {
  /** batch x (sequence + 1) token ids, row-major. */
  tokens: Int32Array;
  /** Index of the batch's first sequence. */
  first: number;
  /** How many leading rows are sequences; the rest repeat earlier ones and must be ignored. */
  count: number;
}

/**
 * @param tokens any number of rows of sequence + 1 token ids
 * @throws Error if the tokens are no whole rows, or none
 */
export function fixedBatches(
  tokens: Int32Array,
  { batch, sequence }: Pick<LanguageModel, 'batch' | 'sequence'>,
): FixedBatch[] {
  const row = sequence + 1;
  const sequences = tokens.length / row;
  if (!Number.isInteger(sequences) || sequences === 0)
    throw new Error(`${tokens.length} tokens are no whole sequences of ${row}.`);
  return Array.from({ length: Math.ceil(sequences / batch) }, (_, index) => {
    const first = index * batch;
    const count = Math.min(batch, sequences - first);
    const padded = new Int32Array(batch * row);
    for (let place = 0; place < batch; place++) {
      const source = first + (place % count);
      padded.set(tokens.subarray(source * row, (source + 1) * row), place * row);
    }
    return { tokens: padded, first, count };
  });
}
