/** The random models in which the detector is tried. Nothing in them is trained, so nothing is a super weight. */
import { corpusOf } from '../model/corpora.ts';
import { familyOf } from '../model/decoder/family-of.ts';
import type { ModelConfig } from '../model/decoder/family.ts';

/** The language that the random models read. Their weights know nothing of it; it says where spikes sit. */
export const RANDOM_MODELS_CORPUS: NonNullable<ModelConfig['corpus']> = 'marker-retrieval';

/** Which random models there are: one for every combination. */
export interface RandomModels {
  families: readonly string[];
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
      widths.map((width) =>
        familyOf({ family }).ofSize({
          ...{ corpus: RANDOM_MODELS_CORPUS, vocabulary, sequence: sequenceLength },
          ...{ layers: layerCount, width, heads: 2 },
        }),
      ),
    ),
  );
}
