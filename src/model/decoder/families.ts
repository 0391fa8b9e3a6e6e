/** The decoder families by name. A new one is a file beside this one and a line here. */
import type { DecoderFamily, ModelConfig, TensorTable } from './family.ts';
import { gpt2 } from './gpt2.ts';
import { llama } from './llama.ts';

export const FAMILIES: Record<string, DecoderFamily> = {
  gpt2,
  llama,
};

/** The family of a configuration that was checked. */
export function familyOf({ family }: Pick<ModelConfig, 'family'>): DecoderFamily {
  const found = Object.hasOwn(FAMILIES, family) ? FAMILIES[family] : undefined;
  if (found === undefined) throw new Error(`There is no decoder family "${family}".`);
  return found;
}

/** Every tensor of a model with what its family says of it, in the order of its checkpoint. */
export function tensorsOf(config: ModelConfig): TensorTable {
  return familyOf(config).tensors(config);
}
