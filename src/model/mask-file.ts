/**
 * Masks in a safetensors file, a bit per weight: under the name of each masked tensor the bits of all its weights, row
 * by row, as U8; their shapes are JSON in the metadata `shapes`.
 */
import { SwpError } from '../base/failure.ts';
import { elementCount } from '../base/element-count.ts';
import { isJsonObject } from '../base/json.ts';
import { packBits, packedLength, unpackBits } from '../base/packed-bits.ts';
import type { Masks, Tensor } from './language-model.ts';
import { readSafetensors, writeSafetensors, WRONG_ARTIFACT } from './safetensors.ts';

/** What to do about masks that are stored otherwise. */
export const MASK_REMEDY =
  'docs/stages.md says how masks are stored ("How weights and masks are stored"): a bit per weight, 1 = kept.';

/**
 * Reads masks: 1 = kept, 0 = pruned, a byte for each weight, in the shapes of their weights.
 * @param shapes of the model's tensors, where they are known
 * @param remedy what to do about a file that does not fit
 * @throws SwpError for a missing or corrupt file, one that holds no masks, or a tensor that the model does not have in
 *   this shape
 */
export async function readMasks(
  path: string,
  shapes?: ReadonlyMap<string, readonly number[]>,
  remedy: string = WRONG_ARTIFACT,
): Promise<Masks> {
  const { tensors, metadata } = await readSafetensors(path);
  const unfit = (message: string) => new SwpError({ kind: 'content', path, message, remedy });
  const stored = shapesIn(metadata.shapes);
  if (stored === undefined)
    throw unfit('It holds no masks: its metadata has no "shapes", a JSON object with the shape of every mask.');
  const lacking = [...stored.keys()].find((name) => !tensors.has(name));
  if (lacking !== undefined) throw unfit(`The mask of ${lacking}, which has a shape in the metadata, is missing.`);
  return new Map(
    [...tensors].map(([name, tensor]) => {
      const shape = stored.get(name);
      const wanted = shapes?.get(name);
      if (shape === undefined) throw unfit(`The mask of ${name} has no shape in the metadata.`);
      if (shapes !== undefined && wanted?.join() !== shape.join())
        throw unfit(
          wanted === undefined
            ? `The model has no tensor ${name}, which has a mask.`
            : `The mask of ${name} has the shape [${shape.join(', ')}], the model [${wanted.join(', ')}].`,
        );
      const problem = problemOfBits(tensor, elementCount(shape));
      if (problem !== undefined) throw unfit(`The mask of ${name} ${problem}`);
      return [name, { shape, data: unpackBits(tensor.data as Uint8Array, elementCount(shape)) }];
    }),
  );
}

/**
 * Writes masks, as `readMasks` gives them: the same masks are the same bytes.
 * @param masks 1 = kept, 0 = pruned, a byte for each weight
 */
export async function writeMasks(path: string, masks: Masks): Promise<void> {
  const bits = [...masks].map(([name, { data }]): [string, Tensor] => {
    const packed = packBits(data);
    return [name, { shape: [packed.length], data: packed }];
  });
  const shapes = Object.create(null) as Record<string, number[]>; // so that any text can be a name
  for (const [name, { shape }] of masks) shapes[name] = shape;
  await writeSafetensors(path, new Map(bits), { shapes: JSON.stringify(shapes) });
}

/** The shapes of masks; undefined if the text does not say them. */
function shapesIn(text: string | undefined): Map<string, number[]> | undefined {
  let shapes: unknown;
  try {
    shapes = JSON.parse(text ?? 'null');
  } catch {
    return undefined;
  }
  if (!isJsonObject(shapes as never)) return undefined;
  const entries = Object.entries(shapes as Record<string, unknown>);
  const isShape = (shape: unknown) =>
    Array.isArray(shape) && shape.every((length) => Number.isSafeInteger(length) && (length as number) >= 0);
  return entries.every(([, shape]) => isShape(shape)) ? new Map(entries as [string, number[]][]) : undefined;
}

/** What is wrong with the bits of so many weights; undefined if nothing is. */
function problemOfBits({ data }: Tensor, weights: number): string | undefined {
  if (!(data instanceof Uint8Array)) return 'is not U8.';
  const bytes = packedLength(weights);
  if (data.length !== bytes) return `has ${data.length} bytes, and the bits of ${weights} weights take ${bytes}.`;
  const rest = weights % 8;
  return rest !== 0 && data[bytes - 1]! >>> rest !== 0 ? 'has a bit after that of its last weight.' : undefined;
}
