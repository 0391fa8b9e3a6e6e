/** The family of a model, and what it says of the model's tensors. */
import { entryOf } from '../../base/json.ts';
import * as declared from './families.ts';
import type { DecoderFamily, ModelConfig, TensorTable } from './family.ts';

/** By name. */
export const FAMILIES: Readonly<Record<string, DecoderFamily>> = declared;

/** The family of a configuration that was checked. */
export function familyOf({ family }: Pick<ModelConfig, 'family'>): DecoderFamily {
  const found = entryOf(FAMILIES, family);
  if (found === undefined) throw new Error(`There is no decoder family "${family}".`);
  return found;
}

/** Every tensor of a model with what its family says of it, in the order of its checkpoint. */
export function tensorsOf(config: ModelConfig): TensorTable {
  return familyOf(config).tensors(config);
}
