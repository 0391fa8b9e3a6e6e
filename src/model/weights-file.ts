/**
 * A model's weights in a safetensors file: every tensor that the configuration names, in its shape, and nothing else.
 */
import { parameterShapes } from './decoder/decoder-graph.ts';
import { tensorsOf } from './decoder/family-of.ts';
import type { ModelConfig, TensorTable } from './decoder/model-facts.ts';
import { nonFiniteNumbers } from './finite-tensors.ts';
import type { FloatTensor, Tensor, Weights } from './language-model.ts';
import { readModelConfig } from './model-config.ts';
import { WRONG_ARTIFACT } from './safetensors.ts';
import { readStoredTensors } from './stored-tensors.ts';
import { SwpError } from '../base/failure.ts';
import { nearestName, quoted } from '../base/nearest-name.ts';

/**
 * Reads weights in the order of the configuration.
 * @param remedy what to do about a file that does not fit
 * @throws SwpError if the file is missing or corrupt, lacks a tensor, has one too many, or one of another shape or
 *   type, or holds a value that is not finite
 */
export async function readModelWeights(path: string, config: ModelConfig, remedy: string): Promise<Weights> {
  const { tensors } = await readStoredTensors(path);
  const shapes = parameterShapes(config);
  const surplus = [...tensors.keys()].filter((name) => !shapes.has(name));
  if (surplus.length > 0) {
    const missing = [...shapes.keys()].filter((name) => !tensors.has(name));
    throw unfit(path, surplusText(surplus, missing), remedy);
  }
  return new Map(
    [...shapes].map(([name, shape]) => {
      const { data } = floatTensor(tensors, { name, shape }, path, remedy);
      return [name, { shape, data } satisfies FloatTensor];
    }),
  );
}

/** @param missing tensors of the model that the file lacks: one of them may be what a surplus one is meant to be */
function surplusText(surplus: readonly string[], missing: readonly string[]): string {
  const [name = ''] = surplus;
  const meant =
    missing.find((each) => each.endsWith(`.${name}`) || name.endsWith(`.${each}`)) ?? nearestName(name, missing);
  const others = surplus.length > 1 ? `, and none of ${surplus.length - 1} others of the file` : '';
  const hint = meant === undefined ? '' : ` Its tensor ${quoted(meant)} is missing in the file.`;
  return `The model has no tensor ${quoted(name)}${others}.${hint}`;
}

/**
 * A float32 tensor of a file that was read, checked against the shape that the model gives it.
 * @param tensors all of the file, by name
 * @throws SwpError if it is missing, has another shape or type, or holds a value that is not finite
 */
export function floatTensor(
  tensors: ReadonlyMap<string, Tensor>,
  { name, shape }: { name: string; shape: readonly number[] },
  path: string,
  remedy: string,
): FloatTensor {
  const tensor = tensors.get(name);
  const wanted = `[${shape.join(', ')}]`;
  if (tensor === undefined) throw unfit(path, `The tensor ${name} of shape ${wanted} is missing.`, remedy);
  const found = `[${tensor.shape.join(', ')}]`;
  if (found !== wanted) throw unfit(path, `The tensor ${name} has the shape ${found}, the model ${wanted}.`, remedy);
  if (!(tensor.data instanceof Float32Array))
    throw unfit(path, `The tensor ${name} is U8 or BOOL; weights are F32, F16 or BF16.`, remedy);
  const broken = nonFiniteNumbers([[name, tensor]]);
  if (broken !== undefined) throw unfit(path, broken, `A training that diverged makes such weights. ${remedy}`);
  return { shape: tensor.shape, data: tensor.data };
}

/**
 * Every tensor of a model under models/, by name: its kind, layer, role and shape. Those of the role `block`, the
 * matrices of attention and MLP, are what prune takes by default.
 * @throws SwpError if there is no such model
 */
export async function modelTensors(model: string): Promise<TensorTable> {
  return tensorsOf(await readModelConfig(model));
}

/**
 * Reads weights whatever model they are of: float32 by tensor name, matrices as [out, in], row by row.
 * @throws SwpError for a missing or corrupt file, another type than float32, or a value that is not finite
 */
export async function readWeights(path: string): Promise<Weights> {
  const { tensors } = await readStoredTensors(path);
  return new Map(
    [...tensors].map(([name, { shape }]) => [name, floatTensor(tensors, { name, shape }, path, WRONG_ARTIFACT)]),
  );
}

function unfit(path: string, message: string, remedy: string): SwpError {
  return new SwpError({ kind: 'content', path, message, remedy });
}
