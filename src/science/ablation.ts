/** What zeroing one scalar costs: the model's mean loss with it at 0, less the loss with nothing zeroed. */
import { standardErrorOfMean } from '../base/standard-error.ts';
import { nonFiniteLoss } from '../model/evaluate.ts';
import { fixedBatches, type FixedBatch } from '../model/fixed-batches.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { MatrixPosition } from './pruning.ts';

/** What zeroing one scalar alone costs, in nats per token. */
export interface ZeroingEffect {
  effect: number;
  /**
   * Over sequences, of the mean difference between the losses with and without the scalar on the same sequence. It is
   * an error of these sequences, not of the training. Null for a single sequence.
   */
  effectStandardError: number | null;
}

/** A loss per token, and the mean of each sequence, nats. */
interface Losses {
  mean: number;
  bySequence: Float64Array;
}

export class Ablation {
  /** Nats per token with nothing zeroed. */
  readonly baselineLoss: number;
  /** Predicted tokens behind every loss. */
  readonly tokens: number;
  readonly #model: LanguageModel;
  readonly #batches: FixedBatch[];
  readonly #signal: AbortSignal | undefined;
  readonly #effects = new Map<string, ZeroingEffect>();
  readonly #baseline: Losses;

  private constructor(model: LanguageModel, batches: FixedBatch[], baseline: Losses, signal?: AbortSignal) {
    this.#model = model;
    this.#batches = batches;
    this.#signal = signal;
    this.#baseline = baseline;
    this.baselineLoss = baseline.mean;
    this.tokens = batches.reduce((sum, { count }) => sum + count * model.sequence, 0);
  }

  /**
   * @param tokens rows of model.sequence + 1 token ids on which every effect is judged
   * @throws SwpError of kind `not-finite` if the loss of these weights is
   */
  static async start(model: LanguageModel, tokens: Int32Array, signal?: AbortSignal): Promise<Ablation> {
    const batches = fixedBatches(tokens, model);
    const baseline = await measureLosses(model, batches);
    if (!Number.isFinite(baseline.mean)) throw nonFiniteLoss(baseline.mean);
    return new Ablation(model, batches, baseline, signal);
  }

  /** What zeroing one scalar alone costs; 0 without a pass if it is 0 already. Measured once. */
  async effect(position: MatrixPosition): Promise<ZeroingEffect> {
    const identity = identityOf(position);
    const known = this.#effects.get(identity);
    if (known !== undefined) return known;
    const effect =
      this.value(position) === 0
        ? this.#effectOf(this.#baseline)
        : this.#effectOf(await this.without([position], () => this.#measure()));
    this.#effects.set(identity, effect);
    return effect;
  }

  /** Runs `work` with the given scalars at 0 and restores them. */
  async without<Result>(positions: readonly MatrixPosition[], work: () => Promise<Result>): Promise<Result> {
    const values = positions.map((position) => this.value(position));
    const write = (position: MatrixPosition, value: number) =>
      (this.#model.weight(position.tensor)[this.#index(position)] = value);
    try {
      for (const position of positions) write(position, 0);
      return await work();
    } finally {
      positions.forEach((position, index) => write(position, values[index]!));
    }
  }

  value(position: MatrixPosition): number {
    return this.#model.weight(position.tensor)[this.#index(position)]!;
  }

  #index({ tensor, row, col }: MatrixPosition): number {
    const [rows, cols] = this.#model.shape(tensor) as [number, number];
    if (row >= rows || col >= cols)
      throw new Error(`${tensor} of shape [${rows}, ${cols}] has no weight [${row}, ${col}].`);
    return row * cols + col;
  }

  #measure(): Promise<Losses> {
    this.#signal?.throwIfAborted();
    return measureLosses(this.#model, this.#batches);
  }

  #effectOf({ mean, bySequence }: Losses): ZeroingEffect {
    return {
      effect: mean - this.baselineLoss,
      effectStandardError: standardErrorOfMean(
        bySequence.map((loss, sequence) => loss - this.#baseline.bySequence[sequence]!),
      ),
    };
  }
}

export function identityOf({ tensor, row, col }: MatrixPosition): string {
  return `${tensor} [${row}, ${col}]`;
}

async function measureLosses(model: LanguageModel, batches: readonly FixedBatch[]): Promise<Losses> {
  const { sequence } = model;
  const bySequence = new Float64Array(batches.reduce((sum, { count }) => sum + count, 0));
  let sum = 0;
  for (const { tokens, first, count } of batches) {
    const losses = await model.losses(tokens);
    for (let index = 0; index < count * sequence; index++) {
      sum += losses[index]!;
      bySequence[first + Math.floor(index / sequence)]! += losses[index]! / sequence;
    }
  }
  return { mean: sum / (bySequence.length * sequence), bySequence };
}
