/**
 * Super activations: the spikes that super weights make at the output of their down projection, recorded on an intact
 * model so that they can be put back into one that lacks the weights (Yu et al. 2024, arXiv 2411.07191, table 1:
 * removing the weight and restoring its activation tells how much of the weight's effect goes through the activation).
 */
import type { RestoredChannel } from '../generated/evaluation.ts';
import { fixedBatches } from '../model/fixed-batches.ts';
import type { LanguageModel, OutputOverride } from '../model/language-model.ts';

/** One output channel, with its values by batch, [batch * sequence] each. */
interface RecordedChannel extends RestoredChannel {
  values: Float32Array[];
}

export class SuperActivations {
  readonly #channels: readonly RecordedChannel[];

  private constructor(channels: readonly RecordedChannel[]) {
    this.#channels = channels;
  }

  /**
   * Runs the intact model.
   * @param model holds the intact weights
   * @param tokens rows of model.sequence + 1 token ids
   * @param superWeights layer and row name the channels; several in one channel count once
   * @param share a spike is an output of at least this share of the channel's largest |output| on these tokens
   */
  static async record(
    model: LanguageModel,
    tokens: Int32Array,
    superWeights: readonly { layer: number; row: number }[],
    share: number,
    signal?: AbortSignal,
  ): Promise<SuperActivations> {
    const distinct = new Map(superWeights.map(({ layer, row }) => [`${layer} ${row}`, { layer, row }]));
    const channels: RecordedChannel[] = [...distinct.values()].map((channel) => ({
      ...channel,
      maximum: 0,
      positions: 0,
      values: [],
    }));
    if (channels.length === 0) return new SuperActivations([]);

    const batches = fixedBatches(tokens, model);
    for (const batch of batches) {
      signal?.throwIfAborted();
      await model.downProjActivations(batch.tokens, ({ layer, output }) => {
        const width = output.length / (model.batch * model.sequence);
        for (const channel of channels.filter((each) => each.layer === layer)) {
          const values = Float32Array.from(
            { length: model.batch * model.sequence },
            (_, token) => output[token * width + channel.row]!,
          );
          channel.values.push(values);
          channel.maximum = values.reduce((maximum, value) => Math.max(maximum, Math.abs(value)), channel.maximum);
        }
      });
    }
    for (const channel of channels)
      batches.forEach(({ count }, index) => {
        const values = channel.values[index]!;
        values.forEach((value, token) => {
          if (value === 0 || Math.abs(value) < share * channel.maximum) values[token] = Number.NaN;
          else if (token < count * model.sequence) channel.positions += 1;
        });
      });
    return new SuperActivations(channels);
  }

  /** What was recorded, without the values. */
  channels(): RestoredChannel[] {
    return this.#channels.map(({ layer, row, maximum, positions }) => ({ layer, row, maximum, positions }));
  }

  /** The spikes of one batch, as what a forward pass is to overwrite its own outputs with. */
  overrides(batch: number): OutputOverride[] {
    return this.#channels.map(({ layer, row, values }) => ({ layer, row, values: values[batch]! }));
  }
}
