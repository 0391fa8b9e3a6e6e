/** The weights that the study is about: the matrices of attention and MLP. */
import type { TensorTable } from './decoder/family.ts';

/** Names of the block matrices: the weights that ranks and sparsity count, and that are pruned by default. */
export function blockMatrices(tensors: TensorTable): string[] {
  return [...tensors].flatMap(([name, { role }]) => (role === 'block' ? [name] : []));
}
