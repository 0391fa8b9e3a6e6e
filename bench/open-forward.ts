/** A forward pass as the benchmarks time it: losses and predictions, as evaluations take, of fresh random tokens. */
import { CPU_TARGET, type Engine } from '../src/compute/runtimes/runtime.ts';
import { createLanguageModel } from '../src/model/create-language-model.ts';
import type { BenchModel } from './models.ts';
import { fillWeights } from './random-weights.ts';

/** @returns a function that takes one forward pass */
export function openForward({ config, shape }: BenchModel, engine: Engine = 'onnx'): () => Promise<unknown> {
  const model = createLanguageModel(config, shape, { ...CPU_TARGET, engine });
  for (const name of model.tensors.keys()) fillWeights(config, name, model.weight(name));
  const tokens = new Int32Array(shape.batch * (shape.sequence + 1));
  return () => model.lossesAndPredictions(tokens.map(() => Math.floor(Math.random() * config.vocabulary)));
}
