/** Tensors by name, as the stages pass them around. Names follow Hugging Face's models; matrices are [out, in]. */
import type { TensorTable } from './decoder/model-facts.ts';

export interface Tensor {
  shape: number[];
  data: Float32Array | Uint8Array;
}

export interface FloatTensor extends Tensor {
  data: Float32Array;
}

/**
 * The memory into which a tensor is read, of as many numbers as its shape has; undefined where it gets memory of its
 * own.
 */
export type MemoryFor = (name: string, shape: readonly number[]) => Float32Array | undefined;

/** Model weights by tensor name, e.g. `model.layers.0.mlp.down_proj.weight` with shape [out, in]. */
export type Weights = Map<string, FloatTensor>;

/** 1 = kept, 0 = pruned, for every prunable tensor, same shape as the weight. */
export type Masks = Map<string, { shape: number[]; data: Uint8Array }>;

/** Inputs and outputs of one layer's down projection for a batch, token-major. */
export interface DownProjActivations {
  layer: number;
  /** [batch * sequence, feedForward] */
  input: Float32Array;
  /** [batch * sequence, width] */
  output: Float32Array;
}

/** Values that take the place of one output channel of a layer's down projection in a forward pass. */
export interface OutputOverride {
  layer: number;
  /** Output channel. */
  row: number;
  /** [batch * sequence]; NaN where the channel stays as computed. */
  values: Float32Array;
}

/**
 * Where a pass can begin: what a layer's down projection is about to read, of a batch. Feature-major, as graphs have
 * it.
 */
export interface PassStart {
  layer: number;
  /** [feedForward, batch * sequence] */
  input: Float32Array;
  /** The residual stream to which the down projection's output is added, [width, batch * sequence]. */
  residual: Float32Array;
}

/**
 * A forward pass of fixed batch and sequence length over weights held in one place.
 * Writing into `weight(name)` changes the next forward pass: zeroing one scalar costs nothing.
 */
export interface LanguageModel {
  readonly batch: number;
  readonly sequence: number;
  /** Copies weights into the model's memory. */
  load(weights: Weights): void;
  /**
   * Works on the memory of these weights, without a copy, until others are loaded: what is written into `weight(name)`
   * is written into them.
   */
  adopt(weights: Weights): void;
  /** Live view of a tensor's data. */
  weight(name: string): Float32Array;
  shape(name: string): number[];
  /** What is known of every tensor. */
  readonly tensors: TensorTable;
  /** Name of the tensor in which super weights are sought: the down projection of a layer's MLP. */
  downProjection(layer: number): string;
  /**
   * The hidden units of a layer's MLP that hold 0 for every input, since nothing that they read is left.
   * @returns [feedForward], 1 = cut off
   */
  cutOffUnits(layer: number): Uint8Array;
  /**
   * Negative log-likelihood in nats of each predicted token.
   * @param tokens batch x (sequence + 1) token ids, row-major
   * @returns batch * sequence values, row-major
   */
  losses(tokens: Int32Array): Promise<Float32Array>;
  /**
   * The same, and where later passes over these tokens can begin.
   * @param layers of whose down projections the start is recorded
   */
  lossesAndStarts(
    tokens: Int32Array,
    layers: readonly number[],
  ): Promise<{ losses: Float32Array; starts: PassStart[] }>;
  /**
   * The same of a pass that begins with a layer's down projection and runs what is above only: equal to `losses` as
   * long as the tokens, and all weights below that down projection, are those of the pass that recorded the start.
   */
  lossesFrom(start: PassStart, tokens: Int32Array): Promise<Float32Array>;
  /**
   * The losses together with the token of highest probability at each position.
   * @param overrides none by default; each channel at most once
   */
  lossesAndPredictions(
    tokens: Int32Array,
    overrides?: readonly OutputOverride[],
  ): Promise<{ losses: Float32Array; predictions: Int32Array }>;
  /**
   * Activations around every down projection, layer by layer from the first. `tokens` as above; the last token of each
   * row is not read.
   * @param visit is given memory that is its own
   */
  downProjActivations(tokens: Int32Array, visit: (activations: DownProjActivations) => void): Promise<void>;
}
