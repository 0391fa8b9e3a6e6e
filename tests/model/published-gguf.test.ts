/** A llama in a GGUF file is the model that Hugging Face publishes; what swp does not compute is refused by name. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPublished } from '../../src/model/open-published.ts';
import { openPublishedGguf, readPublishedGguf } from '../../src/model/published-gguf.ts';
import { readPublishedWeights } from '../../src/model/published-model.ts';
import { ggufFile, type GgufEntry, type GgufTensorSpec } from './gguf-writer.ts';

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swp-gguf-'));
  path = join(folder, 'model.gguf');
});
afterAll(() => rm(folder, { recursive: true }));

const fixture = (name: string) => fileURLToPath(new URL(name, import.meta.url));

async function weightsOf(model: string) {
  const published = await openPublished(model);
  try {
    return { config: published.config, weights: await readPublishedWeights(published, 'Fetch it again.') };
  } finally {
    await published.close();
  }
}

test.each(['llama-sharded', 'llama-tied-biased'])(
  '%s, converted, has the configuration and the weights of the original, bit for bit',
  async (name) => {
    const original = await weightsOf(fixture(`published/${name}`));
    const converted = await weightsOf(fixture(`gguf/${name}.gguf`));
    expect(converted.config).toEqual(original.config);
    expect(converted.weights).toEqual(original.weights);
  },
);

type Changes = Record<string, GgufEntry | undefined>;

const METADATA: Record<string, GgufEntry> = Object.fromEntries(
  (
    [
      ['general.architecture', 'STRING', 'llama'],
      ['llama.block_count', 'UINT32', 1],
      ['llama.context_length', 'UINT32', 64],
      ['llama.embedding_length', 'UINT32', 8],
      ['llama.feed_forward_length', 'UINT32', 4],
      ['llama.attention.head_count', 'UINT32', 2],
      ['llama.attention.layer_norm_rms_epsilon', 'FLOAT32', 1e-5],
      ['llama.rope.freq_base', 'FLOAT32', 500_000],
    ] satisfies GgufEntry[]
  ).map((entry) => [entry[0], entry]),
);
const SHAPES: Record<string, number[]> = {
  'token_embd.weight': [8, 6],
  'output_norm.weight': [8],
  'blk.0.attn_norm.weight': [8],
  'blk.0.attn_q.weight': [8, 8],
  'blk.0.attn_k.weight': [8, 8],
  'blk.0.attn_v.weight': [8, 8],
  'blk.0.attn_output.weight': [8, 8],
  'blk.0.ffn_norm.weight': [8],
  'blk.0.ffn_gate.weight': [8, 4],
  'blk.0.ffn_up.weight': [8, 4],
  'blk.0.ffn_down.weight': [4, 8],
};

/** A sound file of a tiny llama, but for these changes. */
async function write(metadata: Changes = {}, shapes: Record<string, number[] | undefined> = {}, rotary?: number[]) {
  const tensors: GgufTensorSpec[] = [];
  const pieces: Buffer[] = [];
  let offset = 0;
  const lengths = { ...SHAPES, ...shapes, ...(rotary && { 'rope_freqs.weight': [rotary.length] }) };
  for (const [name, shape] of Object.entries(lengths)) {
    if (shape === undefined) continue;
    tensors.push({ name, lengths: shape, offset });
    const numbers = new Float32Array(shape.reduce((product, length) => product * length, 1));
    if (name === 'rope_freqs.weight') numbers.set(rotary!);
    const bytes = Buffer.alloc(Math.ceil(numbers.byteLength / 32) * 32);
    bytes.set(new Uint8Array(numbers.buffer));
    pieces.push(bytes);
    offset += bytes.length;
  }
  const entries = Object.values({ ...METADATA, ...metadata }).filter((entry) => entry !== undefined);
  await writeFile(path, ggufFile({ metadata: entries, tensors, body: Buffer.concat(pieces) }));
  return path;
}

test('its numbers are the decimals that config.json had, and a head that is absent is the embedding', async () => {
  expect(await readPublishedGguf(await write())).toMatchObject({
    ...{ normEpsilon: 1e-5, ropeTheta: 500_000, vocabulary: 6, layers: 1, heads: 2, tiedHead: true },
  });
  expect(await readPublishedGguf(await write({}, { 'output.weight': [8, 6] }))).toMatchObject({ tiedHead: false });
});

/** With heads of 4 features: pairs of the frequencies 1 and 500000^-0.5, of which the second is the slower. */
test('rotary factors are those of a Llama 3 model, or refused', async () => {
  const smooth = (8192 / (2 * Math.PI * Math.sqrt(500_000)) - 1) / 3;
  const factor = 1 / ((1 - smooth) / 32 + smooth);
  expect(await readPublishedGguf(await write({}, {}, [1, factor]))).toMatchObject({
    ropeScaling: { type: 'llama3', factor: 32, lowFrequency: 1, highFrequency: 4, originalPositions: 8192 },
  });
  await expect(readPublishedGguf(await write({}, {}, [1, 1.5 * factor]))).rejects.toThrow(
    'Its "rope_freqs.weight" is not that of a Llama 3 model, and swp computes no other rotary factors',
  );
});

describe('what swp does not compute, or what is not whole, is refused by name', () => {
  test.each<[string, Changes, Record<string, number[] | undefined>, string]>([
    [
      'another architecture',
      { 'general.architecture': ['general.architecture', 'STRING', 'qwen2'] },
      {},
      'It is of the architecture "qwen2", and swp reads "llama"',
    ],
    ['no architecture', { 'general.architecture': undefined }, {}, 'It does not say its architecture'],
    [
      'something unknown',
      { new: ['llama.attention.sliding_window', 'UINT32', 4] },
      {},
      'swp does not know its metadata "llama.attention.sliding_window"',
    ],
    ['experts', { new: ['llama.expert_count', 'UINT32', 8] }, {}, 'It has experts ("llama.expert_count")'],
    ['a number missing', { 'llama.block_count': undefined }, {}, 'Its metadata lack "llama.block_count"'],
    [
      'a text in the place of a number',
      { 'llama.block_count': ['llama.block_count', 'STRING', '1'] },
      {},
      'Its metadata "llama.block_count" is STRING, and should be a number',
    ],
    [
      'heads that differ by layer',
      { 'llama.attention.head_count': ['llama.attention.head_count', 'UINT32[]', [2]] },
      {},
      'Its metadata "llama.attention.head_count" is a list of UINT32, and should be a number',
    ],
    [
      'a part of the features turned',
      { new: ['llama.rope.dimension_count', 'UINT32', 2] },
      {},
      'Its "llama.rope.dimension_count" is 2, and swp computes only 4, the width of a head',
    ],
    [
      'another scaling',
      { new: ['llama.rope.scaling.type', 'STRING', 'yarn'] },
      {},
      'Its rotary positions are scaled as "yarn", and swp computes "linear" and "llama3"',
    ],
    [
      'a head count that does not divide',
      { 'llama.attention.head_count': ['llama.attention.head_count', 'UINT32', 3] },
      {},
      'is no multiple of the 3 "num_attention_heads"',
    ],
    [
      'a tensor too few',
      {},
      { 'blk.0.ffn_up.weight': undefined },
      'It lacks the tensor "model.layers.0.mlp.up_proj.weight"',
    ],
    [
      'a tensor too many',
      {},
      { 'blk.0.attn_q_norm.weight': [8] },
      'A llama of these metadata has no tensor "blk.0.attn_q_norm.weight"',
    ],
    [
      'a layer too many',
      {},
      { 'blk.1.ffn_up.weight': [8, 4] },
      'A llama of these metadata has no tensor "blk.1.ffn_up.weight"',
    ],
    [
      'another shape',
      {},
      { 'blk.0.ffn_up.weight': [4, 8] },
      'Its tensor "blk.0.ffn_up.weight" has the shape [8, 4], a model of these metadata [4, 8]',
    ],
  ])('%s', async (_, metadata, shapes, message) => {
    await write(metadata, shapes);
    const opening = openPublishedGguf(path);
    await expect(opening).rejects.toMatchObject({ name: 'SwpError' });
    await expect(opening).rejects.toThrow(message);
  });
});
