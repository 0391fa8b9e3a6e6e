/**
 * Models as transformers writes them compute what transformers computes, whatever their options; files that are damaged
 * or do not fit are refused. The fixtures and their script are in tests/model/published.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/base/package-root.ts';
import { SwpError } from '../../src/base/failure.ts';
import { Graph } from '../../src/compute/graph/graph.ts';
import { CPU_TARGET } from '../../src/compute/runtimes/runtime.ts';
import { buildTrainingGraph, parameterShapes } from '../../src/model/decoder/decoder-graph.ts';
import { familyOf } from '../../src/model/decoder/family-of.ts';
import type { DecoderShape, ModelConfig } from '../../src/model/decoder/family.ts';
import type { Tensor, Weights } from '../../src/model/language-model.ts';
import { openModelSession } from '../../src/model/model-session.ts';
import { splitNextTokens } from '../../src/model/next-token.ts';
import { openPublishedFolder, readPublishedFolder } from '../../src/model/published-folder.ts';
import { readPublishedWeights } from '../../src/model/published-model.ts';
import { readSafetensors, writeSafetensors } from '../../src/model/safetensors.ts';

const FIXTURES = join(packageRoot, 'tests/model/published');
const ROWS = { batch: 2, sequence: 9 };

let root: string;
let copies = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'swp-published-'));
});
afterAll(() => rm(root, { recursive: true }));

/** A folder with the files of a fixture, to change some of them. */
async function copyOf(name: string): Promise<string> {
  const folder = join(root, `${name}-${copies++}`);
  await cp(join(FIXTURES, name), folder, { recursive: true });
  return folder;
}

interface Loaded {
  config: ModelConfig;
  weights: Weights;
  notes: readonly string[];
}

async function load(folder: string): Promise<Loaded> {
  const model = await openPublishedFolder(folder);
  try {
    return { config: model.config, weights: await readPublishedWeights(model, 'test'), notes: model.notes };
  } finally {
    await model.close();
  }
}

/** Runs a graph of a decoder on the rows of token ids, each of them `times` times. */
async function run(graph: Graph, weights: Weights, ids: Int32Array, shape: DecoderShape, times: number) {
  const session = await openModelSession(graph, CPU_TARGET);
  const all = Int32Array.from(Array.from({ length: times }, () => [...ids]).flat());
  const count = shape.batch * shape.sequence;
  const [tokens, targets] = [new Int32Array(count), new Int32Array(count)];
  splitNextTokens(all, shape, { tokens, targets });
  for (const [name, { data }] of weights) session.feed(name, data);
  session.feed('tokens', tokens);
  if (graph.inputs.has('targets')) session.feed('targets', targets);
  const outputs = await session.run();
  await session.release();
  return outputs as Record<string, Float32Array>;
}

function logitsGraph(config: ModelConfig, shape: DecoderShape): Graph {
  const graph = new Graph();
  const parameters = new Map([...parameterShapes(config)].map(([name, size]) => [name, graph.input(name, size)]));
  const tokens = graph.input('tokens', [shape.batch * shape.sequence], 'int32');
  graph.output('logits', familyOf(config).build(graph, config, shape, tokens, (name) => parameters.get(name)!).logits);
  return graph;
}

const norm = (numbers: Iterable<number>) => Math.hypot(...numbers);
const largest = (numbers: Float32Array) => numbers.reduce((most, number) => Math.max(most, Math.abs(number)), 0);

describe('what transformers computes is computed', () => {
  test.each(['llama-grouped', 'llama-tied-biased', 'llama3-rope', 'llama-sharded', 'gpt2-tanh', 'gpt2-bare'])(
    '%s: logits and every gradient, of few tokens and of many',
    async (name) => {
      const { config, weights, notes } = await load(join(FIXTURES, name));
      const { tensors: reference } = await readSafetensors(join(FIXTURES, name, 'reference.safetensors'));
      const numbers = (tensor: string) => reference.get(tensor)!.data as Float32Array;
      const ids = Int32Array.from(numbers('tokens'));
      expect(notes).toEqual([]);
      expect([...weights.keys()].map((tensor) => `gradient:${tensor}`).sort()).toEqual(
        [...reference.keys()].filter((tensor) => tensor.startsWith('gradient:')).sort(),
      );
      // Twice as many tokens as the width, and norms and heads are spread over matrices instead of activations.
      for (const times of [1, 2]) {
        const shape = { batch: ROWS.batch * times, sequence: ROWS.sequence };
        const { logits } = await run(logitsGraph(config, shape), weights, ids, shape, times);
        const expected = numbers('logits');
        const worst = logits!.reduce(
          (most, logit, index) => Math.max(most, Math.abs(logit - expected[index % expected.length]!)),
          0,
        );
        expect(worst / largest(expected)).toBeLessThan(1e-5);

        const gradients = await run(buildTrainingGraph(config, shape).graph, weights, ids, shape, times);
        for (const tensor of weights.keys()) {
          const [actual, wanted] = [gradients[`gradient:${tensor}`]!, numbers(`gradient:${tensor}`)];
          const error = norm(wanted.map((value, index) => value - actual[index]!)) / norm(wanted);
          expect(error, `${tensor}, ${times} times`).toBeLessThan(1e-4);
        }
      }
    },
  );
});

describe('a head that the configuration ties to the embedding', () => {
  const withTensors = async (name: string, change: (tensors: Map<string, Tensor>) => void): Promise<string> => {
    const folder = await copyOf(name);
    const path = join(folder, 'model.safetensors');
    const { tensors } = await readSafetensors(path);
    change(tensors);
    await writeSafetensors(path, tensors);
    return folder;
  };
  const EMBEDDING = 'model.embed_tokens.weight';

  test('is tied where the files have it too, with equal numbers', async () => {
    const folder = await withTensors('llama-tied-biased', (tensors) =>
      tensors.set('lm_head.weight', tensors.get(EMBEDDING)!),
    );
    const { config, weights, notes } = await load(folder);
    expect([config, [...weights], notes]).toEqual(
      Object.values(await load(join(FIXTURES, 'llama-tied-biased'))).map((each) =>
        each instanceof Map ? [...each] : each,
      ),
    );
  });

  test('is a head of its own where they have it with other numbers, and that is said', async () => {
    const folder = await withTensors('llama-tied-biased', (tensors) => {
      const { shape, data } = tensors.get(EMBEDDING)!;
      tensors.set('lm_head.weight', { shape, data: (data as Float32Array).map((number) => -number) });
    });
    const { config, weights, notes } = await load(folder);
    expect(config).toMatchObject({ tiedHead: false });
    expect(await readPublishedFolder(folder)).toEqual(config);
    expect(weights.get('lm_head.weight')!.data[0]).toBe(-weights.get(EMBEDDING)!.data[0]!);
    expect(notes).toEqual([
      `The configuration ties lm_head.weight to ${EMBEDDING}, but the files have both with different numbers: they are not tied, as in transformers.`,
    ]);
  });

  test('is the embedding where the files have the head alone', async () => {
    const folder = await withTensors('llama-tied-biased', (tensors) => {
      tensors.set('lm_head.weight', tensors.get(EMBEDDING)!);
      tensors.delete(EMBEDDING);
    });
    const { weights, notes } = await load(folder);
    const whole = await load(join(FIXTURES, 'llama-tied-biased'));
    expect(weights).toEqual(whole.weights);
    expect(notes).toEqual([
      `The files have no ${EMBEDDING}: lm_head.weight, which the configuration ties to it, is both.`,
    ]);
  });

  test('and one that it does not tie must be there', async () => {
    const folder = await withTensors('llama-grouped', (tensors) => tensors.delete('lm_head.weight'));
    await expect(load(folder)).rejects.toMatchObject({
      failure: {
        kind: 'content',
        message:
          'The tensor "lm_head.weight" is missing, and the configuration does not tie it to "model.embed_tokens.weight"',
      },
    });
  });

  test('masks that old versions saved, and names without their prefix, are read', async () => {
    const folder = await withTensors('gpt2-tanh', (tensors) => {
      for (const [name, tensor] of [...tensors]) {
        tensors.delete(name);
        tensors.set(name.replace('transformer.', ''), tensor);
      }
      tensors.set('h.0.attn.bias', { shape: [1, 1, 2, 2], data: Uint8Array.of(1, 0, 1, 1) });
    });
    expect((await load(folder)).weights).toEqual((await load(join(FIXTURES, 'gpt2-tanh'))).weights);
  });
});

describe('files that do not fit are refused', () => {
  const messageOf = async (folder: string): Promise<string> => {
    const error: unknown = await load(folder).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof SwpError)) throw new Error(`No failure: ${String(error)}`);
    const { failure } = error;
    return `${failure.kind}: ${'path' in failure ? failure.path.slice(folder.length + 1) : ''}: ${error.message}`;
  };
  const SHARD = 'model-00002-of-00002.safetensors';

  test.each<[string, string, (folder: string) => Promise<void>, string | RegExp]>([
    ['a shard that is missing', 'llama-sharded', (folder) => rm(join(folder, SHARD)), /^file: model-00002.*ENOENT/],
    [
      'a shard that was not fetched',
      'llama-sharded',
      (folder) =>
        writeFile(join(folder, SHARD), 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n'),
      /^content: model-00002.*: It is no safetensors file, but a pointer of Git LFS/,
    ],
    [
      'an index that was not fetched',
      'llama-sharded',
      (folder) =>
        writeFile(
          join(folder, 'model.safetensors.index.json'),
          'version https://git-lfs.github.com/spec/v1\noid sha256:00\n',
        ),
      /^content: model\.safetensors\.index\.json: It is a pointer of Git LFS/,
    ],
    [
      'an index that leads out of the folder',
      'llama-sharded',
      (folder) =>
        writeFile(
          join(folder, 'model.safetensors.index.json'),
          '{"weight_map": {"lm_head.weight": "../secret.safetensors"}}',
        ),
      'content: model.safetensors.index.json: The index gives the tensor "lm_head.weight" the file "../secret.safetensors", which is no name of a safetensors file beside it',
    ],
    [
      'an index without a map',
      'llama-sharded',
      (folder) => writeFile(join(folder, 'model.safetensors.index.json'), '{"weight_map": []}'),
      'content: model.safetensors.index.json: The index has no "weight_map" that says which file each tensor is in',
    ],
    [
      'a tensor that the index does not say',
      'llama-sharded',
      async (folder) => {
        const path = join(folder, 'model.safetensors.index.json');
        await writeFile(path, (await readFile(path, 'utf8')).replace('"model.norm.weight"', '"model.normal.weight"'));
      },
      /^content: model-0000.*: It has the tensor "model.norm.weight", which the index model.safetensors.index.json does not say$/,
    ],
    [
      'a configuration of another size',
      'llama-grouped',
      async (folder) => {
        const path = join(folder, 'config.json');
        await writeFile(
          path,
          (await readFile(path, 'utf8')).replace('"num_key_value_heads": 2', '"num_key_value_heads": 4'),
        );
      },
      'content: model.safetensors: The tensor model.layers.0.self_attn.k_proj.weight has the shape [8, 16], a model of this configuration [16, 16]',
    ],
    [
      'biases that the configuration does not have',
      'llama-tied-biased',
      async (folder) => {
        const path = join(folder, 'config.json');
        await writeFile(path, (await readFile(path, 'utf8')).replace('"mlp_bias": true', '"mlp_bias": false'));
      },
      /^content: model\.safetensors: A llama with this configuration has no tensor "model\.layers\.0\.mlp\.\w+_proj\.bias", and none of 5 others of the files$/,
    ],
    [
      'a tensor twice, with and without its prefix',
      'gpt2-tanh',
      async (folder) => {
        const path = join(folder, 'model.safetensors');
        const { tensors } = await readSafetensors(path);
        await writeSafetensors(path, tensors.set('ln_f.bias', tensors.get('transformer.ln_f.bias')!));
      },
      /^content: model\.safetensors: It has the tensor "transformer\.ln_f\.bias" twice, as "\S+" and "\S+"$/,
    ],
    [
      'weights that are whole numbers',
      'gpt2-tanh',
      async (folder) => {
        const path = join(folder, 'model.safetensors');
        const { tensors } = await readSafetensors(path);
        await writeSafetensors(path, tensors.set('transformer.ln_f.bias', { shape: [16], data: new Uint8Array(16) }));
      },
      'content: model.safetensors: The tensor transformer.ln_f.bias is U8; weights are F32, F16 or BF16',
    ],
    [
      'a number that is not finite',
      'llama3-rope',
      async (folder) => {
        const path = join(folder, 'model.safetensors');
        const bytes = await readFile(path);
        bytes.writeUInt32LE(0x7fc00000, bytes.length - 4);
        await writeFile(path, bytes);
      },
      /^content: model\.safetensors: One of \d+ numbers is not finite: it is NaN, at /,
    ],
  ])('%s', async (_, name, change, expected) => {
    const folder = await copyOf(name);
    await change(folder);
    const message = await messageOf(folder);
    if (typeof expected === 'string') expect(message).toBe(expected);
    else expect(message).toMatch(expected);
  });

  test('whatever a byte of a shard or of the index is, the answer is a model or a failure', async () => {
    const folder = await copyOf('llama-sharded');
    for (const name of [SHARD, 'model.safetensors.index.json']) {
      const path = join(folder, name);
      const whole = await readFile(path);
      await fc.assert(
        fc.asyncProperty(fc.nat(900), fc.nat(255), fc.boolean(), async (place, byte, cut) => {
          const bytes = Buffer.from(whole);
          bytes[place % bytes.length] = byte;
          await writeFile(path, cut ? bytes.subarray(0, place) : bytes);
          await load(folder).catch((error: unknown) => {
            if (!(error instanceof SwpError)) throw error;
          });
        }),
        { numRuns: 60 },
      );
      await writeFile(path, whole);
    }
  });
});
