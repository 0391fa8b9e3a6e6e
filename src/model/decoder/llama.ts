/**
 * The Llama-like decoder (pre-RMSNorm, RoPE, causal attention, SwiGLU, no biases, untied head) as a graph.
 * Touvron et al. 2023; RoPE: Su et al. 2021; SwiGLU: Shazeer 2020. Weights have the names and the [out, in] orientation
 * of Hugging Face's LlamaForCausalLM.
 *
 * Activations are feature-major, [features, tokens]: with a head's features spread over the rows, [width, tokens]
 * views directly as [head feature, head x sequence, position], so attention needs hardly any copies, and RoPE's halves
 * are contiguous rows. A norm's gain is folded into the next weight, which is far smaller than the activations.
 */
import type { Graph } from '../../compute/graph/graph.ts';
import type { Value } from '../../compute/graph/operation.ts';
import { Table } from '../../compute/graph/table.ts';
import type {
  BeforeDownProjection,
  DecoderFamily,
  DecoderOutputs,
  DecoderShape,
  DownProjected,
  MatrixFacts,
  ModelConfig,
  TensorFacts,
} from './family.ts';

export interface LlamaConfig extends ModelConfig {
  family: 'llama';
  /** Base of the rotary angles. */
  ropeTheta: number;
}

/** Standard deviation of all matrices except those that write to the residual stream. */
const DEVIATION = 0.02;

export const llama: DecoderFamily<LlamaConfig> = {
  summary: 'Pre-RMSNorm, rotary positions, SwiGLU, no biases, untied head.',
  fields: { ropeTheta: { type: 'number', minimum: 1e-30, maximum: 1e30 } },
  problem: ({ width, heads }) =>
    width % (2 * heads) === 0
      ? undefined // rotary positions pair a head's lower and upper features
      : `/width ${width} is no multiple of twice the ${heads} heads`,
  tensors,
  downProjection: (layer) => `model.layers.${layer}.mlp.down_proj.weight`,
  mlpChannel: (layer) => ({
    embedding: 'model.embed_tokens.weight',
    readers: ['gate_proj', 'up_proj'].map((name) => ({
      weight: `model.layers.${layer}.mlp.${name}.weight`,
      gain: `model.layers.${layer}.post_attention_layernorm.weight`,
    })),
    activation: (y) => (y * y) / (1 + Math.exp(-y)),
  }),
  longestSequence: () => Infinity,
  ofSize: ({ corpus, layers, width, heads, vocabulary }) => ({
    ...{ family: 'llama', corpus, layers, width, heads, vocabulary },
    ...{ feedForward: 2 * width, ropeTheta: 10_000, normEpsilon: 1e-6 },
  }),
  build,
};

function tensors({ layers, width, feedForward, vocabulary }: LlamaConfig): Map<string, TensorFacts> {
  const facts = new Map<string, TensorFacts>();
  const matrix = (name: string, layer: number | null, shape: [number, number], changes: Partial<MatrixFacts> = {}) =>
    facts.set(`${name}.weight`, {
      ...{ kind: kindOf(name), layer, role: 'block', shape, writesResidual: false, deviation: DEVIATION },
      ...changes,
    });
  const gain = (name: string, layer: number | null) =>
    facts.set(`${name}.weight`, { kind: kindOf(name), layer, role: 'gain', shape: [width] });
  /** Scaled down so that the residual stream does not grow with depth (Radford et al. 2019). */
  const writer = { writesResidual: true, deviation: DEVIATION / Math.sqrt(2 * layers) };

  matrix('model.embed_tokens', null, [vocabulary, width], { role: 'embedding' });
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `model.layers.${layer}`;
    gain(`${prefix}.input_layernorm`, layer);
    for (const name of ['q', 'k', 'v']) matrix(`${prefix}.self_attn.${name}_proj`, layer, [width, width]);
    matrix(`${prefix}.self_attn.o_proj`, layer, [width, width], writer);
    gain(`${prefix}.post_attention_layernorm`, layer);
    matrix(`${prefix}.mlp.gate_proj`, layer, [feedForward, width]);
    matrix(`${prefix}.mlp.up_proj`, layer, [feedForward, width]);
    matrix(`${prefix}.mlp.down_proj`, layer, [width, feedForward], writer);
  }
  gain('model.norm', null);
  matrix('lm_head', null, [vocabulary, width], { role: 'head' });
  return facts;
}

function kindOf(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

function build(
  graph: Graph,
  config: LlamaConfig,
  { batch, sequence }: DecoderShape,
  tokens: Value,
  parameter: (name: string) => Value,
  downProjected: DownProjected = (_, output) => output,
  beforeDownProjection: BeforeDownProjection = (_, entering) => entering,
): DecoderOutputs {
  const { layers, width, heads, normEpsilon } = config;
  const headWidth = width / heads;
  const rotation = rotaryTables(graph, config, { batch, sequence });

  /** x / rms(x) per token; the gain comes with the weight that reads it. */
  const normalise = (name: string, x: Value): Value =>
    graph.scope(name, () => {
      const meanSquare = graph.affine(graph.sum(graph.square(x), [0]), 1 / width, normEpsilon);
      return graph.mul(x, graph.rsqrt(meanSquare));
    });
  const withGain = (weight: string, gain: string): Value =>
    graph.mul(parameter(weight), graph.reshape(parameter(gain), [1, width]));
  /** Rows from (head, feature) to (feature, head), so that the product can be viewed per head. */
  const rowsByFeature = (weight: Value): Value =>
    graph.reshape(graph.transpose(graph.reshape(weight, [heads, headWidth, width]), [1, 0, 2]), [width, width]);
  const columnsByFeature = (weight: Value): Value =>
    graph.reshape(graph.transpose(graph.reshape(weight, [width, heads, headWidth]), [0, 2, 1]), [width, width]);
  const perHead = (x: Value): Value => graph.reshape(x, [headWidth, heads * batch, sequence]);

  /** Rotates the lower and upper halves of query and key at once: [query half, key half] x tokens each. */
  const rotate = (lower: Value, upper: Value): [Value, Value] => {
    const { cosine, sine } = rotation;
    return [
      graph.sub(graph.mul(lower, cosine), graph.mul(upper, sine)),
      graph.add(graph.mul(upper, cosine), graph.mul(lower, sine)),
    ];
  };

  const attend = (x: Value, prefix: string): Value => {
    const [query, key, value] = ['q', 'k', 'v'].map((name) =>
      graph.scope(`${name}_proj`, () =>
        rowsByFeature(withGain(`${prefix}.self_attn.${name}_proj.weight`, `${prefix}.input_layernorm.weight`)),
      ),
    ) as [Value, Value, Value];
    const half = width / 2;
    const lowerRows = (weight: Value) => graph.slice(weight, 0, 0, half);
    const upperRows = (weight: Value) => graph.slice(weight, 0, half, width);
    // Three products whose rows are ordered so that what RoPE pairs up is contiguous: slicing weights is cheaper than
    // slicing what they make.
    const project = (...rows: Value[]) => graph.scope('qkv', () => graph.matmul(graph.concat(rows, 0), x));
    const [lower, upper] = graph.scope('rotary', () =>
      rotate(project(lowerRows(query), lowerRows(key)), project(upperRows(query), upperRows(key))),
    );
    const queries = perHead(graph.concat([lowerRows(lower), lowerRows(upper)], 0));
    const keys = perHead(graph.concat([upperRows(lower), upperRows(upper)], 0));
    const values = perHead(graph.scope('qkv', () => graph.matmul(value, x)));

    const scores = graph.scope('scores', () =>
      graph.matmul(queries, keys, { batchA: 'inner', batchB: 'inner', transA: true, alpha: 1 / Math.sqrt(headWidth) }),
    );
    const mixed = graph.scope('mixed', () => graph.attend(scores, values));
    const gathered = graph.reshape(graph.transpose(mixed, [1, 0, 2]), [width, batch * sequence]);
    return graph.scope('o_proj', () =>
      graph.matmul(columnsByFeature(parameter(`${prefix}.self_attn.o_proj.weight`)), gathered),
    );
  };

  const hiddenUnits = (x: Value, prefix: string): Value => {
    const gain = `${prefix}.post_attention_layernorm.weight`;
    const gate = graph.scope('gate_proj', () => graph.matmul(withGain(`${prefix}.mlp.gate_proj.weight`, gain), x));
    const up = graph.scope('up_proj', () => graph.matmul(withGain(`${prefix}.mlp.up_proj.weight`, gain), x));
    return graph.mul(graph.silu(gate), up);
  };

  const downProjections: DecoderOutputs['downProjections'] = [];
  let residual = graph.scope('model.embed_tokens', () =>
    graph.transpose(graph.gatherRows(parameter('model.embed_tokens.weight'), tokens), [1, 0]),
  );
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `model.layers.${layer}`;
    const attentionInput = normalise(`${prefix}.input_layernorm`, residual);
    const attended = graph.scope(`${prefix}.self_attn`, () => attend(attentionInput, prefix));
    residual = graph.scope(prefix, () => graph.add(residual, attended));
    const normal = normalise(`${prefix}.post_attention_layernorm`, residual);
    const hidden = graph.scope(`${prefix}.mlp`, () => hiddenUnits(normal, prefix));
    const entering = beforeDownProjection(layer, { input: hidden, residual });
    const projected = graph.scope(`${prefix}.mlp.down_proj`, () =>
      graph.matmul(parameter(`${prefix}.mlp.down_proj.weight`), entering.input),
    );
    const output = downProjected(layer, projected);
    downProjections.push({ input: entering.input, output });
    residual = graph.scope(prefix, () => graph.add(entering.residual, output));
  }
  const final = normalise('model.norm', residual);
  const logits = graph.scope('lm_head', () =>
    graph.matmul(final, withGain('lm_head.weight', 'model.norm.weight'), { transA: true, transB: true }),
  );
  return { logits, downProjections };
}

/**
 * cos and sin of position * theta^(-2j / headWidth) for row (query or key, j, head) and column (sequence, position).
 */
function rotaryTables(graph: Graph, config: LlamaConfig, { batch, sequence }: DecoderShape) {
  const { width, heads, ropeTheta } = config;
  const headWidth = width / heads;
  /** Of the features of a head, of which the upper half turns as the lower one does. */
  const frequencies = Float64Array.from(
    { length: headWidth },
    (_, feature) => ropeTheta ** ((-2 * (feature % (headWidth / 2))) / headWidth),
  );
  // All heads turn alike, and all sequences.
  const table = (of: (angle: number) => number) =>
    graph.constant(
      Table.repeatedRows(headWidth, sequence, heads * batch, (row, position) => of(position * frequencies[row]!)),
      [width, batch * sequence],
    );
  return { cosine: table(Math.cos), sine: table(Math.sin) };
}
