/** Initial weights. Whatever the scheme, nothing of a pretrained model survives in them. */
import { stream, type RandomStream } from '../base/random.ts';
import { isMatrix, type TensorFacts, type TensorTable } from '../model/decoder/family.ts';
import type { Weights } from '../model/language-model.ts';

export type InitialisationScheme = 'xavier' | 'kaiming' | 'original';

/**
 * Draws a model's weights.
 *
 * - `xavier`: matrices uniform within sqrt(6 / (in + out)) (Glorot & Bengio 2010).
 * - `kaiming`: matrices normal with deviation sqrt(2 / in) (He et al. 2015).
 * - `original`: the family's own: normal with the deviation that the family declares for each matrix.
 *
 * "Matrices" are the block matrices and the head. Embeddings have the family's own deviation, gains are 1 and biases 0
 * under every scheme. Each tensor has its own random stream, so that kaiming and original differ by scale alone.
 * @param purpose what the weights are for, the stream's name: `fresh` ones are others than those of `init`
 */
export function initialise(
  tensors: TensorTable,
  scheme: InitialisationScheme,
  seed: number,
  purpose: 'init' | 'fresh' = 'init',
): Weights {
  return new Map(
    [...tensors].map(([name, facts]) => {
      const random = stream(seed, `${purpose}/${name}`);
      return [name, { shape: [...facts.shape], data: draw(facts, scheme, random) }];
    }),
  );
}

function draw(facts: TensorFacts, scheme: InitialisationScheme, random: RandomStream): Float32Array {
  if (!isMatrix(facts)) return new Float32Array(facts.shape[0]).fill(facts.role === 'gain' ? 1 : 0);
  const [out, into] = facts.shape;
  const data = new Float32Array(out * into);
  const normal = (deviation: number) => data.map(() => deviation * random.normal());
  if (facts.role === 'embedding') return normal(facts.deviation);
  switch (scheme) {
    case 'xavier': {
      const bound = Math.sqrt(6 / (into + out));
      return data.map(() => bound * (2 * random.uniform() - 1));
    }
    case 'kaiming':
      return normal(Math.sqrt(2 / into));
    case 'original':
      return normal(facts.deviation);
  }
}
