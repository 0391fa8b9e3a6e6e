/** The random models in which the detector is tried. Nothing in them is trained, so nothing is a super weight. */
import { corpusOf } from '../model/corpora.ts';
import type { ModelConfig } from '../model/language-model.ts';

/** The language that the random models read. Their weights know nothing of it; it says where spikes sit. */
export const RANDOM_MODELS_CORPUS: ModelConfig['corpus'] = 'marker-retrieval';

/** Which random models there are: one for every combination. */
export interface RandomModels {
  families: readonly ModelConfig['family'][];
  layers: readonly number[];
  widths: readonly number[];
  /** Longest sequence that they read. */
  sequenceLength: number;
}

/** Their configurations, for sequences of at most that length. */
export function randomModelConfigs({ families, layers, widths, sequenceLength }: RandomModels): ModelConfig[] {
  const { vocabulary } = corpusOf({ corpus: RANDOM_MODELS_CORPUS });
  return families.flatMap((family) =>
    layers.flatMap((layerCount) =>
      widths.map((width): ModelConfig => {
        const size = { corpus: RANDOM_MODELS_CORPUS, layers: layerCount, width, heads: 2, vocabulary };
        // As many hidden channels as give both families' MLPs the same number of weights.
        return family === 'llama'
          ? { family, ...size, feedForward: 2 * width, ropeTheta: 10_000, normEpsilon: 1e-6 }
          : { family, ...size, feedForward: 3 * width, positions: sequenceLength, normEpsilon: 1e-5 };
      }),
    ),
  );
}
