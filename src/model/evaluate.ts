/** Validation of a language model on held-out sequences: loss, loss by kind of position, retrieval. */
import type { Evaluation } from '../generated/evaluation.ts';
import type { Corpus } from './corpus.ts';
import { fixedBatches } from './fixed-batches.ts';
import type { LanguageModel, OutputOverride } from './language-model.ts';

/**
 * @param corpus what the tokens are sequences of
 * @param tokens rows of model.sequence + 1 token ids
 * @param onBatch called after each forward pass
 * @param overridesOf outputs of down projections to overwrite in the forward pass of the batch of this index
 * @returns everything that an Evaluation says of the predictions; its sparsity is a matter of the weights, what was
 *   overwritten one of the caller
 * @throws Error if the loss is not finite, or if no query in the sample is answerable
 */
export async function evaluate(
  model: LanguageModel,
  corpus: Corpus,
  tokens: Int32Array,
  onBatch: (done: number, total: number) => void = () => {},
  overridesOf: (batch: number) => readonly OutputOverride[] = () => [],
): Promise<Omit<Evaluation, 'sparsity' | 'restored'>> {
  const { sequence } = model;
  const batches = fixedBatches(tokens, model);
  const answerable = corpus.positionKinds.indexOf(corpus.retrievalKind);
  const byKind = corpus.positionKinds.map(() => ({ sum: 0, tokens: 0 }));
  const sequenceLosses: number[] = [];
  let retrieved = 0;
  for (const [index, batch] of batches.entries()) {
    const { losses, predictions } = await model.lossesAndPredictions(batch.tokens, overridesOf(index));
    const kinds = corpus.kindsOf(batch.tokens, sequence);
    for (let row = 0; row < batch.count; row++) {
      let sum = 0;
      for (let position = row * sequence; position < (row + 1) * sequence; position++) {
        const kind = kinds[position]!;
        const loss = losses[position]!;
        sum += loss;
        byKind[kind]!.sum += loss;
        byKind[kind]!.tokens += 1;
        const target = batch.tokens[position + row + 1]; // rows of tokens are one longer than rows of positions
        if (kind === answerable && predictions[position] === target) retrieved += 1;
      }
      sequenceLosses.push(sum / sequence);
    }
    onBatch(index + 1, batches.length);
  }
  const loss = mean(sequenceLosses);
  if (!Number.isFinite(loss)) throw new Error(`The loss of these weights is ${loss}: training has diverged.`);
  const queries = byKind[answerable]!.tokens;
  if (queries === 0)
    throw new Error(
      `None of the ${sequenceLosses.length} sequences has an answerable query: eval.sequences or eval.sequenceLength is too small.`,
    );
  return {
    loss,
    standardError: standardError(sequenceLosses, loss),
    perplexity: Math.exp(loss),
    tokens: sequenceLosses.length * sequence,
    floor: corpus.entropyFloor(sequence),
    byKind: Object.fromEntries(
      corpus.positionKinds.flatMap((kind, index) => {
        const { sum, tokens: count } = byKind[index]!;
        return count === 0 ? [] : [[kind, { loss: sum / count, tokens: count }]];
      }),
    ),
    retrievalAccuracy: retrieved / queries,
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Standard error of the mean over sequences; 0 for a single one, whose spread is unknown. */
function standardError(values: readonly number[], average: number): number {
  if (values.length < 2) return 0;
  const squares = values.reduce((sum, value) => sum + (value - average) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1) / values.length);
}
