/** A model as small as a benchmark can train it. */
import type { BenchModel } from '../../bench/models.ts';

export const LEAST_MODEL: BenchModel = {
  name: 'least',
  config: {
    family: 'gpt2',
    corpus: 'marker-retrieval',
    layers: 1,
    width: 8,
    heads: 2,
    feedForward: 16,
    vocabulary: 7,
    positions: 4,
    normEpsilon: 1e-5,
  },
  shape: { batch: 2, sequence: 4 },
};
