/**
 * A model in a GGUF file, as llama.cpp has it: one of the architecture `llama`. Its metadata become a configuration as
 * Hugging Face has it, and its tensors get the names and the order of rows that they had there: llama.cpp keeps the two
 * halves of what rotary positions turn, interleaved.
 */
import type { JsonObject } from '../base/json.ts';
import { SwpError } from '../base/failure.ts';
import { listNames, nearestName, quoted } from '../base/nearest-name.ts';
import { parameterShapes } from './decoder/decoder-graph.ts';
import type { ModelConfig } from './decoder/family.ts';
import type { LlamaConfig } from './decoder/llama.ts';
import { GgufFile } from './gguf.ts';
import type { GgufTensor } from './gguf-header.ts';
import { parsePublishedConfig } from './published-config.ts';
import type { PublishedModel } from './published-model.ts';
import { llama3Scaling } from './gguf-rotary.ts';

export const GGUF_REMEDY = 'Fetch the file again, or convert the model anew with llama.cpp (convert_hf_to_gguf.py).';

/** Metadata of the architecture that are read below, or that change nothing of what is computed. */
const KNOWN = [
  ...['block_count', 'context_length', 'embedding_length', 'feed_forward_length', 'vocab_size'],
  ...['attention.head_count', 'attention.head_count_kv', 'attention.key_length', 'attention.value_length'],
  ...['attention.layer_norm_rms_epsilon', 'rope.dimension_count', 'rope.freq_base', 'rope.scale_linear'],
  ...['rope.scaling.type', 'rope.scaling.factor', 'rope.scaling.original_context_length', 'rope.scaling.finetuned'],
  ...['expert_count', 'expert_used_count', 'tensor_data_layout'],
];

/** Tensors of a layer: Hugging Face's names by llama.cpp's. */
const OF_LAYER: Record<string, string> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};
const OTHERS: Record<string, string> = {
  'token_embd.weight': 'model.embed_tokens.weight',
  'output_norm.weight': 'model.norm.weight',
  'output.weight': 'lm_head.weight',
};
/** What rotary positions are divided by, one number for every second feature of a head. */
const ROTARY_FACTORS = 'rope_freqs.weight';

/**
 * @throws SwpError if the file is no whole GGUF file, if it is of another architecture or computes what swp does not,
 *   or if it lacks a tensor, has one too many, or one of another shape
 */
export async function openPublishedGguf(path: string): Promise<PublishedModel> {
  const file = await GgufFile.open(path);
  try {
    const config = await configOf(file);
    const tensors = tensorsOf(file, config);
    return {
      config,
      files: [{ name: 'model.gguf', path }],
      notes: [],
      read: async (name, into) => {
        await file.read(tensors.get(name)!, into);
        const heads = rotatedHeads(name, config);
        if (heads !== undefined) uninterleave(into, heads, config.headWidth ?? config.width / config.heads);
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The configuration alone. @throws SwpError as above */
export async function readPublishedGguf(path: string): Promise<ModelConfig> {
  const { config, close } = await openPublishedGguf(path);
  await close();
  return config;
}

/** What config.json of the original model says, as far as it changes what is computed. */
async function configOf(file: GgufFile): Promise<LlamaConfig> {
  const { path } = file;
  const architecture = file.text('general.architecture');
  if (architecture !== 'llama')
    throw unfit(
      path,
      architecture === undefined
        ? 'It does not say its architecture ("general.architecture")'
        : `It is of the architecture ${quoted(architecture)}, and swp reads "llama"`,
      'Use the original model as Hugging Face publishes it, if swp reads its family.',
    );
  const other = file.names.find((name) => name.startsWith('llama.') && !KNOWN.includes(name.slice('llama.'.length)));
  if (other !== undefined)
    throw unfit(
      path,
      `swp does not know its metadata ${quoted(other)}, and whether they change what the model computes`,
      'Use the original model as Hugging Face publishes it, if swp reads it.',
    );
  if ((file.number('llama.expert_count') ?? 0) > 0)
    throw unfit(path, 'It has experts ("llama.expert_count"), which swp does not compute');
  const needed = (name: string) => {
    const value = file.number(`llama.${name}`);
    if (value === undefined) throw unfit(path, `Its metadata lack "llama.${name}"`);
    return value;
  };
  const heads = needed('attention.head_count');
  const headWidth = file.number('llama.attention.key_length') ?? needed('embedding_length') / heads;
  for (const name of ['attention.value_length', 'rope.dimension_count']) {
    const value = file.number(`llama.${name}`) ?? headWidth;
    if (value !== headWidth)
      throw unfit(path, `Its "llama.${name}" is ${value}, and swp computes only ${headWidth}, the width of a head`);
  }
  const scaling = await scalingOf(file, headWidth);
  const json: JsonObject = {
    model_type: 'llama',
    num_hidden_layers: needed('block_count'),
    hidden_size: needed('embedding_length'),
    intermediate_size: needed('feed_forward_length'),
    num_attention_heads: heads,
    num_key_value_heads: file.number('llama.attention.head_count_kv') ?? heads,
    head_dim: headWidth,
    vocab_size: file.tensors.get('token_embd.weight')?.shape[0] ?? needed('vocab_size'),
    rms_norm_eps: shortest(needed('attention.layer_norm_rms_epsilon')),
    rope_theta: shortest(file.number('llama.rope.freq_base') ?? 10_000),
    tie_word_embeddings: !file.tensors.has('output.weight'),
    attention_bias: file.tensors.has('blk.0.attn_q.bias'),
    mlp_bias: file.tensors.has('blk.0.ffn_gate.bias'),
    ...(scaling && { rope_scaling: scaling }),
  };
  return parsePublishedConfig(path, JSON.stringify(json)).config as LlamaConfig;
}

/** How rotary positions are slowed, as `rope_scaling` of config.json says it. */
async function scalingOf(file: GgufFile, headWidth: number): Promise<JsonObject | undefined> {
  const type = file.text('llama.rope.scaling.type') ?? 'linear';
  const factor = file.number('llama.rope.scaling.factor') ?? file.number('llama.rope.scale_linear') ?? 1;
  if (type !== 'none' && type !== 'linear')
    throw unfit(
      file.path,
      `Its rotary positions are scaled as ${quoted(type)}, and swp computes "linear" and "llama3"`,
    );
  const factors = file.tensors.get(ROTARY_FACTORS);
  const isLinear = type === 'linear' && factor !== 1;
  if (factors === undefined) return isLinear ? { rope_type: 'linear', factor: shortest(factor) } : undefined;
  const numbers = new Float32Array(factors.elements);
  await file.read(factors, numbers);
  const base = shortest(file.number('llama.rope.freq_base') ?? 10_000);
  const scaling = isLinear ? undefined : llama3Scaling(numbers, base, headWidth);
  if (scaling === undefined)
    throw unfit(
      file.path,
      `Its ${quoted(ROTARY_FACTORS)} is not that of a Llama 3 model, and swp computes no other rotary factors`,
      'Use the original model as Hugging Face publishes it.',
    );
  return scaling;
}

/** The decimal that config.json had before it was made a float32, such as 1e-5 of 9.99999975e-6. */
function shortest(number: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(number.toPrecision(digits));
    if (Math.fround(short) === Math.fround(number)) return short;
  }
  return number;
}

/** By their names in swp: every tensor of the configuration, in its shape, and no other. */
function tensorsOf({ path, tensors }: GgufFile, config: ModelConfig): Map<string, GgufTensor> {
  const shapes = parameterShapes(config);
  const found = new Map<string, GgufTensor>();
  for (const [name, tensor] of tensors) {
    if (name === ROTARY_FACTORS) continue;
    const own = nameOf(name);
    if (own === undefined || !shapes.has(own)) {
      const meant = own === undefined ? undefined : nearestName(own, [...shapes.keys()]);
      throw unfit(
        path,
        `A llama of these metadata has no tensor ${quoted(name)}${meant === undefined ? '' : `; is ${quoted(meant)} meant?`}`,
      );
    }
    found.set(own, tensor);
  }
  const missing = [...shapes.keys()].filter((name) => !found.has(name));
  if (missing.length > 0)
    throw unfit(path, `It lacks ${missing.length === 1 ? 'the tensor' : 'tensors'} ${listNames(missing, 3)}`);
  for (const [name, shape] of shapes) {
    const tensor = found.get(name)!;
    if (`${tensor.shape}` !== `${shape}`)
      throw unfit(
        path,
        `Its tensor ${quoted(tensor.name)} has the shape [${tensor.shape.join(', ')}], a model of these metadata [${shape.join(', ')}]`,
      );
  }
  return found;
}

/** A tensor's name in swp, which is Hugging Face's. */
function nameOf(name: string): string | undefined {
  if (Object.hasOwn(OTHERS, name)) return OTHERS[name];
  const [, layer = '', kind = '', what = ''] = /^blk\.(\d+)\.(\w+)\.(weight|bias)$/.exec(name) ?? [];
  return Object.hasOwn(OF_LAYER, kind) ? `model.layers.${layer}.${OF_LAYER[kind]!}.${what}` : undefined;
}

/** Of queries and keys, the tensors that are stored by pairs: how many heads they have. */
function rotatedHeads(name: string, { heads, keyValueHeads = heads }: LlamaConfig): number | undefined {
  const [, which] = /\.self_attn\.([qk])_proj\.(?:weight|bias)$/.exec(name) ?? [];
  return which === undefined ? undefined : which === 'q' ? heads : keyValueHeads;
}

/**
 * Puts the rows of every head back: the even ones first, then the odd ones.
 * @param numbers of a matrix [heads x headWidth, columns], or of a bias, whose columns are 1
 */
function uninterleave(numbers: Float32Array, heads: number, headWidth: number): void {
  const columns = numbers.length / (heads * headWidth);
  const half = headWidth / 2;
  for (let head = 0; head < heads; head++) {
    const rows = numbers.subarray(head * headWidth * columns, (head + 1) * headWidth * columns);
    const interleaved = rows.slice();
    for (let row = 0; row < headWidth; row++) {
      const from = (row < half ? 2 * row : 2 * (row - half) + 1) * columns;
      rows.set(interleaved.subarray(from, from + columns), row * columns);
    }
  }
}

function unfit(path: string, message: string, remedy = GGUF_REMEDY): SwpError {
  return new SwpError({ kind: 'content', path, message, remedy });
}
