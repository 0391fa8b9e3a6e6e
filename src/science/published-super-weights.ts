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

interface PublishedModel {
  model: string;
  source: string;
  shape: ModelShape;
  /** Layer, row and column of each. */
  places: readonly (readonly [layer: number, row: number, col: number])[];
}

const PAPER = 'Yu et al. 2024, arXiv 2411.07191, table 2';
/** Coordinates that the paper's table does not have. */
const CODE = 'Yu et al. 2024, SUPER_WEIGHTS_MAP of github.com/mengxiayu/LLMSuperWeight';

const shape = (layers: number, width: number, feedForward: number, vocabulary: number): ModelShape => ({
  layers,
  width,
  feedForward,
  vocabulary,
});

/** Shapes are those of the models' published configurations. */
const PUBLISHED: readonly PublishedModel[] = [
  { model: 'Llama-7B', source: PAPER, shape: shape(32, 4096, 11008, 32000), places: [[2, 3968, 7003]] },
  {
    model: 'Llama-13B',
    source: PAPER,
    shape: shape(40, 5120, 13824, 32000),
    places: [
      [2, 2231, 2278],
      [2, 2231, 6939],
    ],
  },
  {
    model: 'Llama-30B',
    source: PAPER,
    shape: shape(60, 6656, 17920, 32000),
    places: [
      [3, 5633, 12817],
      [3, 5633, 17439],
      [10, 5633, 14386],
    ],
  },
  { model: 'Llama2-7B', source: PAPER, shape: shape(32, 4096, 11008, 32000), places: [[1, 2533, 7890]] },
  { model: 'Llama2-13B', source: PAPER, shape: shape(40, 5120, 13824, 32000), places: [[3, 4743, 7678]] },
  { model: 'Mistral-7B v0.1', source: PAPER, shape: shape(32, 4096, 14336, 32000), places: [[1, 2070, 7310]] },
  {
    model: 'Meta-Llama-3-8B',
    source: CODE,
    shape: shape(32, 4096, 14336, 128256),
    places: [
      [1, 788, 2427],
      [1, 1384, 2427],
      [1, 4062, 2427],
    ],
  },
  {
    model: 'OLMo-1B 0724-hf',
    source: PAPER,
    shape: shape(16, 2048, 8192, 50304),
    places: [
      [1, 1764, 1710],
      [1, 1764, 8041],
    ],
  },
  // The code has the second of them in the layer above.
  { model: 'OLMo-1B 0724-hf', source: CODE, shape: shape(16, 2048, 8192, 50304), places: [[2, 1764, 8041]] },
  {
    model: 'OLMo-7B 0724-hf',
    source: PAPER,
    shape: shape(32, 4096, 11008, 50304),
    places: [
      [1, 269, 7467],
      [2, 269, 8275],
      [7, 269, 453],
      [24, 269, 2300],
    ],
  },
  {
    model: 'Phi-3-mini-4k-instruct',
    source: PAPER,
    shape: shape(32, 3072, 8192, 32064),
    places: [
      [2, 525, 808],
      [2, 1693, 808],
      [2, 1113, 808],
      [4, 525, 2723],
      [4, 1113, 2723],
      [4, 1693, 2723],
    ],
  },
];

/** What has been published of models of this shape. */
export function publishedSuperWeights(config: ModelShape): PublishedSuperWeight[] {
  return PUBLISHED.filter((each) =>
    (['layers', 'width', 'feedForward', 'vocabulary'] as const).every((name) => each.shape[name] === config[name]),
  ).flatMap(({ model, source, places }) => places.map(([layer, row, col]) => ({ model, source, layer, row, col })));
}
