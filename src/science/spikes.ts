/**
 * Activation spikes around every down_proj (Yu et al. 2024, arXiv 2411.07191): the largest |input| names a column, the
 * largest |output| a row, and the weight where they cross is a candidate. A spike is measured against ordinary tokens:
 * against the maximum over them, or against a high quantile of their maxima where some of them spike as well, as a few
 * words of a text do.
 *
 * The peak names one weight, though several may make the spike together. So the weights with the largest contributions
 * |input x weight| at the token where the output peaks are looked up besides.
 */
import { fixedBatches, type FixedBatch } from '../model/fixed-batches.ts';
import type { LanguageModel } from '../model/language-model.ts';

/** What a weight's two channels hold where they spike. */
export interface Spike {
  layer: number;
  /** Output channel. */
  row: number;
  /** Input channel. */
  col: number;
  /** Of the layer's peak the largest |input| and |output|; of a contribution what its channels hold at the token. */
  inputSpike: number;
  outputSpike: number;
  /** inputSpike over what ordinary tokens reach in any input channel. */
  inputRatio: number;
  outputRatio: number;
}

/** A weight that makes a good part of its layer's output peak. */
export interface Contribution extends Spike {
  /** |input x weight| at the token where the layer's output peaks. */
  contribution: number;
}

/** The spike of a layer, and the weights that contribute most where its output peaks, by falling contribution. */
export interface LayerSpikes extends Spike {
  contributions: Contribution[];
}

export interface SpikeSearch {
  /**
   * Whether a token is of the kind that spikes are measured against.
   * @param position in its sequence, from 0
   */
  isOrdinary(token: number, position: number): boolean;
  /** Quantile of the maxima of ordinary tokens against which spikes are measured; 1, the maximum, if left out. */
  ordinaryQuantile?: number;
  /** How many contributions are looked up in each layer; none if left out. */
  contributions?: number;
}

/** Smallest positive float32: a divisor that keeps ratios finite where ordinary tokens activate nothing. */
const SMALLEST_FLOAT32 = 2 ** -149;

/**
 * The spikes of every layer, whatever their size.
 * @param tokens rows of model.sequence + 1 token ids
 */
export async function findSpikes(
  model: LanguageModel,
  tokens: Int32Array,
  { isOrdinary, ordinaryQuantile = 1, contributions = 0 }: SpikeSearch,
): Promise<LayerSpikes[]> {
  const peaks: { input: Peak; output: Peak; inputAtPeak: Float32Array }[] = [];
  for (const batch of fixedBatches(tokens, model)) {
    const ordinary = ordinaryTokens(batch, model.sequence, isOrdinary);
    await model.downProjActivations(batch.tokens, ({ layer, input, output }) => {
      const peak = (peaks[layer] ??= { input: new Peak(), output: new Peak(), inputAtPeak: new Float32Array() });
      const positions = model.batch * model.sequence;
      const channels = input.length / positions;
      peak.input.include(input, channels, ordinary);
      const token = peak.output.include(output, output.length / positions, ordinary);
      if (token !== undefined) peak.inputAtPeak = input.slice(token * channels, (token + 1) * channels);
    });
  }
  return peaks.map(({ input, output, inputAtPeak }, layer) => {
    const [inputLevel, outputLevel] = [input.ordinaryLevel(ordinaryQuantile), output.ordinaryLevel(ordinaryQuantile)];
    const spike = (row: number, col: number, inputSpike: number, outputSpike: number): Spike => ({
      ...{ layer, row, col, inputSpike, outputSpike },
      inputRatio: inputSpike / inputLevel,
      outputRatio: outputSpike / outputLevel,
    });
    return {
      ...spike(output.channel, input.channel, input.largest, output.largest),
      contributions: largestContributions(model.weight(model.downProjection(layer)), inputAtPeak, contributions).map(
        ({ row, col, contribution }) => ({
          ...spike(row, col, Math.abs(inputAtPeak[col]!), Math.abs(output.atPeak[row]!)),
          contribution,
        }),
      ),
    };
  });
}

/** Of a batch's sequences, which tokens are ordinary. */
function ordinaryTokens(
  { tokens, count }: FixedBatch,
  sequence: number,
  isOrdinary: SpikeSearch['isOrdinary'],
): boolean[] {
  return Array.from({ length: count * sequence }, (_, index) => {
    const [row, position] = [Math.floor(index / sequence), index % sequence];
    return isOrdinary(tokens[row * (sequence + 1) + position]!, position);
  });
}

/**
 * The weights with the largest |input x weight|, by falling contribution; ties go to the lower index.
 * @param weights [out, in], row-major
 * @param input what they read, [in]
 */
function largestContributions(
  weights: Float32Array,
  input: Float32Array,
  count: number,
): { row: number; col: number; contribution: number }[] {
  const largest: { index: number; contribution: number }[] = [];
  if (count === 0) return [];
  for (let index = 0; index < weights.length; index++) {
    const contribution = Math.abs(weights[index]! * input[index % input.length]!);
    if (contribution === 0 || (largest.length === count && contribution <= largest.at(-1)!.contribution)) continue;
    const place = largest.findIndex((other) => other.contribution < contribution);
    largest.splice(place < 0 ? largest.length : place, 0, { index, contribution });
    if (largest.length > count) largest.pop();
  }
  return largest.map(({ index, contribution }) => ({
    row: Math.floor(index / input.length),
    col: index % input.length,
    contribution,
  }));
}

/** The largest |activation| of one tensor, and what ordinary tokens reach. */
class Peak {
  channel = 0;
  largest = 0;
  /** All channels at the token of the largest, [channels]. */
  atPeak = new Float32Array();
  /** The largest |activation| of every ordinary token. */
  readonly #ordinary: number[] = [];

  /**
   * @param activations token-major [tokens, channels]; rows beyond `ordinary` are padding
   * @returns the token of the largest |activation|, if it is larger than all before
   */
  include(activations: Float32Array, channels: number, ordinary: readonly boolean[]): number | undefined {
    let place: number | undefined;
    for (let token = 0; token < ordinary.length; token++) {
      let largestHere = 0;
      for (let channel = 0; channel < channels; channel++) {
        const magnitude = Math.abs(activations[token * channels + channel]!);
        if (magnitude > largestHere) largestHere = magnitude;
        if (magnitude > this.largest) {
          this.largest = magnitude;
          this.channel = channel;
          place = token;
        }
      }
      if (ordinary[token]) this.#ordinary.push(largestHere);
    }
    if (place !== undefined) this.atPeak = activations.slice(place * channels, (place + 1) * channels);
    return place;
  }

  /** The smallest level that the given share of the ordinary tokens does not exceed; never 0. */
  ordinaryLevel(quantile: number): number {
    const levels = Float64Array.from(this.#ordinary).sort();
    const level = levels[Math.ceil(quantile * levels.length) - 1] ?? 0;
    return Math.max(level, SMALLEST_FLOAT32);
  }
}
