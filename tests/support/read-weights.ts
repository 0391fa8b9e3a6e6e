/** Weights of a file, whatever model they are of. */
import type { Weights } from '../../src/model/language-model.ts';
import { readStoredTensors } from '../../src/model/stored-tensors.ts';

export async function readWeights(path: string): Promise<Weights> {
  const { tensors } = await readStoredTensors(path);
  return new Map(
    [...tensors].map(([name, { shape, data }]) => {
      if (data instanceof Float32Array) return [name, { shape, data }];
      throw new Error(`${path}: the tensor ${name} is not float32.`);
    }),
  );
}
