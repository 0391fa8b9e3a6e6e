/** Validation of a language model on held-out sequences: loss, loss by kind of position, retrieval. */
import { SwpError } from '../base/failure.ts';
import { sampleMean } from '../base/sample-mean.ts';
import { standardErrorOfMean } from '../base/standard-error.ts';
import type { Evaluation } from '../generated/evaluation.ts';
import type { Corpus } from './corpus.ts';
import { fixedBatches } from './fixed-batches.ts';
import type { LanguageModel, OutputOverride } from './language-model.ts';

export interface EvaluatedSequences {
  /** What an Evaluation says of the predictions. */
  evaluation: Omit<Evaluation, 'sparsity' | 'restored'>;
  /** Mean loss of each sequence, nats per predicted token, in the order of the tokens. */
  sequenceLosses: Float64Array;
}

/**
 * A number that follows from the losses and is not known, or not finite, is null: it costs no other.
 * @param corpus what the tokens are sequences of
 * @param tokens rows of model.sequence + 1 token ids
 * @param onBatch called after each forward pass
 * @param overridesOf outputs of down projections to overwrite in the forward pass of the batch of this index
 * @returns the model's sparsity is a matter of the weights, what was overwritten one of the caller
 * @throws SwpError of kind `not-finite` if the loss of a token is: nothing is then known of these weights
 */
export async function evaluate(
  model: LanguageModel,
  corpus: Corpus,
  tokens: Int32Array,
  onBatch: (done: number, total: number) => void = () => {},
  overridesOf: (batch: number) => readonly OutputOverride[] = () => [],
): Promise<EvaluatedSequences> {
  const { sequence } = model;
  const batches = fixedBatches(tokens, model);
  const answerable = corpus.positionKinds.indexOf(corpus.retrievalKind);
  const byKind = corpus.positionKinds.map(() => ({ sum: 0, tokens: 0 }));
  const sequenceLosses = new Float64Array(tokens.length / (sequence + 1));
  let retrieved = 0;
  for (const [index, batch] of batches.entries()) {
    const { losses, predictions } = await model.lossesAndPredictions(batch.tokens, overridesOf(index));
    const kinds = corpus.kindsOf(batch.tokens, sequence);
    for (let row = 0; row < batch.count; row++) {
      let sum = 0;
      for (let position = row * sequence; position < (row + 1) * sequence; position++) {
        const kind = kinds[position]!;
        const loss = losses[position]!;
        if (!Number.isFinite(loss)) throw nonFiniteLoss(loss, ` in held-out sequence ${batch.first + row}`);
        sum += loss;
        byKind[kind]!.sum += loss;
        byKind[kind]!.tokens += 1;
        const target = batch.tokens[position + row + 1]; // rows of tokens are one longer than rows of positions
        if (kind === answerable && predictions[position] === target) retrieved += 1;
      }
      sequenceLosses[batch.first + row] = sum / sequence;
    }
    onBatch(index + 1, batches.length);
  }
  const loss = sampleMean(sequenceLosses);
  const queries = byKind[answerable]!.tokens;
  const evaluation = {
    loss,
    standardError: standardErrorOfMean(sequenceLosses),
    perplexity: perplexityOf(loss),
    tokens: sequenceLosses.length * sequence,
    floor: corpus.entropyFloor(sequence),
    ...excessOf(sequenceLosses, corpus.surprisals(tokens, sequence), sequence),
    byKind: Object.fromEntries(
      corpus.positionKinds.flatMap((kind, index) => {
        const { sum, tokens: count } = byKind[index]!;
        return count === 0 ? [] : [[kind, { loss: sum / count, tokens: count }]];
      }),
    ),
    queries,
    retrievalAccuracy: queries === 0 ? null : retrieved / queries,
  };
  return { evaluation, sequenceLosses };
}

/** exp(loss), nats; null where that is more than a double holds, from 709.8 nats on. */
export function perplexityOf(loss: number): number | null {
  const perplexity = Math.exp(loss);
  return Number.isFinite(perplexity) ? perplexity : null;
}

/** What these tokens cost the language itself, and what the model loses above that, with its error over sequences. */
function excessOf(
  sequenceLosses: Float64Array,
  surprisals: Float64Array | null,
  length: number,
): Pick<Evaluation, 'surprisal' | 'excess' | 'excessStandardError'> {
  if (surprisals === null) return { surprisal: null, excess: null, excessStandardError: null };
  const own = sequenceLosses.map((_, row) => sampleMean(surprisals.subarray(row * length, (row + 1) * length)));
  const excesses = sequenceLosses.map((loss, row) => loss - own[row]!);
  return {
    surprisal: sampleMean(own),
    excess: sampleMean(excesses),
    excessStandardError: standardErrorOfMean(excesses),
  };
}

/** What is wrong with weights that are finite and whose loss is not. @param where ` in ...` */
export function nonFiniteLoss(loss: number, where = ''): SwpError {
  return new SwpError({
    kind: 'not-finite',
    message: `The loss of these weights is ${loss}${where}, though every weight is finite: their forward pass leaves the range of float32.`,
    remedy: 'The training that made them has diverged: a lower train.learningRate or a longer warm-up may help.',
  });
}
