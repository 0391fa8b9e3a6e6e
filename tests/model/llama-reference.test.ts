/**
 * The decoder against Llama written down a second time: plain loops in float64, token by token, straight from the
 * conventions of Hugging Face's LlamaForCausalLM. Nothing is shared with src/model/decoder but the checkpoint, so a
 * transposed matrix, a wrong pairing of RoPE's features or a norm in the wrong place shows here.
 */
import { describe, expect, it } from 'vitest';
import { CPU_TARGET } from '../../src/compute/runtimes/runtime.ts';
import { corpusOf } from '../../src/model/corpora.ts';
import { createLanguageModel } from '../../src/model/create-language-model.ts';
import type { LlamaConfig } from '../../src/model/decoder/llama.ts';
import type { DownProjActivations, Weights } from '../../src/model/language-model.ts';
import { checkpointPath, readModelConfig } from '../../src/model/model-config.ts';
import { readModelWeights } from '../../src/model/weights-file.ts';

const MODEL = 'marker-retrieval';
const SHAPE = { batch: 3, sequence: 20 };

interface Pass {
  /** Negative log-likelihood of each next token. */
  losses: number[];
  /** Input and output of every layer's down_proj, by token. */
  down: { input: number[][]; output: number[][] }[];
}

/** y = W x for a matrix stored [out, in], as torch.nn.Linear keeps it. */
function linear(weights: Weights, name: string, x: number[]): number[] {
  const { shape, data } = weights.get(`${name}.weight`)!;
  const [out, into] = shape as [number, number];
  return Array.from({ length: out }, (_, row) =>
    x.reduce((sum, value, col) => sum + value * data[row * into + col]!, 0),
  );
}

function rmsNorm(weights: Weights, name: string, x: number[], epsilon: number): number[] {
  const scale = 1 / Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length + epsilon);
  return x.map((value, i) => value * scale * weights.get(`${name}.weight`)!.data[i]!);
}

/** rotate_half: feature j of a head turns with feature j + headWidth / 2, by position * theta^(-2 j / headWidth). */
function rotate(x: number[], position: number, theta: number): number[] {
  const half = x.length / 2;
  return x.map((value, i) => {
    const angle = position * theta ** ((-2 * (i % half)) / x.length);
    const partner = i < half ? -x[i + half]! : x[i - half]!;
    return value * Math.cos(angle) + partner * Math.sin(angle);
  });
}

function softmax(scores: number[]): number[] {
  const top = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - top));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}

function add(a: number[], b: number[]): number[] {
  return a.map((value, i) => value + b[i]!);
}

/** One sequence of token ids; the last one is only predicted. */
function llama(config: LlamaConfig, weights: Weights, tokens: readonly number[]): Pass {
  const { layers, width, heads, normEpsilon, ropeTheta } = config;
  const headWidth = width / heads;
  const head = (x: number[], h: number) => x.slice(h * headWidth, (h + 1) * headWidth);
  const embedding = weights.get('model.embed_tokens.weight')!.data;
  let states = tokens.slice(0, -1).map((token) => [...embedding.subarray(token * width, (token + 1) * width)]);
  const down: Pass['down'] = [];
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `model.layers.${layer}`;
    const normal = states.map((x) => rmsNorm(weights, `${prefix}.input_layernorm`, x, normEpsilon));
    const [queries, keys, values] = ['q', 'k', 'v'].map((name) =>
      normal.map((x) => linear(weights, `${prefix}.self_attn.${name}_proj`, x)),
    ) as [number[][], number[][], number[][]];
    const mixed = states.map((_, position) =>
      Array.from({ length: heads }, (_, h) => {
        const query = rotate(head(queries[position]!, h), position, ropeTheta);
        const scores = keys.slice(0, position + 1).map((key, other) => {
          const turned = rotate(head(key, h), other, ropeTheta);
          return query.reduce((sum, value, i) => sum + value * turned[i]!, 0) / Math.sqrt(headWidth);
        });
        const shares = softmax(scores);
        return Array.from({ length: headWidth }, (_, i) =>
          shares.reduce((sum, share, other) => sum + share * values[other]![h * headWidth + i]!, 0),
        );
      }).flat(),
    );
    states = states.map((x, position) => add(x, linear(weights, `${prefix}.self_attn.o_proj`, mixed[position]!)));
    const inputs = states.map((x) => {
      const before = rmsNorm(weights, `${prefix}.post_attention_layernorm`, x, normEpsilon);
      const up = linear(weights, `${prefix}.mlp.up_proj`, before);
      return linear(weights, `${prefix}.mlp.gate_proj`, before).map(
        (gate, i) => (gate / (1 + Math.exp(-gate))) * up[i]!,
      );
    });
    const outputs = inputs.map((input) => linear(weights, `${prefix}.mlp.down_proj`, input));
    down.push({ input: inputs, output: outputs });
    states = states.map((x, position) => add(x, outputs[position]!));
  }
  const losses = states.map((x, position) => {
    const logits = linear(weights, 'lm_head', rmsNorm(weights, 'model.norm', x, normEpsilon));
    return -Math.log(softmax(logits)[tokens[position + 1]!]!);
  });
  return { losses, down };
}

describe('the decoder', () => {
  it.each([1, 2])(
    "computes Hugging Face's Llama on checkpoint %i: every loss, every input and output of down_proj",
    async (checkpoint) => {
      const config = (await readModelConfig(MODEL)) as LlamaConfig;
      const weights = await readModelWeights(checkpointPath(MODEL, checkpoint), config, 'test');
      const model = createLanguageModel(config, SHAPE, CPU_TARGET);
      model.load(weights);
      const tokens = corpusOf({ corpus: 'marker-retrieval' }).batch(5, 'test', 0, SHAPE.batch, SHAPE.sequence);
      const row = SHAPE.sequence + 1;
      const passes = Array.from({ length: SHAPE.batch }, (_, index) =>
        llama(config, weights, [...tokens.subarray(index * row, (index + 1) * row)]),
      );

      expectClose(
        await model.losses(tokens),
        passes.flatMap(({ losses }) => losses),
      );
      const activations: DownProjActivations[] = [];
      await model.downProjActivations(tokens, (layer) => activations.push(layer));
      expect(activations.map(({ layer }) => layer)).toEqual([0, 1, 2]);
      for (const { layer, input, output } of activations) {
        expectClose(input, passes.flatMap(({ down }) => down[layer]!.input).flat());
        expectClose(output, passes.flatMap(({ down }) => down[layer]!.output).flat());
      }
    },
  );
});

/** Equal but for float32: within 2e-5 of the largest value. */
function expectClose(actual: ArrayLike<number>, expected: number[]): void {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  const worst = Math.max(...expected.map((value, i) => Math.abs(actual[i]! - value)));
  expect(worst / scale).toBeLessThan(2e-5);
}
