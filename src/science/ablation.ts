/**
 * What zeroing scalars costs: the model's mean loss with them at 0, less the loss with nothing zeroed. What lies below
 * the lowest of them is as it was, so a pass begins there, from what the intact pass left (LanguageModel.lossesFrom).
 */
import { standardErrorOfMean } from '../base/standard-error.ts';
import { nonFiniteLoss } from '../model/evaluate.ts';
import { fixedBatches, type FixedBatch } from '../model/fixed-batches.ts';
import type { LanguageModel, PassStart } from '../model/language-model.ts';
import type { MatrixPosition } from './pruning.ts';

/** What zeroing one scalar, or several together, costs in nats per token. */
export interface ZeroingEffect {
  effect: number;
  /**
   * Over sequences, of the mean difference between the losses with and without them on the same sequence. It is
   * an error of these sequences, not of the training. Null for a single sequence.
   */
  effectStandardError: number | null;
}

/**
 * What all recorded starts of passes may take. Of 512 tokens of a model of 30 layers, 576 channels and 1536 hidden ones
 * they take 130 MB; where they would take more, every second layer is recorded, every third, and so on.
 */
export const RECORDED_BYTES = 2 ** 29;

/** A loss per token, and the mean of each sequence, nats. */
interface Losses {
  mean: number;
  bySequence: Float64Array;
}

/** Of two losses on the same tokens. */
type Differences = Losses;

export class Ablation {
  /** Nats per token with nothing zeroed. */
  readonly baselineLoss: number;
  /** Predicted tokens behind every loss. */
  readonly tokens: number;
  readonly #model: LanguageModel;
  readonly #batches: readonly RecordedBatch[];
  readonly #signal: AbortSignal | undefined;
  /** By the scalars that are zeroed. */
  readonly #known = new Map<string, Differences>();
  readonly #baseline: Losses;

  private constructor(
    model: LanguageModel,
    batches: readonly RecordedBatch[],
    baseline: Losses,
    signal: AbortSignal | undefined,
  ) {
    this.#model = model;
    this.#batches = batches;
    this.#signal = signal;
    this.#baseline = baseline;
    this.baselineLoss = baseline.mean;
    this.tokens = batches.reduce((sum, { count }) => sum + count * model.sequence, 0);
  }

  /**
   * @param tokens rows of model.sequence + 1 token ids on which every effect is judged
   * @param recordedBytes what the starts of later passes may take; it changes how long they take, not what they give
   * @throws SwpError of kind `not-finite` if the loss of these weights is
   */
  static async start(
    model: LanguageModel,
    tokens: Int32Array,
    signal?: AbortSignal,
    recordedBytes = RECORDED_BYTES,
  ): Promise<Ablation> {
    const batches = fixedBatches(tokens, model).map((batch): RecordedBatch => ({ ...batch, starts: [] }));
    const layers = recordedLayers(model, batches.length, recordedBytes);
    const baseline = await measureLosses(model, batches, async (batch) => {
      signal?.throwIfAborted();
      const { losses, starts } = await model.lossesAndStarts(batch.tokens, layers);
      batch.starts = starts;
      return losses;
    });
    if (!Number.isFinite(baseline.mean)) throw nonFiniteLoss(baseline.mean);
    return new Ablation(model, batches, baseline, signal);
  }

  /** What zeroing scalars together costs; 0 without a pass if all are 0 already. Each set is measured once. */
  async effect(...positions: MatrixPosition[]): Promise<ZeroingEffect> {
    return summaryOf(await this.#differences(positions));
  }

  /**
   * What zeroing scalars together costs above the sum of what zeroing each alone does: 0 if each does its own work,
   * more if each can make up for the others.
   */
  async excess(positions: readonly MatrixPosition[]): Promise<ZeroingEffect> {
    const together = await this.#differences(positions);
    const alone: Differences[] = [];
    for (const position of positions) alone.push(await this.#differences([position]));
    return summaryOf({
      mean: alone.reduce((rest, { mean }) => rest - mean, together.mean),
      bySequence: together.bySequence.map((difference, sequence) =>
        alone.reduce((rest, { bySequence }) => rest - bySequence[sequence]!, difference),
      ),
    });
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

  /** @param changed the scalars that are not as they were in the intact pass */
  #measure(changed: readonly MatrixPosition[]): Promise<Losses> {
    const lowest = Math.min(...changed.map(({ tensor }) => firstReader(this.#model, tensor)));
    return measureLosses(this.#model, this.#batches, ({ tokens, starts }) => {
      this.#signal?.throwIfAborted();
      const start = starts.findLast(({ layer }) => layer <= lowest);
      return start === undefined ? this.#model.losses(tokens) : this.#model.lossesFrom(start, tokens);
    });
  }

  /** Losses with the scalars zeroed, less those with nothing zeroed. */
  async #differences(positions: readonly MatrixPosition[]): Promise<Differences> {
    const changed = positions.filter((position) => this.value(position) !== 0);
    const identity = changed.map(identityOf).sort().join();
    const known = this.#known.get(identity);
    if (known !== undefined) return known;
    const { mean, bySequence } =
      changed.length === 0 ? this.#baseline : await this.without(changed, () => this.#measure(changed));
    const differences = {
      mean: mean - this.baselineLoss,
      bySequence: bySequence.map((loss, sequence) => loss - this.#baseline.bySequence[sequence]!),
    };
    this.#known.set(identity, differences);
    return differences;
  }
}

function summaryOf({ mean, bySequence }: Differences): ZeroingEffect {
  return { effect: mean, effectStandardError: standardErrorOfMean(bySequence) };
}

export function identityOf({ tensor, row, col }: MatrixPosition): string {
  return `${tensor} [${row}, ${col}]`;
}

/** A batch, and where later passes over it can begin, by rising layer. */
interface RecordedBatch extends FixedBatch {
  starts: PassStart[];
}

async function measureLosses(
  { sequence }: LanguageModel,
  batches: readonly RecordedBatch[],
  lossesOf: (batch: RecordedBatch) => Promise<Float32Array>,
): Promise<Losses> {
  const bySequence = new Float64Array(batches.reduce((sum, { count }) => sum + count, 0));
  let sum = 0;
  for (const batch of batches) {
    const { first, count } = batch;
    const losses = await lossesOf(batch);
    for (let index = 0; index < count * sequence; index++) {
      sum += losses[index]!;
      bySequence[first + Math.floor(index / sequence)]! += losses[index]! / sequence;
    }
  }
  return { mean: sum / (bySequence.length * sequence), bySequence };
}

/** The layers of whose down projections the start is recorded: all, or as many as fit, evenly spread from the first. */
function recordedLayers(model: LanguageModel, batches: number, bytes: number): number[] {
  const layers = [...new Set([...model.tensors.values()].flatMap(({ layer }) => layer ?? []))].sort((a, b) => a - b);
  const channels = (layer: number) => model.shape(model.downProjection(layer)).reduce((sum, length) => sum + length, 0);
  const perChannel = batches * model.batch * model.sequence * Float32Array.BYTES_PER_ELEMENT;
  const needed = layers.reduce((sum, layer) => sum + perChannel * channels(layer), 0);
  const every = Math.ceil(needed / bytes);
  return layers.filter((_, index) => index % every === 0);
}

/** The highest layer from whose down projection on a pass still reads the tensor; -1 if only a whole pass does. */
function firstReader(model: LanguageModel, tensor: string): number {
  const layer = model.tensors.get(tensor)?.layer ?? -1;
  return layer >= 0 && tensor !== model.downProjection(layer) ? layer - 1 : layer;
}
