/** The models of the benchmarks: the built-in one, GPT-2-like decoders from tiny to GPT-2 itself, and SmolLM2-135M. */
import type { DecoderShape } from '../src/model/decoder/family.ts';
import type { Gpt2Config } from '../src/model/decoder/gpt2.ts';
import type { LlamaConfig } from '../src/model/decoder/llama.ts';

export interface BenchModel {
  name: string;
  config: LlamaConfig | Gpt2Config;
  shape: DecoderShape;
}

export const BENCH_MODELS: readonly BenchModel[] = [
  {
    name: 'built-in',
    config: {
      family: 'llama',
      corpus: 'marker-retrieval',
      layers: 3,
      width: 48,
      heads: 2,
      feedForward: 96,
      vocabulary: 64,
      ropeTheta: 10_000,
      normEpsilon: 1e-6,
    },
    shape: { batch: 16, sequence: 64 },
  },
  gpt2('tiny', { layers: 2, width: 64, heads: 4, vocabulary: 256 }, { batch: 16, sequence: 64 }),
  gpt2('small', { layers: 4, width: 128, heads: 4, vocabulary: 512 }, { batch: 8, sequence: 128 }),
  gpt2('medium', { layers: 6, width: 384, heads: 6, vocabulary: 4096 }, { batch: 2, sequence: 256 }),
  gpt2('gpt2', { layers: 12, width: 768, heads: 12, vocabulary: 50_257 }, { batch: 1, sequence: 128 }),
];

/** SmolLM2-135M, as published: grouped queries, a tied head and a vocabulary of 49,152. */
export function smollm2(shape: DecoderShape): BenchModel {
  return {
    name: 'SmolLM2-135M',
    shape,
    config: {
      family: 'llama',
      layers: 30,
      width: 576,
      heads: 9,
      keyValueHeads: 3,
      feedForward: 1536,
      vocabulary: 49_152,
      ropeTheta: 100_000,
      normEpsilon: 1e-5,
      tiedHead: true,
    },
  };
}

/** @throws Error if there is none of that name */
export function benchModel(name: string): BenchModel {
  const found = BENCH_MODELS.find((model) => model.name === name);
  if (found === undefined) throw new Error(`There is no model ${name} in bench/models.ts.`);
  return found;
}

function gpt2(
  name: string,
  size: { layers: number; width: number; heads: number; vocabulary: number },
  shape: DecoderShape,
): BenchModel {
  return {
    name,
    shape,
    config: {
      family: 'gpt2',
      corpus: 'marker-retrieval',
      ...size,
      feedForward: 4 * size.width,
      positions: shape.sequence,
      normEpsilon: 1e-5,
    },
  };
}
