/** Validation of a language model on held-out sequences: loss, loss by kind of position, retrieval. */
import { exp } from '../base/stated-math.ts';
import { SwpError } from '../base/failure.ts';
import { sampleMean } from '../base/sample-mean.ts';
import { standardErrorOfMean } from '../base/standard-error.ts';
import type { Evaluation } from '../generated/evaluation.ts';
import { isLanguage, type Corpus, type Language } from './corpus.ts';
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
  const language = isLanguage(corpus) ? corpus : undefined;
  const byKind = language && new LossesByKind(language);
  const sequenceLosses = new Float64Array(tokens.length / (sequence + 1));
  for (const [index, batch] of batches.entries()) {
    const { losses, predictions } = await model.lossesAndPredictions(batch.tokens, overridesOf(index));
    const kinds = language?.kindsOf(batch.tokens, sequence);
    for (let row = 0; row < batch.count; row++) {
      let sum = 0;
      for (let position = row * sequence; position < (row + 1) * sequence; position++) {
        const loss = losses[position]!;
        if (!Number.isFinite(loss)) throw nonFiniteLoss(loss, ` in held-out sequence ${batch.first + row}`);
        sum += loss;
        const target = batch.tokens[position + row + 1]; // rows of tokens are one longer than rows of positions
        if (kinds !== undefined) byKind?.add(kinds[position]!, loss, predictions[position] === target);
      }
      sequenceLosses[batch.first + row] = sum / sequence;
    }
    onBatch(index + 1, batches.length);
  }
  const loss = sampleMean(sequenceLosses);
  const evaluation = {
    loss,
    standardError: standardErrorOfMean(sequenceLosses),
    perplexity: perplexityOf(loss),
    tokens: sequenceLosses.length * sequence,
    floor: language?.entropyFloor(sequence) ?? null,
    ...excessOf(sequenceLosses, language?.surprisals(tokens, sequence), sequence),
    ...(byKind?.outcome() ?? { byKind: {}, queries: 0, retrievalAccuracy: null }),
  };
  return { evaluation, sequenceLosses };
}

/** Losses by what precedes the predicted token, and how many of a language's answerable queries were answered. */
class LossesByKind {
  readonly #kinds: readonly string[];
  readonly #answerable: number;
  readonly #losses: { sum: number; tokens: number }[];
  #retrieved = 0;

  constructor({ positionKinds, retrievalKind }: Language) {
    this.#kinds = positionKinds;
    this.#answerable = positionKinds.indexOf(retrievalKind);
    this.#losses = positionKinds.map(() => ({ sum: 0, tokens: 0 }));
  }

  add(kind: number, loss: number, predicted: boolean): void {
    const losses = this.#losses[kind]!;
    losses.sum += loss;
    losses.tokens += 1;
    if (kind === this.#answerable && predicted) this.#retrieved += 1;
  }

  outcome(): Pick<Evaluation, 'byKind' | 'queries' | 'retrievalAccuracy'> {
    const queries = this.#losses[this.#answerable]!.tokens;
    return {
      byKind: Object.fromEntries(
        this.#kinds.flatMap((kind, index) => {
          const { sum, tokens } = this.#losses[index]!;
          return tokens === 0 ? [] : [[kind, { loss: sum / tokens, tokens }]];
        }),
      ),
      queries,
      retrievalAccuracy: queries === 0 ? null : this.#retrieved / queries,
    };
  }
}

/** exp(loss), nats; null where that is more than a double holds, from 709.8 nats on. */
export function perplexityOf(loss: number): number | null {
  const perplexity = exp(loss);
  return Number.isFinite(perplexity) ? perplexity : null;
}

/** What these tokens cost the language itself, and what the model loses above that, with its error over sequences. */
function excessOf(
  sequenceLosses: Float64Array,
  surprisals: Float64Array | undefined,
  length: number,
): Pick<Evaluation, 'surprisal' | 'excess' | 'excessStandardError'> {
  if (surprisals === undefined) return { surprisal: null, excess: null, excessStandardError: null };
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
