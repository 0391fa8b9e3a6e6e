/** Initial weights. Whatever the scheme, nothing of a pretrained model survives in them. */
import { elementCount } from '../base/element-count.ts';
import type { FloatTensor, Weights } from '../model/language-model.ts';
import { stream, type RandomStream } from '../base/random.ts';
import { tensorKind } from '../model/tensor-name.ts';

export type InitialisationScheme = 'xavier' | 'kaiming' | 'original';

export const EMBEDDINGS = ['embed_tokens', 'wte', 'wpe'];
/** What writes to the residual stream, once or twice per layer. */
export const RESIDUAL_WRITERS = ['o_proj', 'down_proj', 'attn.c_proj', 'mlp.c_proj'];

/** Standard deviation of embeddings under every scheme, and of all matrices under `original`. */
export const BASE_DEVIATION = 0.02;

/**
 * Draws a model's weights.
 *
 * - `xavier`: matrices uniform within sqrt(6 / (in + out)) (Glorot & Bengio 2010).
 * - `kaiming`: matrices normal with deviation sqrt(2 / in) (He et al. 2015).
 * - `original`: the families' own: matrices N(0, 0.02), those that write to the residual stream divided by sqrt(2 L)
 *   (Radford et al. 2019).
 *
 * "Matrices" are the block matrices and the head. Embeddings are N(0, 0.02), gains 1 and biases 0 under every scheme.
 * Each tensor has its own random stream, so that kaiming and original differ by scale alone.
 * @param shapes name and shape [out, in] of every parameter
 * @param purpose what the weights are for, the stream's name: `fresh` ones are others than those of `init`
 */
export function initialise(
  shapes: ReadonlyMap<string, readonly number[]>,
  scheme: InitialisationScheme,
  seed: number,
  layers: number,
  purpose: 'init' | 'fresh' = 'init',
): Weights {
  return new Map(
    [...shapes].map(([name, shape]) => {
      const random = stream(seed, `${purpose}/${name}`);
      return [name, { shape: [...shape], data: draw(name, shape, scheme, layers, random) } satisfies FloatTensor];
    }),
  );
}

function draw(
  name: string,
  shape: readonly number[],
  scheme: InitialisationScheme,
  layers: number,
  random: RandomStream,
): Float32Array {
  const data = new Float32Array(elementCount(shape));
  if (shape.length === 1) return data.fill(name.endsWith('.bias') ? 0 : 1);
  const [out, into] = shape as [number, number];
  const kind = tensorKind(name);
  const normal = (deviation: number) => data.map(() => deviation * random.normal());
  if (EMBEDDINGS.includes(kind)) return normal(BASE_DEVIATION);
  switch (scheme) {
    case 'xavier': {
      const bound = Math.sqrt(6 / (into + out));
      return data.map(() => bound * (2 * random.uniform() - 1));
    }
    case 'kaiming':
      return normal(Math.sqrt(2 / into));
    case 'original': {
      return normal(RESIDUAL_WRITERS.includes(kind) ? BASE_DEVIATION / Math.sqrt(2 * layers) : BASE_DEVIATION);
    }
  }
}
