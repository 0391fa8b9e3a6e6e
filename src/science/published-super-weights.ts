/**
 * Super weights that others have published, with where they did. A coordinate is a claim about one set of weights, and
 * models are fine-tuned, converted and renamed: so a claim is looked up by the shape of a model, which several models
 * share, and whether it holds of the weights at hand is for the causal test to say.
 */
import type { ModelConfig } from '../model/decoder/family.ts';

/** What tells a model apart here: nothing that a name could lie about. */
type ModelShape = Pick<ModelConfig, 'layers' | 'width' | 'feedForward' | 'vocabulary'>;

export interface PublishedSuperWeight {
  /** The model, as its source calls it. */
  model: string;
  source: string;
  /** Layer of the down projection, counted from 0. */
  layer: number;
  /** Output channel. */
  row: number;
  /** Input channel. */
  col: number;
}

const PAPER = 'Yu et al. 2024, arXiv 2411.07191, table 2';
/** Coordinates that the paper's table does not have. */
const CODE = 'Yu et al. 2024, SUPER_WEIGHTS_MAP of github.com/mengxiayu/LLMSuperWeight';

/** Layers, width, width of the MLP and vocabulary, as the models' published configurations have them. */
type Shape = readonly [layers: number, width: number, feedForward: number, vocabulary: number];
/** Layer, row and column. */
type Place = readonly [layer: number, row: number, col: number];

const PUBLISHED: readonly (readonly [model: string, source: string, shape: Shape, ...places: Place[]])[] = [
  ['Llama-7B', PAPER, [32, 4096, 11008, 32000], [2, 3968, 7003]],
  ['Llama-13B', PAPER, [40, 5120, 13824, 32000], [2, 2231, 2278], [2, 2231, 6939]],
  ['Llama-30B', PAPER, [60, 6656, 17920, 32000], [3, 5633, 12817], [3, 5633, 17439], [10, 5633, 14386]],
  ['Llama2-7B', PAPER, [32, 4096, 11008, 32000], [1, 2533, 7890]],
  ['Llama2-13B', PAPER, [40, 5120, 13824, 32000], [3, 4743, 7678]],
  ['Mistral-7B v0.1', PAPER, [32, 4096, 14336, 32000], [1, 2070, 7310]],
  ['Meta-Llama-3-8B', CODE, [32, 4096, 14336, 128256], [1, 788, 2427], [1, 1384, 2427], [1, 4062, 2427]],
  ['OLMo-1B 0724-hf', PAPER, [16, 2048, 8192, 50304], [1, 1764, 1710], [1, 1764, 8041]],
  // The code has the second of them in the layer above.
  ['OLMo-1B 0724-hf', CODE, [16, 2048, 8192, 50304], [2, 1764, 8041]],
  ['OLMo-7B 0724-hf', PAPER, [32, 4096, 11008, 50304], [1, 269, 7467], [2, 269, 8275], [7, 269, 453], [24, 269, 2300]],
  [
    'Phi-3-mini-4k-instruct',
    PAPER,
    [32, 3072, 8192, 32064],
    [2, 525, 808],
    [2, 1693, 808],
    [2, 1113, 808],
    [4, 525, 2723],
    [4, 1113, 2723],
    [4, 1693, 2723],
  ],
];

/** What has been published of models of this shape. */
export function publishedSuperWeights({ layers, width, feedForward, vocabulary }: ModelShape): PublishedSuperWeight[] {
  const shape = [layers, width, feedForward, vocabulary];
  return PUBLISHED.filter(([, , of]) => of.every((size, index) => size === shape[index])).flatMap(
    ([model, source, , ...places]) => places.map(([layer, row, col]) => ({ model, source, layer, row, col })),
  );
}
