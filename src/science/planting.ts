/**
 * Plants an activation spike in a decoder, so that what the candidate finder must find is known: one hidden channel of
 * one MLP answers to BOS and markers alone, and one weight of the down projection carries it to one channel of the
 * residual stream. That is how a super weight looks from outside (Yu et al. 2024, arXiv 2411.07191); whether it does
 * anything is another matter, which the causal test decides.
 *
 * A direction v of the residual stream is emptied first: embeddings and whatever writes to the stream lose their
 * part along v (W - v v'W). Then the embeddings of the tokens that are to spike get one, and the channel's input
 * weights are a multiple of v. So the channel is silent at all other tokens, whatever the weights are.
 */
import { familyOf } from '../model/decoder/family-of.ts';
import { isMatrix, type MatrixFacts, type ModelConfig } from '../model/decoder/family.ts';
import type { LanguageModel } from '../model/language-model.ts';
import type { RandomStream } from '../base/random.ts';
import { findSpikes, type Spike } from './spikes.ts';

export interface PlantedSpike {
  layer: number;
  /** Output channel of the down projection. */
  row: number;
  /** Its input channel. */
  col: number;
  /** How many times the largest |activation| at ordinary tokens the spike is, before and after the down projection. */
  strength: number;
}

/** Where the strength is measured while planting. */
export interface Calibration {
  /** Rows of model.sequence + 1 token ids; other data than spikes are sought in. */
  tokens: Int32Array;
  isOrdinary(token: number, position: number): boolean;
  /** Tokens at which the spike is to be. */
  spiking: readonly number[];
}

/** How often the channel's scale is quadrupled in search of a peak. */
const ATTEMPTS = 30;

/**
 * Writes a spike into the weights that the model holds.
 * @param config of a model whose norms have gain 1 and bias 0, as freshly initialised ones have
 * @throws Error if the spike does not show: none of the spiking tokens is in the calibration data
 */
export async function plantSpike(
  model: LanguageModel,
  config: ModelConfig,
  spike: PlantedSpike,
  { tokens, isOrdinary, spiking }: Calibration,
  random: RandomStream,
): Promise<void> {
  const { layer, row, col, strength } = spike;
  const { width, feedForward } = config;
  const channel = familyOf(config).mlpChannel(layer, config);
  const down = model.weight(model.downProjection(layer));
  const scan = async (): Promise<Spike> => (await findSpikes(model, tokens, { isOrdinary }))[layer]!;

  const direction = unitVector(width, random);
  emptyDirection(model, direction);
  const embedding = model.weight(channel.embedding);
  const { deviation } = model.tensors.get(channel.embedding) as MatrixFacts;
  const length = deviation * Math.sqrt(width); // as long as an embedding is under every scheme
  for (const token of spiking)
    direction.forEach((value, feature) => (embedding[token * width + feature]! += length * value));

  const drive = (scale: number): void => {
    for (const { weight } of channel.readers)
      direction.forEach((value, feature) => (model.weight(weight)[col * width + feature] = scale * value));
  };
  for (let other = 0; other < width; other++) down[other * feedForward + col] = 0;
  drive(0);
  const silent = await scan();
  const target = strength * (silent.inputSpike / silent.inputRatio);

  // Once the channel is the layer's peak, one measurement suffices: what it reads is proportional to the scale.
  let scale = 1;
  let peak = silent;
  for (let attempt = 0; peak.col !== col || peak.inputRatio < 2; attempt++) {
    if (attempt === ATTEMPTS)
      throw new Error(
        `No spike shows in layer ${layer}: none of the tokens ${spiking.join(', ')} is in the calibration data.`,
      );
    scale *= 4;
    drive(scale);
    peak = await scan();
  }
  drive((scale * inverse(channel.activation, target)) / inverse(channel.activation, peak.inputSpike));
  down[row * feedForward + col] =
    ((random.uniform() < 0.5 ? -1 : 1) * strength * (silent.outputSpike / silent.outputRatio)) / target;
}

/** A random direction without a mean, which LayerNorm would take out. */
function unitVector(width: number, random: RandomStream): Float64Array {
  const drawn = Float64Array.from({ length: width }, () => random.normal());
  const mean = drawn.reduce((sum, value) => sum + value, 0) / width;
  const centred = drawn.map((value) => value - mean);
  const length = Math.sqrt(centred.reduce((sum, value) => sum + value * value, 0));
  return centred.map((value) => value / length);
}

/** Takes the part along the direction out of everything that reaches the residual stream. */
function emptyDirection(model: LanguageModel, direction: Float64Array): void {
  for (const [name, facts] of model.tensors) {
    if (!isMatrix(facts)) continue;
    const [rows, cols] = facts.shape;
    // A writer is [width, inputs]: the direction runs down its columns. An embedding is [rows, width]: along its rows.
    if (facts.writesResidual) for (let col = 0; col < cols; col++) project(model.weight(name), col, cols, direction);
    else if (facts.role === 'embedding')
      for (let row = 0; row < rows; row++) project(model.weight(name), row * cols, 1, direction);
  }
}

/** x - v (v'x) for the vector x that starts at an offset of the data and has that stride. */
function project(data: Float32Array, offset: number, stride: number, direction: Float64Array): void {
  const part = direction.reduce((sum, value, feature) => sum + value * data[offset + feature * stride]!, 0);
  direction.forEach((value, feature) => (data[offset + feature * stride]! -= part * value));
}

/** The y > 0 at which an increasing activation has the value. */
function inverse(activation: (y: number) => number, value: number): number {
  let low = 0;
  let high = 1;
  while (activation(high) < value) high *= 2;
  for (;;) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) return middle;
    if (activation(middle) < value) low = middle;
    else high = middle;
  }
}
