/** Decoders of both families, small enough for the slowest runtime, and data for them. */
import type { Graph } from '../../src/compute/graph/graph.ts';
import type { TensorData } from '../../src/compute/runtimes/runtime.ts';
import type { Gpt2Config } from '../../src/model/decoder/gpt2.ts';
import type { LlamaConfig } from '../../src/model/decoder/llama.ts';
import { dataFor } from './operator-cases.ts';

const SIZES = {
  corpus: 'marker-retrieval' as const,
  layers: 2,
  width: 8,
  heads: 2,
  feedForward: 12,
  vocabulary: 7,
  normEpsilon: 1e-6,
};

export const LLAMA: LlamaConfig = { ...SIZES, family: 'llama', ropeTheta: 1e4 };
export const GPT2: Gpt2Config = { ...SIZES, family: 'gpt2', positions: 6 };

/** Every kind of decoder that a configuration may ask for. */
export const KINDS_OF_DECODERS: readonly [string, LlamaConfig | Gpt2Config][] = [
  ['llama', LLAMA],
  ['llama with grouped queries, a tied head and biases', groupedLlama()],
  ['gpt2', GPT2],
  ['gpt2 with the exact GELU and a head of its own', { ...GPT2, activation: 'gelu', tiedHead: false }],
];

function groupedLlama(): LlamaConfig {
  return { ...LLAMA, heads: 4, keyValueHeads: 2, headWidth: 4, tiedHead: true, attentionBias: true, mlpBias: true };
}

/** Weights around 0, gains around 1, and indices into the vocabulary: for every input of a graph of the above. */
export function trainingFeeds(graph: Graph): Record<string, TensorData> {
  return Object.fromEntries(
    [...graph.inputs].map(([name, { shape, dtype }], seed) => {
      if (dtype === 'int32') return [name, dataFor({ shape: [...shape], integers: SIZES.vocabulary }, seed)];
      const centre = shape.length === 1 && name.endsWith('weight') ? 1 : 0;
      return [name, dataFor({ shape: [...shape], low: centre - 0.3, high: centre + 0.3 }, seed)];
    }),
  );
}
