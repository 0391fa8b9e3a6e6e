/** What a tensor's name says of its place in the model. Names follow Hugging Face's Llama; matrices are [out, in]. */

const BLOCK_MATRIX = /^model\.layers\.(\d+)\..+_proj\.weight$/;

/** Whether a tensor is one of the 2-D weights of attention and MLP: the weights that ranks and sparsity count. */
export function isBlockMatrix(name: string, shape: readonly number[]): boolean {
  return shape.length === 2 && BLOCK_MATRIX.test(name);
}

/** Layer of a tensor inside a block. @throws Error for embeddings, head and final norm, which belong to none */
export function layerOf(name: string): number {
  const layer = /^model\.layers\.(\d+)\./.exec(name)?.[1];
  if (layer === undefined) throw new Error(`The tensor ${name} belongs to no layer.`);
  return Number(layer);
}

/** Kind of a tensor: the last part of its name but `weight`, such as `down_proj`, `input_layernorm`, `lm_head`. */
export function tensorKind(name: string): string {
  return name.replace(/\.weight$/, '').split('.').at(-1)!;
}

/** The tensor in which super weights are sought: the down projection of a layer's MLP. */
export function downProjection(layer: number): string {
  return `model.layers.${layer}.mlp.down_proj.weight`;
}
