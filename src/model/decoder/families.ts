/** The decoder families by name. A new one is a file beside this one, a line here, and its configuration's schema. */
import type { ModelConfig } from '../language-model.ts';
import type { DecoderFamily } from './family.ts';
import { gpt2 } from './gpt2.ts';
import { llama } from './llama.ts';

const FAMILIES: { [Name in ModelConfig['family']]: DecoderFamily<Extract<ModelConfig, { family: Name }>> } = {
  gpt2,
  llama,
};

export function familyOf<Config extends ModelConfig>(config: Config): DecoderFamily<Config> {
  return FAMILIES[config.family] as unknown as DecoderFamily<Config>; // the table's type ties names to configurations
}
