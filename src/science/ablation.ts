/** What zeroing one scalar costs: the model's mean loss with it at 0, less the loss with nothing zeroed. */
import { fixedBatches, type FixedBatch } from '../model/fixed-batches.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { MatrixPosition } from './pruning.ts';

export class Ablation {
  /** Nats per token with nothing zeroed. */
  readonly baselineLoss: number;
  /** Predicted tokens behind every loss. */
  readonly tokens: number;
  readonly #model: LanguageModel;
  readonly #batches: FixedBatch[];
  readonly #signal: AbortSignal | undefined;
  readonly #effects = new Map<string, number>();

  private constructor(model: LanguageModel, batches: FixedBatch[], baselineLoss: number, signal?: AbortSignal) {
    this.#model = model;
    this.#batches = batches;
    this.#signal = signal;
    this.baselineLoss = baselineLoss;
    this.tokens = batches.reduce((sum, { count }) => sum + count * model.sequence, 0);
  }

  /**
   * @param tokens rows of model.sequence + 1 token ids on which every effect is judged
   * @throws Error if the weights are broken: their loss is not finite
   */
  static async start(model: LanguageModel, tokens: Int32Array, signal?: AbortSignal): Promise<Ablation> {
    const batches = fixedBatches(tokens, model);
    const baselineLoss = await meanLoss(model, batches);
    if (!Number.isFinite(baselineLoss))
      throw new Error(`The loss of these weights is ${baselineLoss}: training has diverged.`);
    return new Ablation(model, batches, baselineLoss, signal);
  }

  /** Nats per token that zeroing one scalar alone costs; 0 without a pass if it is 0 already. Measured once. */
  async effect(position: MatrixPosition): Promise<number> {
    const identity = identityOf(position);
    const known = this.#effects.get(identity);
    if (known !== undefined) return known;
    const effect = this.value(position) === 0 ? 0 : await this.without([position], () => this.#rise());
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

  async #rise(): Promise<number> {
    this.#signal?.throwIfAborted();
    return (await meanLoss(this.#model, this.#batches)) - this.baselineLoss;
  }
}

export function identityOf({ tensor, row, col }: MatrixPosition): string {
  return `${tensor} [${row}, ${col}]`;
}

async function meanLoss(model: LanguageModel, batches: readonly FixedBatch[]): Promise<number> {
  let sum = 0;
  let count = 0;
  for (const batch of batches) {
    const losses = (await model.losses(batch.tokens)).subarray(0, batch.count * model.sequence);
    for (let index = 0; index < losses.length; index++) sum += losses[index]!;
    count += losses.length;
  }
  return sum / count;
}
