/** Weights of the benchmarks: random numbers of the size that trained ones have. */
import { tensorsOf } from '../src/model/decoder/family-of.ts';
import type { ModelConfig } from '../src/model/decoder/family.ts';

/** Fills the memory of a tensor: gains with 1, biases with 0, matrices at random. */
export function fillWeights(config: ModelConfig, name: string, weight: Float32Array): void {
  const { role } = tensorsOf(config).get(name)!;
  const [centre, spread] = role === 'gain' ? [1, 0] : role === 'bias' ? [0, 0] : [0, 0.07];
  for (let index = 0; index < weight.length; index++) weight[index] = centre + (Math.random() - 0.5) * spread;
}
