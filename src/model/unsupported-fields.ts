/**
 * Fields of Hugging Face's configurations that every kind of model can have: which of them change nothing that swp
 * computes, and which change it in a way that swp does not know. As transformers 5.24 has them.
 */
import type { JsonValue } from '../base/json.ts';

/** They concern text, generation, how a checkpoint is stored or trained, or classes that swp does not read. */
export const IGNORED_FIELDS: readonly string[] = [
  ...['_name_or_path', 'name_or_path', 'transformers_version', 'transformers.js_config', 'license', 'unsloth_version'],
  ...['unsloth_fixed', 'is_llama_config', 'torch_dtype', 'dtype', 'use_bfloat16', 'tokenizer_class', 'prefix'],
  ...['_attn_implementation', '_attn_implementation_autoset', 'attn_implementation', '_flash_attn_2_enabled'],
  ...['torchscript', 'tf_legacy_loss', 'gradient_checkpointing', 'neftune_noise_alpha', 'initializer_range'],
  ...['use_cache', 'cache_implementation', 'return_dict', 'return_dict_in_generate', 'output_scores', 'output_logits'],
  ...['output_attentions', 'output_hidden_states', 'is_decoder', 'chunk_size_feed_forward', 'pretraining_tp'],
  ...['bos_token_id', 'eos_token_id', 'pad_token_id', 'unk_token_id', 'sep_token_id', 'cls_token_id', 'mask_token_id'],
  ...['decoder_start_token_id', 'forced_bos_token_id', 'forced_eos_token_id', 'bad_words_ids', 'suppress_tokens'],
  ...['begin_suppress_tokens', 'max_length', 'min_length', 'max_new_tokens', 'do_sample', 'early_stopping'],
  ...['num_beams', 'num_beam_groups', 'diversity_penalty', 'temperature', 'top_k', 'top_p', 'typical_p'],
  ...['repetition_penalty', 'length_penalty', 'no_repeat_ngram_size', 'encoder_no_repeat_ngram_size'],
  ...['num_return_sequences', 'remove_invalid_values', 'exponential_decay_length_penalty', 'generation_config'],
  ...['finetuning_task', 'problem_type', 'id2label', 'label2id', 'num_labels', 'task_specific_params'],
  // Dropout: a published model is evaluated without, and swp trains without.
  ...['attention_dropout', 'hidden_dropout', 'resid_pdrop', 'embd_pdrop', 'attn_pdrop', 'summary_first_dropout'],
];

/** By name: values with which a field asks for nothing, besides null, and what it asks for otherwise. */
export const REFUSED_FIELDS: Readonly<Record<string, { allowed: readonly JsonValue[]; what: string }>> = {
  quantization_config: { allowed: [], what: 'with quantised weights: load the model unquantised, and save it again' },
  auto_map: { allowed: [], what: 'a model whose code comes with it' },
  is_encoder_decoder: { allowed: [false], what: 'encoders' },
  tie_encoder_decoder: { allowed: [false], what: 'encoders' },
  add_cross_attention: { allowed: [false], what: 'cross attention' },
  cross_attention_hidden_size: { allowed: [], what: 'cross attention' },
  pruned_heads: { allowed: [{}, []], what: 'a model without some of its heads' },
  sliding_window: { allowed: [], what: 'attention in a sliding window' },
  use_sliding_window: { allowed: [false], what: 'attention in a sliding window' },
  layer_types: { allowed: [], what: 'layers of several kinds' },
  no_rope_layers: { allowed: [[]], what: 'layers without rotary positions' },
  partial_rotary_factor: { allowed: [1], what: 'rotary positions of a part of the features' },
  rope_interleaved: { allowed: [false], what: 'rotary positions of neighbouring features' },
  attn_logit_softcapping: { allowed: [], what: 'capped scores' },
  final_logit_softcapping: { allowed: [], what: 'capped logits' },
  attention_multiplier: { allowed: [], what: 'a scale of scores' },
  embedding_multiplier: { allowed: [1], what: 'a scale of embeddings' },
  residual_multiplier: { allowed: [1], what: 'a scale of the residual stream' },
  logits_scaling: { allowed: [1], what: 'a scale of logits' },
  use_qk_norm: { allowed: [false], what: 'norms of queries and keys' },
  qk_layernorm: { allowed: [false], what: 'norms of queries and keys' },
  num_local_experts: { allowed: [0, 1], what: 'a mixture of experts' },
  num_experts: { allowed: [0, 1], what: 'a mixture of experts' },
};
