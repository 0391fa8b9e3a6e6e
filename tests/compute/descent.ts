/** Gradient descent on a session: weights that follow from everything it computed, to compare sessions bit by bit. */
import { createHash } from 'node:crypto';
import type { Graph } from '../../src/compute/graph/graph.ts';
import { elementCount } from '../../src/base/element-count.ts';
import { libraryEntries } from '../../src/compute/runtimes/onnx/session-options.ts';
import { lowerToOnnx } from '../../src/compute/runtimes/onnx/lowering.ts';
import { loadOnnxLibrary } from '../../src/compute/runtimes/onnx/onnx-library.ts';
import { ViewingSession } from '../../src/compute/runtimes/onnx/viewing-session.ts';
import { CPU_TARGET, type GraphSession, type TensorData } from '../../src/compute/runtimes/runtime.ts';
import { buildTrainingGraph } from '../../src/model/decoder/decoder-graph.ts';
import type { DecoderShape } from '../../src/model/decoder/family.ts';
import type { Gpt2Config } from '../../src/model/decoder/gpt2.ts';
import type { LlamaConfig } from '../../src/model/decoder/llama.ts';

const LEARNING_RATE = 0.1;

/** How a graph reaches ONNX Runtime: what stages use, the package's interface, the library's with so many threads. */
export type Access = 'stages' | 'package' | { threads: number };

export interface DescentModel {
  config: LlamaConfig | Gpt2Config;
  shape: DecoderShape;
}

const GPT2 = { family: 'gpt2', corpus: 'marker-retrieval', layers: 1, normEpsilon: 1e-5 } as const;

/** GPT-2s whose products are large enough for two threads to share them: few tokens for their width, and many. */
export const GPT2_FEW_TOKENS: DescentModel = {
  config: { ...GPT2, width: 192, heads: 4, feedForward: 768, vocabulary: 1024, positions: 64 },
  shape: { batch: 2, sequence: 64 },
};
export const GPT2_MANY_TOKENS: DescentModel = {
  config: { ...GPT2, width: 128, heads: 4, feedForward: 512, vocabulary: 1024, positions: 64 },
  shape: { batch: 8, sequence: 64 },
};

export interface Descent {
  losses: number[];
  weights: Record<string, Float32Array>;
  /** Of all bits of both. */
  digest: string;
}

/** @param between called after every step */
export async function descend(
  { config, shape }: DescentModel,
  access: Access,
  steps: number,
  between = () => {},
): Promise<Descent> {
  const { graph, parameters } = buildTrainingGraph(config, shape);
  const session = await open(graph, access);
  const feeds = feedsOf(graph, config.vocabulary);
  for (const [name, data] of Object.entries(feeds)) session.feed(name, data);
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const outputs = await session.run();
    losses.push(outputs.loss![0]!);
    for (const { name } of parameters)
      outputs[`gradient:${name}`]!.forEach(
        (gradient, index) => void (feeds[name]![index]! -= LEARNING_RATE * gradient),
      );
    between();
  }
  await session.release();
  const weights = Object.fromEntries(parameters.map(({ name }) => [name, feeds[name] as Float32Array]));
  const hash = createHash('sha256').update(Float64Array.from(losses));
  for (const data of Object.values(weights)) hash.update(data);
  return { losses, weights, digest: hash.digest('hex') };
}

async function open(graph: Graph, access: Access): Promise<GraphSession> {
  if (typeof access === 'object')
    return new ViewingSession(loadOnnxLibrary(), lowerToOnnx(graph), graph, libraryEntries(), access.threads);
  // Loaded only here: the package keeps the library open, which a process that does without it must do itself.
  const { onnxRuntime, packageRuntime } = await import('../../src/compute/runtimes/onnx/onnx-runtime.ts');
  return (access === 'stages' ? onnxRuntime : packageRuntime).open(graph, CPU_TARGET);
}

/** Weights around 0, gains around 1, and indices into the vocabulary; each array in memory of its own. */
function feedsOf(graph: Graph, vocabulary: number): Record<string, TensorData> {
  let state = 1;
  const draw = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return Object.fromEntries(
    [...graph.inputs].map(([name, { shape, dtype }]) => {
      const length = elementCount(shape);
      if (dtype === 'int32') return [name, Int32Array.from({ length }, () => Math.floor(draw() * vocabulary))];
      const centre = shape.length === 1 && name.endsWith('weight') ? 1 : 0;
      return [name, Float32Array.from({ length }, () => centre + (draw() - 0.5) * 0.2)];
    }),
  );
}
