/**
 * What is declared of a model: its configuration, and what each of its tensors is for. Plain data, for whoever needs no
 * graph.
 */

/** A model's config.json: what every family has, and fields of the family's own. */
export interface ModelConfig {
  /** Name of the decoder's family. */
  family: string;
  /** The built-in language the model is made for; a model of a text has none. */
  corpus?: 'marker-retrieval' | 'marker-retrieval-no-bos';
  layers: number;
  /** Residual channels. */
  width: number;
  heads: number;
  /** Hidden channels of the MLP: input channels of its down projection. */
  feedForward: number;
  vocabulary: number;
  normEpsilon: number;
}

interface CommonFacts {
  /** What tables and figures call the tensor, the same in every layer, such as `down_proj`. */
  kind: string;
  /** Null for a tensor outside the layers. */
  layer: number | null;
}

/** A matrix of a decoder. */
export interface MatrixFacts extends CommonFacts {
  /**
   * - `block`: of attention or MLP, inside a layer. Schemes initialise it; it is pruned by default, and counts in ranks
   *   and sparsity.
   * - `head`: makes logits. Schemes initialise it; it is not pruned by default. A tied head is no tensor of its own.
   * - `embedding`: [rows, width], rows of which are added to the residual stream. It is drawn alike under every scheme.
   */
  role: 'block' | 'head' | 'embedding';
  /** [out, in] */
  shape: [number, number];
  /** Whether its output is added to the residual stream; of a block matrix [width, inputs]. */
  writesResidual: boolean;
  /** Standard deviation under the family's own initialisation, the scheme `original`; normal with mean 0. */
  deviation: number;
}

/** A vector of a decoder: a gain starts at 1, a bias at 0, under every scheme. */
export interface VectorFacts extends CommonFacts {
  role: 'gain' | 'bias';
  shape: [number];
}

export type TensorFacts = MatrixFacts | VectorFacts;

export function isMatrix(facts: TensorFacts): facts is MatrixFacts {
  return facts.shape.length === 2;
}

/** Facts by tensor name, in the order of a checkpoint file. */
export type TensorTable = ReadonlyMap<string, TensorFacts>;
