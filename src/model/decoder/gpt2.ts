/**
 * The GPT-2-like decoder (pre-LayerNorm, learned positions, causal attention, GELU MLP, biases, head tied to the
 * embedding) as a graph: Radford et al. 2019; GELU in its tanh form: Hendrycks & Gimpel 2016. Weights have the names of
 * Hugging Face's GPT2LMHeadModel and, like all of swp's, the orientation [out, in] (its Conv1D stores [in, out]).
 *
 * Activations are feature-major, [features, tokens], as in llama.ts.
 */
import type { Graph } from '../../compute/graph/graph.ts';
import type { Value } from '../../compute/graph/operation.ts';
import type { Gpt2Config } from '../language-model.ts';
import type { DecoderFamily, DecoderOutputs, DecoderShape } from './family.ts';

const EMBEDDING = 'transformer.wte.weight';
const POSITIONS = 'transformer.wpe.weight';

export const gpt2: DecoderFamily<Gpt2Config> = { parameters, build, downProjection: (layer) => `${blockName(layer)}.mlp.c_proj.weight` };

function blockName(layer: number): string {
  return `transformer.h.${layer}`;
}

function parameters({ layers, width, feedForward, vocabulary, positions }: Gpt2Config): Map<string, number[]> {
  const shapes = new Map<string, number[]>([
    [EMBEDDING, [vocabulary, width]],
    [POSITIONS, [positions, width]],
  ]);
  const norm = (name: string) => shapes.set(`${name}.weight`, [width]).set(`${name}.bias`, [width]);
  const linear = (name: string, outputs: number, inputs: number) => shapes.set(`${name}.weight`, [outputs, inputs]).set(`${name}.bias`, [outputs]);
  for (let layer = 0; layer < layers; layer++) {
    const block = blockName(layer);
    norm(`${block}.ln_1`);
    linear(`${block}.attn.c_attn`, 3 * width, width);
    linear(`${block}.attn.c_proj`, width, width);
    norm(`${block}.ln_2`);
    linear(`${block}.mlp.c_fc`, feedForward, width);
    linear(`${block}.mlp.c_proj`, width, feedForward);
  }
  norm('transformer.ln_f');
  return shapes;
}

function build(graph: Graph, config: Gpt2Config, { batch, sequence }: DecoderShape, tokens: Value, parameter: (name: string) => Value): DecoderOutputs {
  const { layers, width, heads, normEpsilon } = config;
  const tokenCount = batch * sequence;
  const headWidth = width / heads;

  /** (x - mean) / sd per token; gain and bias come with the matrix that reads it. */
  const normalise = (name: string, x: Value): Value =>
    graph.scope(name, () => {
      const centred = graph.sub(x, graph.affine(graph.sum(x, [0]), 1 / width));
      const variance = graph.affine(graph.sum(graph.square(centred), [0]), 1 / width, normEpsilon);
      return graph.mul(centred, graph.rsqrt(variance));
    });
  const column = (name: string): Value => {
    const vector = parameter(name);
    return graph.reshape(vector, [vector.shape[0]!, 1]);
  };
  /** W (g * x + b) + c = (W * g) x + (W b + c): gain and bias of a norm folded into the matrix that reads it. */
  const linearAfterNorm = (name: string, norm: string, x: Value): Value =>
    graph.scope(name, () => {
      const weight = parameter(`${name}.weight`);
      const scaled = graph.mul(weight, graph.reshape(parameter(`${norm}.weight`), [1, width]));
      const bias = graph.add(graph.matmul(weight, column(`${norm}.bias`)), column(`${name}.bias`));
      return graph.add(graph.matmul(scaled, x), bias);
    });
  const linear = (name: string, x: Value): Value =>
    graph.scope(name, () => graph.add(graph.matmul(parameter(`${name}.weight`), x), column(`${name}.bias`)));

  /** [width, tokens] with rows (head, feature) -> [head feature, head x sequence, position]. */
  const perHead = (x: Value): Value =>
    graph.reshape(graph.transpose(graph.reshape(x, [heads, headWidth, tokenCount]), [1, 0, 2]), [headWidth, heads * batch, sequence]);

  const attend = (x: Value, block: string): Value => {
    const projected = linearAfterNorm(`${block}.attn.c_attn`, `${block}.ln_1`, x);
    const gathered = graph.scope(`${block}.attn`, () => {
      const [queries, keys, values] = [0, 1, 2].map((part) => perHead(graph.slice(projected, 0, part * width, (part + 1) * width))) as [Value, Value, Value];
      const scores = graph.scope('scores', () =>
        graph.matmul(queries, keys, { batchA: 'inner', batchB: 'inner', transA: true, alpha: 1 / Math.sqrt(headWidth) }),
      );
      const weights = graph.scope('softmax', () => graph.causalSoftmax(scores));
      const mixed = graph.scope('mixed', () => graph.matmul(values, weights, { batchA: 'inner', transB: true }));
      const byHead = graph.transpose(graph.reshape(mixed, [heads, batch, headWidth, sequence]), [0, 2, 1, 3]);
      return graph.reshape(byHead, [width, tokenCount]);
    });
    return linear(`${block}.attn.c_proj`, gathered);
  };

  const downProjections: DecoderOutputs['downProjections'] = [];
  let residual = graph.scope('transformer.wte', () => {
    const positions = graph.reshape(graph.transpose(graph.slice(parameter(POSITIONS), 0, 0, sequence), [1, 0]), [width, 1, sequence]);
    const embedded = graph.transpose(graph.gatherRows(parameter(EMBEDDING), tokens), [1, 0]);
    return graph.reshape(graph.add(graph.reshape(embedded, [width, batch, sequence]), positions), [width, tokenCount]);
  });
  for (let layer = 0; layer < layers; layer++) {
    const block = blockName(layer);
    const attended = attend(normalise(`${block}.ln_1`, residual), block);
    residual = graph.scope(block, () => graph.add(residual, attended));
    const expanded = linearAfterNorm(`${block}.mlp.c_fc`, `${block}.ln_2`, normalise(`${block}.ln_2`, residual));
    const input = graph.scope(`${block}.mlp`, () => graph.gelu(expanded));
    const output = linear(`${block}.mlp.c_proj`, input);
    downProjections.push({ input, output });
    residual = graph.scope(block, () => graph.add(residual, output));
  }
  const normal = normalise('transformer.ln_f', residual);
  const final = graph.scope('transformer.ln_f', () => graph.add(graph.mul(normal, column('transformer.ln_f.weight')), column('transformer.ln_f.bias')));
  const logits = graph.scope('lm_head', () => graph.matmul(final, parameter(EMBEDDING), { transA: true, transB: true }));
  return { logits, downProjections };
}
