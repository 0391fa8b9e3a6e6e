/**
 * A model's weights in a safetensors file: every tensor that the configuration names, in its shape, and nothing else.
 */
import { parameterShapes } from './decoder/decoder-graph.ts';
import type { FloatTensor, Masks, ModelConfig, Weights } from './language-model.ts';
import { readSafetensors } from './safetensors.ts';
import { SwpError } from '../base/failure.ts';

/**
 * Reads weights in the order of the configuration.
 * @param remedy what to do about a file that does not fit
 * @throws SwpError if the file is missing or corrupt, lacks a tensor, has one too many, or one of another shape or
 *   type,
 *   or holds a value that is not finite
 */
export async function readModelWeights(path: string, config: ModelConfig, remedy: string): Promise<Weights> {
  const { tensors } = await readSafetensors(path);
  const refuse = (message: string) => new SwpError({ kind: 'content', path, message, remedy });
  const shapes = parameterShapes(config);
  const surplus = [...tensors.keys()].find((name) => !shapes.has(name));
  if (surplus !== undefined) throw refuse(`The model has no tensor ${surplus}.`);
  return new Map(
    [...shapes].map(([name, shape]) => {
      const tensor = tensors.get(name);
      if (tensor === undefined) throw refuse(`The tensor ${name} of shape [${shape.join(', ')}] is missing.`);
      if (tensor.shape.join() !== shape.join())
        throw refuse(`The tensor ${name} has the shape [${tensor.shape.join(', ')}], the model [${shape.join(', ')}].`);
      if (!(tensor.data instanceof Float32Array)) throw refuse(`The tensor ${name} is not float32.`);
      const broken = tensor.data.findIndex((value) => !Number.isFinite(value));
      if (broken >= 0) throw refuse(`Element ${broken} of ${name} is ${tensor.data[broken]}.`);
      return [name, { shape, data: tensor.data } satisfies FloatTensor];
    }),
  );
}

/**
 * Reads float32 tensors under whatever names they have. @throws SwpError for a missing or corrupt file, or another type
 */
export async function readWeights(path: string): Promise<Weights> {
  return typed(path, Float32Array, 'float32');
}

/** Reads masks: 1 = kept, 0 = pruned. @throws SwpError for a missing or corrupt file, or another type */
export async function readMasks(path: string): Promise<Masks> {
  return typed(path, Uint8Array, 'U8');
}

async function typed<Data extends Float32Array | Uint8Array>(
  path: string,
  type: new (length: number) => Data,
  typeName: string,
) {
  const { tensors } = await readSafetensors(path);
  return new Map(
    [...tensors].map(([name, { shape, data }]) => {
      if (data instanceof type) return [name, { shape, data: data as Data }];
      throw new SwpError({
        kind: 'content',
        path,
        message: `The tensor ${name} is not ${typeName}.`,
        remedy: 'The artifact is damaged or was given under the wrong name.',
      });
    }),
  );
}
