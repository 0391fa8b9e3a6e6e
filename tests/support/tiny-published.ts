/** The tiny model of tests/text as others publish one: a folder, or one GGUF file; and studies of it. */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readSafetensors, writeSafetensors } from '../../src/model/safetensors.ts';
import { ggufFile, type GgufEntry, type GgufTensorSpec } from '../model/gguf-writer.ts';
import { TINY } from '../text/tiny-model.ts';

const CHECKPOINT = join(TINY, 'seed-0.safetensors');
const LAYERS = 2;
const [WIDTH, HEADS, FEED_FORWARD, VOCABULARY] = [32, 2, 64, 512];

/** As transformers writes it: config.json, model.safetensors and the tokenizer's two files. */
export async function writePublishedFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) await cp(join(TINY, name), join(folder, name));
  const { tensors } = await readSafetensors(CHECKPOINT);
  await writeSafetensors(join(folder, 'model.safetensors'), tensors);
  const config = {
    ...{ architectures: ['LlamaForCausalLM'], model_type: 'llama', hidden_act: 'silu' },
    ...{ num_hidden_layers: LAYERS, hidden_size: WIDTH, intermediate_size: FEED_FORWARD, vocab_size: VOCABULARY },
    ...{ num_attention_heads: HEADS, rms_norm_eps: 1e-6, rope_theta: 10_000, tie_word_embeddings: false },
    ...{ bos_token_id: 0, eos_token_id: 0, max_position_embeddings: 256 },
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
}

/** As llama.cpp has it: float32, with the rows of queries and keys interleaved, and the tokenizer. */
export async function writeGguf(path: string): Promise<void> {
  const { tensors } = await readSafetensors(CHECKPOINT);
  const specs: GgufTensorSpec[] = [];
  const bodies: Buffer[] = [];
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    const ours = name.replace('model.layers.', 'blk.');
    const numbers = /\.self_attn\.[qk]_proj\./.test(ours) ? interleaved(data as Float32Array) : (data as Float32Array);
    const body = Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    specs.push({
      name: NAMES.reduce((text, [from, to]) => text.replace(from, to), ours),
      lengths: shape.toReversed(),
      offset,
    });
    bodies.push(body);
    offset += body.length; // a multiple of 32 for every tensor of it
  }
  const { model } = JSON.parse(await readFile(join(TINY, 'tokenizer.json'), 'utf8')) as {
    model: { vocab: Record<string, number>; merges: [string, string][] };
  };
  const tokens = Object.keys(model.vocab).sort((a, b) => model.vocab[a]! - model.vocab[b]!);
  const metadata: GgufEntry[] = [
    ['general.architecture', 'STRING', 'llama'],
    ['llama.block_count', 'UINT32', LAYERS],
    ['llama.context_length', 'UINT32', 256],
    ['llama.embedding_length', 'UINT32', WIDTH],
    ['llama.feed_forward_length', 'UINT32', FEED_FORWARD],
    ['llama.attention.head_count', 'UINT32', HEADS],
    ['llama.attention.layer_norm_rms_epsilon', 'FLOAT32', 1e-6],
    ['llama.rope.freq_base', 'FLOAT32', 10_000],
    ['tokenizer.ggml.model', 'STRING', 'gpt2'],
    ['tokenizer.ggml.pre', 'STRING', 'smollm'],
    ['tokenizer.ggml.tokens', 'STRING[]', tokens],
    ['tokenizer.ggml.token_type', 'INT32[]', tokens.map((_, id) => (id === 0 ? 3 : 1))],
    ['tokenizer.ggml.merges', 'STRING[]', model.merges.map((pair) => pair.join(' '))],
    ['tokenizer.ggml.bos_token_id', 'UINT32', 0],
    ['tokenizer.ggml.eos_token_id', 'UINT32', 0],
  ];
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, ggufFile({ metadata, tensors: specs, body: Buffer.concat(bodies) }));
}

/** What llama.cpp calls the tensors. */
const NAMES: [string, string][] = [
  ['model.embed_tokens', 'token_embd'],
  ['model.norm', 'output_norm'],
  ['lm_head', 'output'],
  ['input_layernorm', 'attn_norm'],
  ['post_attention_layernorm', 'ffn_norm'],
  ['self_attn.o_proj', 'attn_output'],
  ['self_attn.q_proj', 'attn_q'],
  ['self_attn.k_proj', 'attn_k'],
  ['self_attn.v_proj', 'attn_v'],
  ['mlp.gate_proj', 'ffn_gate'],
  ['mlp.up_proj', 'ffn_up'],
  ['mlp.down_proj', 'ffn_down'],
];

/** The rows of each head [WIDTH / HEADS, WIDTH]: those of its first half become the even ones. */
function interleaved(numbers: Float32Array): Float32Array {
  const result = new Float32Array(numbers.length);
  const height = WIDTH / HEADS;
  for (let row = 0; row < WIDTH; row++) {
    const [head, within] = [Math.floor(row / height), row % height];
    const to = head * height + (within < height / 2 ? 2 * within : 2 * (within - height / 2) + 1);
    result.set(numbers.subarray(row * WIDTH, (row + 1) * WIDTH), to * WIDTH);
  }
  return result;
}

/** Each experiment has next to no work, in one round. */
export function tinyTextStudy(model: string, text: string, more: object = {}): object {
  return {
    name: 'tiny-text',
    dag: 'standard',
    experiments: { A1: {} },
    defaults: {
      ...{ model, corpus: { text }, rounds: 1, finalTrain: false },
      params: {
        train: { steps: 2, batchSize: 2 },
        eval: { sequences: 16, batchSize: 16 },
        'detect-sw': { candidateSequences: 4, causalSequences: 8, batchSize: 8, controlsPerKind: 1, rescans: 0 },
        prune: { fraction: 0.1 },
      },
    },
    ...more,
  };
}
