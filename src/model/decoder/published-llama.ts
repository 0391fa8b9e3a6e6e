/** Llama as Hugging Face publishes it: transformers' LlamaConfig with its defaults, files of LlamaForCausalLM. */
import type { ConfigFields } from '../config-fields.ts';
import type { LlamaConfig } from './llama.ts';
import type { PublishedFamily } from './published-family.ts';
import type { RopeScaling } from './rotary-frequencies.ts';

export const publishedLlama: PublishedFamily = {
  architectures: ['LlamaForCausalLM', 'LlamaModel'],
  config,
  fieldNames: {
    width: 'hidden_size',
    heads: 'num_attention_heads',
    headWidth: 'head_dim',
    keyValueHeads: 'num_key_value_heads',
    ropeScaling: 'rope_scaling',
  },
  ignored: [],
  prefix: 'model.',
  embedding: 'model.embed_tokens.weight',
  head: 'lm_head.weight',
  isTransposed: () => false,
  // Frequencies, which old versions of transformers saved.
  isBuffer: (name) => /^layers\.\d+\.self_attn\.rotary_emb\.inv_freq$/.test(name),
};

const FACTOR = [1e-6, 1e6] as const;
const THETA = [1e-30, 1e30] as const;

function config(fields: ConfigFields): LlamaConfig & { tiedHead: boolean } {
  const width = fields.integer('hidden_size', 4096, [2, 65_536]);
  const heads = fields.integer('num_attention_heads', 32, [1, 65_536]);
  if (width % heads !== 0)
    fields.refuse('hidden_size', `"hidden_size" ${width} is no multiple of the ${heads} "num_attention_heads".`);
  fields.choice('hidden_act', 'silu', { silu: true, swish: true });
  const positions = fields.integer('max_position_embeddings', 2048, [1, 1e9]);
  const keyValueHeads = fields.integer('num_key_value_heads', heads, [1, 65_536]);
  const headWidth = fields.integer('head_dim', width / heads, [2, 65_536]);
  return {
    family: 'llama',
    layers: fields.integer('num_hidden_layers', 32, [1, 1000]),
    width,
    heads,
    feedForward: fields.integer('intermediate_size', 11_008, [1, 1_000_000]),
    vocabulary: fields.integer('vocab_size', 32_000, [2, 10_000_000]),
    normEpsilon: fields.number('rms_norm_eps', 1e-6, [1.2e-38, 1e38]),
    ...rotary(fields, positions),
    ...(keyValueHeads !== heads && { keyValueHeads }),
    ...(headWidth !== width / heads && { headWidth }),
    tiedHead: fields.flag('tie_word_embeddings', false),
    attentionBias: fields.flag('attention_bias', false),
    mlpBias: fields.flag('mlp_bias', false),
  };
}

/** `rope_scaling` is how transformers before version 5 wrote `rope_parameters`, with the base beside it. */
function rotary(fields: ConfigFields, positions: number): Pick<LlamaConfig, 'ropeTheta' | 'ropeScaling'> {
  const base = fields.number('rope_theta', 10_000, THETA);
  const [earlier, now] = [fields.object('rope_scaling'), fields.object('rope_parameters')];
  const parameters = earlier ?? now;
  if (parameters === undefined) return { ropeTheta: base };
  const ropeTheta = parameters.number('rope_theta', base, THETA);
  parameters.only('partial_rotary_factor', [1], 'rotary positions of a part of the features');
  const name = parameters.has('rope_type') ? 'rope_type' : 'type';
  const kinds = { default: 'default', linear: 'linear', llama3: 'llama3' } as const;
  const kind = parameters.choice(name, 'default', kinds);
  parameters.ignore(['type']);
  const ropeScaling = scaling(parameters, kind, positions);
  if (parameters.mistakes.length === 0) parameters.refuseOthers(`rotary positions of the kind "${kind}"`);
  return ropeScaling === undefined ? { ropeTheta } : { ropeTheta, ropeScaling };
}

function scaling(
  parameters: ConfigFields,
  kind: 'default' | 'linear' | 'llama3',
  positions: number,
): RopeScaling | undefined {
  if (kind === 'default') return undefined;
  const needed = (name: string): number => {
    if (!parameters.has(name)) parameters.refuse(name, `"${name}" is missing, which rotary positions "${kind}" need.`);
    return parameters.number(name, 1, FACTOR);
  };
  const factor = needed('factor');
  if (kind === 'linear') return { type: 'linear', factor };
  return {
    type: 'llama3',
    factor,
    lowFrequency: needed('low_freq_factor'),
    highFrequency: needed('high_freq_factor'),
    originalPositions: parameters.integer('original_max_position_embeddings', positions, [1, 1e9]),
  };
}
