/** What a family of decoders offers: its parameters by name, and its graph. */
import type { Graph } from '../../compute/graph/graph.ts';
import type { Value } from '../../compute/graph/operation.ts';

export interface DecoderShape {
  /** Sequences per pass. */
  batch: number;
  /** Predicted tokens per sequence. */
  sequence: number;
}

export interface DecoderOutputs {
  /** [batch * sequence, vocabulary] */
  logits: Value;
  /** Input [feedForward, tokens] of each layer's down projection, and what goes on as its output [width, tokens]. */
  downProjections: { input: Value; output: Value }[];
}

export type DownProjected = (layer: number, output: Value) => Value;

export interface DecoderFamily<Config> {
  /** Name and shape of every parameter, in the order of the checkpoint file; matrices are [out, in]. */
  parameters(config: Config): Map<string, number[]>;
  /**
   * Adds the decoder to a graph.
   * @param tokens int32 [batch * sequence]
   * @param parameter value of a parameter by name
   * @param downProjected what goes into the residual stream for the output [width, tokens] of a layer's down
   *   projection; by default itself
   */
  build(
    graph: Graph,
    config: Config,
    shape: DecoderShape,
    tokens: Value,
    parameter: (name: string) => Value,
    downProjected?: DownProjected,
  ): DecoderOutputs;
  /** Name of a layer's down projection, where super weights are sought. */
  downProjection(layer: number): string;
}
