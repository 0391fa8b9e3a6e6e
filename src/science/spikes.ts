/**
 * Activation spikes around every down_proj (Yu et al. 2024, arXiv 2411.07191): the largest |input| names a column, the
 * largest |output| a row, and the weight where they cross is a candidate. A spike is measured against the maximum over
 * ordinary tokens, since it sits on every BOS and marker and so is no outlier against a high percentile.
 */
import type { LanguageModel } from '../model/language-model.ts';
import { fixedBatches } from '../model/fixed-batches.ts';

export interface Spike {
  layer: number;
  /** Output channel of the largest |output|. */
  row: number;
  /** Input channel of the largest |input|. */
  col: number;
  inputSpike: number;
  outputSpike: number;
  /** inputSpike over the largest |input| at ordinary tokens. */
  inputRatio: number;
  outputRatio: number;
}

/** Smallest positive float32: a divisor that keeps ratios finite where ordinary tokens activate nothing. */
const SMALLEST_FLOAT32 = 2 ** -149;

/**
 * The spike of every layer, whatever its size.
 * @param tokens rows of model.sequence + 1 token ids
 * @param isOrdinary whether a token at its position of a sequence is of the kind that spikes are measured against
 */
export async function findSpikes(
  model: LanguageModel,
  tokens: Int32Array,
  isOrdinary: (token: number, position: number) => boolean,
): Promise<Spike[]> {
  const peaks: { input: Peak; output: Peak }[] = [];
  for (const batch of fixedBatches(tokens, model)) {
    const ordinary = Array.from({ length: batch.count * model.sequence }, (_, index) => {
      const [row, position] = [Math.floor(index / model.sequence), index % model.sequence];
      return isOrdinary(batch.tokens[row * (model.sequence + 1) + position]!, position);
    });
    for (const { layer, input, output } of await model.downProjActivations(batch.tokens)) {
      const peak = (peaks[layer] ??= { input: new Peak(), output: new Peak() });
      const positions = model.batch * model.sequence;
      peak.input.include(input, input.length / positions, ordinary);
      peak.output.include(output, output.length / positions, ordinary);
    }
  }
  return peaks.map(({ input, output }, layer) => ({
    layer,
    row: output.channel,
    col: input.channel,
    inputSpike: input.largest,
    outputSpike: output.largest,
    inputRatio: input.ratio(),
    outputRatio: output.ratio(),
  }));
}

/** The largest |activation| of one tensor, over all tokens and over ordinary ones. */
class Peak {
  channel = 0;
  largest = 0;
  #largestOrdinary = 0;

  /** @param activations token-major [tokens, channels]; rows beyond `ordinary` are padding */
  include(activations: Float32Array, channels: number, ordinary: readonly boolean[]): void {
    for (let token = 0; token < ordinary.length; token++)
      for (let channel = 0; channel < channels; channel++) {
        const magnitude = Math.abs(activations[token * channels + channel]!);
        if (magnitude > this.largest) {
          this.largest = magnitude;
          this.channel = channel;
        }
        if (ordinary[token] && magnitude > this.#largestOrdinary) this.#largestOrdinary = magnitude;
      }
  }

  ratio(): number {
    return this.largest / Math.max(this.#largestOrdinary, SMALLEST_FLOAT32);
  }
}
