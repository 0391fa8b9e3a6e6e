/**
 * What a tensor's name says of its place in the model. Names follow Hugging Face's Llama and GPT-2; matrices are
 * [out, in].
 */

const BLOCK = /^(?:model\.layers|transformer\.h)\.(\d+)\./;
const MATRIX = /(?:_proj|\.c_attn|\.c_fc)\.weight$/;

/** Whether a tensor is one of the 2-D weights of attention and MLP: the weights that ranks and sparsity count. */
export function isBlockMatrix(name: string, shape: readonly number[]): boolean {
  return shape.length === 2 && BLOCK.test(name) && MATRIX.test(name);
}

/** Layer of a tensor inside a block. @throws Error for embeddings, head and final norm, which belong to none */
export function layerOf(name: string): number {
  const layer = BLOCK.exec(name)?.[1];
  if (layer === undefined) throw new Error(`The tensor ${name} belongs to no layer.`);
  return Number(layer);
}

/**
 * Kind of a tensor: the last part of its name but `weight`, such as `down_proj`, `input_layernorm`, `lm_head`; GPT-2
 * has two kinds of `c_proj`, `attn.c_proj` and `mlp.c_proj`.
 */
export function tensorKind(name: string): string {
  const parts = name.replace(/\.(weight|bias)$/, '').split('.');
  return parts.at(-1) === 'c_proj' ? parts.slice(-2).join('.') : parts.at(-1)!;
}
