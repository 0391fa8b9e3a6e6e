/**
 * A model as others publish it, whatever its files are: Hugging Face's (published-folder.ts) or others. Its
 * configuration and its tensors are given as swp has them.
 */
import { elementCount } from '../base/element-count.ts';
import { SwpError } from '../base/failure.ts';
import { parameterShapes } from './decoder/decoder-graph.ts';
import type { ModelConfig } from './decoder/family.ts';
import { nonFiniteNumbers } from './finite-tensors.ts';
import type { FloatTensor, MemoryFor, Weights } from './language-model.ts';

export interface PublishedFile {
  /** Name within the model, such as `model.safetensors`. */
  name: string;
  path: string;
}

/** What is read from must stay open until it is closed. */
export interface PublishedModel {
  readonly config: ModelConfig;
  /** The files that hold its weights, the index of shards first. */
  readonly files: readonly PublishedFile[];
  /** What was decided where the files contradict each other or leave something open, one sentence each. */
  readonly notes: readonly string[];
  /**
   * Reads a tensor of the configuration, a matrix as [out, in], straight into memory.
   * @param name as `parameterShapes` has it
   * @param into as many numbers as the tensor has
   * @throws SwpError if the file cannot be read, or ends too early
   */
  read(name: string, into: Float32Array): Promise<void>;
  close(): Promise<void>;
}

/**
 * All weights of a model, in the order of its configuration.
 * @param memoryFor fresh memory by default
 * @throws SwpError if a tensor cannot be read, or holds a number that is not finite
 */
export async function readPublishedWeights(
  model: PublishedModel,
  remedy: string,
  memoryFor?: MemoryFor,
): Promise<Weights> {
  const weights: Weights = new Map();
  for (const [name, shape] of parameterShapes(model.config)) {
    const tensor: FloatTensor = { shape, data: memoryFor?.(name, shape) ?? new Float32Array(elementCount(shape)) };
    await model.read(name, tensor.data);
    const broken = nonFiniteNumbers([[name, tensor]]);
    if (broken !== undefined)
      throw new SwpError({ kind: 'content', path: model.files.at(-1)!.path, message: broken, remedy });
    weights.set(name, tensor);
  }
  return weights;
}
