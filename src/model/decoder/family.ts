/**
 * What a family of decoders declares: its tensors and what they are for, the form of its configuration, its graph.
 * Whatever other code has to know about a family it reads here; nothing else knows a family or its tensors by name.
 */
import type { Graph } from '../../compute/graph/graph.ts';
import type { Value } from '../../compute/graph/operation.ts';
import type { ModelConfig, TensorTable } from './model-facts.ts';

export { isMatrix, type MatrixFacts, type ModelConfig, type TensorFacts, type TensorTable } from './model-facts.ts';

export interface DecoderShape {
  /** Sequences per pass. */
  batch: number;
  /** Predicted tokens per sequence. */
  sequence: number;
  /** How often a graph of this shape is computed with the same weights, where it is computed more than once. */
  repetitions?: number;
}

export interface DecoderOutputs {
  /** [batch * sequence, vocabulary] */
  logits: Value;
  /** How they are made, so that those of some tokens can be without the others. A family may leave it out. */
  head?: DecoderHead;
  /** Input [feedForward, tokens] of each layer's down projection, and what goes on as its output [width, tokens]. */
  downProjections: { input: Value; output: Value }[];
  /**
   * What enters the first block, and what every block hands on, [width, tokens]: where training lacks memory, all else
   * of a block is computed again. A family may leave it out; then it is not.
   */
  residuals?: readonly Value[];
}

/** What makes logits of the last residual stream. */
export interface DecoderHead {
  /** What it reads of each token, [width, tokens]. */
  input: Value;
  /** What it reads besides. */
  weights: readonly Value[];
  /** Logits [n, vocabulary] of n columns of the input. */
  logits(columns: Value): Value;
}

export type DownProjected = (layer: number, output: Value) => Value;

/** What the rest of a pass depends on when a layer's down projection is about to be computed. */
export interface EnteringDownProjection {
  /** What the down projection reads, [feedForward, tokens]. */
  input: Value;
  /** The residual stream to which its output will be added, [width, tokens]. */
  residual: Value;
}

export type BeforeDownProjection = (layer: number, entering: EnteringDownProjection) => EnteringDownProjection;

/** A linear map of the normalised residual stream x, by names of tensors: weight (gain * x + shift) + bias. */
export interface ChannelReader {
  /** A matrix [feedForward, width]. */
  weight: string;
  /** The norm's gain [width]; absent where the norm has none. */
  gain?: string;
  /** The norm's bias [width]; absent where the norm has none. */
  shift?: string;
  /** [feedForward]; absent where there is none. */
  bias?: string;
}

/** The hidden channels of a layer's MLP: where an activation spike can be planted, and what they read. */
export interface MlpChannel {
  /** Name of the matrix [vocabulary, width] that embeds tokens. */
  embedding: string;
  /** By what the channel reads the residual stream. If one of them gives 0, the channel holds 0. */
  readers: ChannelReader[];
  /** What the channel holds if all its readers give y > 0; it grows with y. */
  activation(y: number): number;
}

/** The size of a model, whatever its family. */
export interface ModelSize extends Pick<ModelConfig, 'corpus' | 'layers' | 'width' | 'heads' | 'vocabulary'> {
  /** Longest sequence that the model must read. */
  sequence: number;
}

export interface DecoderFamily<Config extends ModelConfig = ModelConfig> {
  /** The decoder in a few words. */
  summary: string;
  /** JSON Schema (draft-07) of the fields that configurations of this family have besides the common ones. */
  fields: Record<string, object>;
  /** The same of fields that a configuration may leave out. None by default. */
  optionalFields?: Record<string, object>;
  /** What is wrong with a configuration whose fields have the right types, such as `/width 50 is ...`, if anything. */
  problem?(config: Config): string | undefined;
  /**
   * Every tensor, in the order of the checkpoint file. One with a dot, such as `decoder.0.ffn.out`, is
   * sure to be no name of the graph's own: `tokens`, `targets` and others are.
   */
  tensors(config: Config): TensorTable;
  /** Name of a layer's down projection [width, feedForward]: where super weights are sought. */
  downProjection(layer: number): string;
  mlpChannel(layer: number, config: Config): MlpChannel;
  /** Longest sequence that a model can read; Infinity if there is no limit. */
  longestSequence(config: Config): number;
  /** A model of that size, for trials with random weights; its MLPs have 6 * width^2 weights or so. */
  ofSize(size: ModelSize): Config;
  /**
   * Adds the decoder to a graph, of operators that have a gradient (compute/autodiff/rules.ts): `maximum` has none.
   * @param tokens int32 [batch * sequence]
   * @param parameter value of a tensor by name
   * @param downProjected what goes into the residual stream for the output [width, tokens] of a layer's down
   *   projection; by default itself
   * @param beforeDownProjection what takes the place of what a layer's down projection reads and is added to; by
   *   default itself
   */
  build(
    graph: Graph,
    config: Config,
    shape: DecoderShape,
    tokens: Value,
    parameter: (name: string) => Value,
    downProjected?: DownProjected,
    beforeDownProjection?: BeforeDownProjection,
  ): DecoderOutputs;
}
