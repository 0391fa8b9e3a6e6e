/** Hugging Face's config.json: read with the defaults of transformers; what swp does not compute is refused by name. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SwpError, type Failure } from '../../src/base/failure.ts';
import { packageRoot } from '../../src/base/package-root.ts';
import { isPublishedConfig, parsePublishedConfig } from '../../src/model/published-config.ts';

const LLAMA = readFileSync(join(packageRoot, 'tests/model/published/llama-grouped/config.json'), 'utf8');
const GPT2 = readFileSync(join(packageRoot, 'tests/model/published/gpt2-bare/config.json'), 'utf8');

type Shown = Extract<Failure, { kind: 'study' }>;

function mistakesOf(text: string): Shown[] {
  try {
    parsePublishedConfig('/m/config.json', text);
    return [];
  } catch (error) {
    if (!(error instanceof SwpError)) throw error;
    return (error.failure.kind === 'several' ? error.failure.failures : [error.failure]) as Shown[];
  }
}

const configOf = (fields: object) => parsePublishedConfig('/m/config.json', JSON.stringify(fields)).config;
/** A mistake in a configuration of one line per field, as `line:column message (expected)`. */
const told = (fields: object) =>
  mistakesOf(JSON.stringify(fields, null, 2)).map(
    ({ at, message, expected }) => `${at.line}:${at.column} ${message} (${expected})`,
  );

test('what is not said has the default of transformers', () => {
  expect(configOf({ model_type: 'llama' })).toEqual({
    ...{ family: 'llama', layers: 32, width: 4096, heads: 32, feedForward: 11_008, vocabulary: 32_000 },
    ...{ normEpsilon: 1e-6, ropeTheta: 10_000, tiedHead: false, attentionBias: false, mlpBias: false },
  });
  expect(configOf({ model_type: 'gpt2' })).toEqual({
    ...{ family: 'gpt2', layers: 12, width: 768, heads: 12, feedForward: 3072, vocabulary: 50_257, positions: 1024 },
    ...{ normEpsilon: 1e-5, activation: 'gelu_new', tiedHead: true, scaledAttention: true, scaledByLayer: false },
  });
  expect(configOf({ model_type: 'gpt2', hidden_size: 32, num_attention_heads: 4 })).toMatchObject({
    ...{ width: 32, heads: 4, feedForward: 128 },
  });
});

test('rotary positions are read as transformers wrote them before version 5, and as it does now', () => {
  const llama3 = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };
  const ropeScaling = { type: 'llama3', factor: 8, lowFrequency: 1, highFrequency: 4, originalPositions: 8192 };
  const said = [
    { rope_theta: 5e5, rope_scaling: { rope_type: 'llama3', ...llama3 } },
    { rope_theta: 5e5, rope_scaling: { type: 'llama3', ...llama3 } },
    { rope_parameters: { rope_type: 'llama3', rope_theta: 5e5, ...llama3 } },
  ];
  for (const fields of said)
    expect(configOf({ model_type: 'llama', ...fields })).toMatchObject({ ropeTheta: 5e5, ropeScaling });
  expect(configOf({ model_type: 'llama', rope_scaling: { type: 'linear', factor: 2 } })).toMatchObject({
    ropeScaling: { type: 'linear', factor: 2 },
  });
  expect(configOf({ model_type: 'llama', rope_parameters: { rope_theta: 100 } })).not.toHaveProperty('ropeScaling');
});

describe('what is not computed is refused at its place', () => {
  test.each<[string, object, string]>([
    [
      'another kind of model',
      { model_type: 'mistral' },
      '2:17 swp reads no models of the type "mistral". ("gpt2" or "llama")',
    ],
    [
      'another task',
      { model_type: 'llama', architectures: ['LlamaForSequenceClassification'] },
      '3:20 swp reads no "LlamaForSequenceClassification". ("LlamaForCausalLM" or "LlamaModel")',
    ],
    [
      'another activation',
      { model_type: 'llama', hidden_act: 'gelu' },
      '3:17 swp computes no "hidden_act" "gelu". ("silu" or "swish")',
    ],
    [
      'another activation of GPT-2',
      { model_type: 'gpt2', activation_function: 'relu' },
      '3:26 swp computes no "activation_function" "relu". ("gelu_new", "gelu_pytorch_tanh" or "gelu")',
    ],
    ...['dynamic', 'yarn', 'longrope', 'proportional'].map((type): [string, object, string] => [
      `rotary positions ${type}`,
      { model_type: 'llama', rope_scaling: { rope_type: type, factor: 2 } },
      `4:18 swp computes no "rope_type" "${type}". ("default", "linear" or "llama3")`,
    ]),
    [
      'a part of the features that turns',
      { model_type: 'llama', partial_rotary_factor: 0.5 },
      '3:28 swp does not compute rotary positions of a part of the features. ("partial_rotary_factor": 1 or null, or the field left out)',
    ],
    [
      'a sliding window',
      { model_type: 'llama', sliding_window: 4096 },
      '3:21 swp does not compute attention in a sliding window. ("sliding_window": null, or the field left out)',
    ],
    [
      'quantised weights',
      { model_type: 'llama', quantization_config: { bits: 4 } },
      '3:26 swp does not compute with quantised weights: load the model unquantised, and save it again. ("quantization_config": null, or the field left out)',
    ],
    [
      'cross attention',
      { model_type: 'gpt2', add_cross_attention: true },
      '3:26 swp does not compute cross attention. ("add_cross_attention": false or null, or the field left out)',
    ],
    [
      'a field that nobody knows',
      { model_type: 'llama', logit_cap: 30 },
      '3:3 swp does not know the field "logit_cap" of a llama, and whether it changes what the model computes. (fields that swp knows; if this one changes nothing, remove it)',
    ],
    [
      'a size that is none',
      { model_type: 'llama', hidden_size: '48' },
      '3:18 "48" is not possible here. (a whole number from 2 to 65536)',
    ],
    ['a flag that is none', { model_type: 'llama', mlp_bias: 1 }, '3:15 1 is not possible here. (true or false)'],
    [
      'heads that do not divide',
      { model_type: 'llama', num_key_value_heads: 3 },
      '3:26 "num_key_value_heads" 3 does not divide the 32 heads. (undefined)',
    ],
    [
      'a width that heads do not divide',
      { model_type: 'gpt2', n_head: 5 },
      '1:1 "n_embd" 768 is no multiple of the 5 heads. (undefined)',
    ],
    [
      'a factor that is missing',
      { model_type: 'llama', rope_scaling: { type: 'linear' } },
      '3:19 "factor" is missing, which rotary positions "linear" need. (undefined)',
    ],
  ])('%s', (_, fields, expected) => {
    expect(told(fields)).toEqual([expected]);
  });

  test('all mistakes at once, and nothing for fields that ask for nothing', () => {
    expect(
      told({ model_type: 'llama', hidden_act: 'relu', sliding_window: 8, logit_cap: null, qk_norm: false }),
    ).toHaveLength(2);
  });
});

test('a configuration of Hugging Face is told from one of swp', () => {
  expect([LLAMA, GPT2, '\uFEFF{"model_type": 3}'].map(isPublishedConfig)).toEqual([true, true, true]);
  expect(['{"family": "llama", "model_type": "llama"}', '{}', '[]', '{"model_type"'].map(isPublishedConfig)).toEqual(
    Array(4).fill(false),
  );
});

test('whatever the fields hold, the answer is a configuration or a failure with a place', () => {
  const names = [...Object.keys(JSON.parse(LLAMA) as object), ...Object.keys(JSON.parse(GPT2) as object)];
  const name = fc.constantFrom(...names, 'rope_scaling', 'constructor', '__proto__', 'sliding_window');
  const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.integer(), fc.constantFrom('linear', 'llama3', 'gelu'));
  fc.assert(
    fc.property(fc.constantFrom('llama', 'gpt2'), fc.dictionary(name, value), (type, fields) => {
      for (const { kind, at } of mistakesOf(JSON.stringify({ ...fields, model_type: type }))) {
        expect(kind).toBe('study');
        expect(at.line).toBeGreaterThan(0);
      }
    }),
    { numRuns: 300 },
  );
});
