/** GPT-2 as Hugging Face publishes it: transformers' GPT2Config with its defaults, and the files of GPT2LMHeadModel. */
import type { ConfigFields } from '../config-fields.ts';
import type { Gpt2Config } from './gpt2.ts';
import type { PublishedFamily } from './published-family.ts';

export const publishedGpt2: PublishedFamily = {
  architectures: ['GPT2LMHeadModel', 'GPT2Model'],
  config,
  fieldNames: { width: 'n_embd', heads: 'n_head' },
  ignored: [
    ...['n_ctx', 'n_special', 'predict_special_tokens', 'reorder_and_upcast_attn', 'summary_activation'],
    ...['summary_proj_to_labels', 'summary_type', 'summary_use_proj'],
  ],
  prefix: 'transformer.',
  embedding: 'transformer.wte.weight',
  head: 'lm_head.weight',
  // Its Conv1D keeps matrices as [in, out].
  isTransposed: (name) => /\.(c_attn|c_proj|c_fc)\.weight$/.test(name),
  // The causal mask, which old versions of transformers saved.
  isBuffer: (name) => /^h\.\d+\.attn\.(masked_)?bias$/.test(name),
};

function config(fields: ConfigFields): Gpt2Config & { tiedHead: boolean } {
  /** transformers takes common names for some of its own. */
  const size = (name: string, common: string, byDefault: number, most: number) =>
    fields.integer(name, fields.integer(common, byDefault, [1, most]), [1, most]);
  const width = size('n_embd', 'hidden_size', 768, 65_536);
  return {
    family: 'gpt2',
    layers: size('n_layer', 'num_hidden_layers', 12, 1000),
    width,
    heads: size('n_head', 'num_attention_heads', 12, 65_536),
    feedForward: fields.integer('n_inner', 4 * width, [1, 1_000_000]),
    vocabulary: fields.integer('vocab_size', 50_257, [2, 10_000_000]),
    positions: size('n_positions', 'max_position_embeddings', 1024, 10_000_000),
    normEpsilon: fields.number('layer_norm_epsilon', 1e-5, [1.2e-38, 1e38]),
    activation: fields.choice<NonNullable<Gpt2Config['activation']>>('activation_function', 'gelu_new', {
      gelu_new: 'gelu_new',
      gelu_pytorch_tanh: 'gelu_new',
      gelu: 'gelu',
    }),
    tiedHead: fields.flag('tie_word_embeddings', true),
    scaledAttention: fields.flag('scale_attn_weights', true),
    scaledByLayer: fields.flag('scale_attn_by_inverse_layer_idx', false),
  };
}
