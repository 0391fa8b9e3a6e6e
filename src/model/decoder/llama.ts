/**
 * The Llama-like decoder (pre-RMSNorm, RoPE, causal attention, SwiGLU) as a graph: with grouped queries, a tied head,
 * biases and slowed rotary positions where the configuration says so.
 * Touvron et al. 2023; RoPE: Su et al. 2021; SwiGLU: Shazeer 2020; grouped queries: Ainslie et al. 2023. Weights have
 * the names and the [out, in] orientation of Hugging Face's LlamaForCausalLM.
 *
 * Activations are feature-major, [features, tokens]: with a head's features spread over the rows, [width, tokens]
 * views directly as [head feature, head x sequence, position], so attention needs hardly any copies, and RoPE's halves
 * are contiguous rows.
 */
import { cos, exp, sin } from '../../base/stated-math.ts';
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
import { ROPE_SCALING_SCHEMA, rotaryFrequencies, type RopeScaling } from './rotary-frequencies.ts';

export interface LlamaConfig extends ModelConfig {
  family: 'llama';
  /** Base of the rotary angles. */
  ropeTheta: number;
  /** Heads of keys and values, each for heads / keyValueHeads heads of queries. As many as heads by default. */
  keyValueHeads?: number;
  /** Features of a head; width / heads by default. */
  headWidth?: number;
  /** None by default. */
  ropeScaling?: RopeScaling;
  /** Whether the embedding makes the logits, too; false by default. */
  tiedHead?: boolean;
  /** Whether the matrices of attention have biases; false by default. */
  attentionBias?: boolean;
  /** Whether the matrices of the MLP have biases; false by default. */
  mlpBias?: boolean;
}

const EMBEDDING = 'model.embed_tokens.weight';
/** Standard deviation of all matrices except those that write to the residual stream. */
const DEVIATION = 0.02;

export const llama: DecoderFamily<LlamaConfig> = {
  summary: 'Pre-RMSNorm, rotary positions, SwiGLU; own or tied head, heads of queries alone or in groups.',
  fields: { ropeTheta: { type: 'number', minimum: 1e-30, maximum: 1e30 } },
  optionalFields: {
    keyValueHeads: { type: 'integer', minimum: 1, maximum: 65_536, description: 'heads of keys and values' },
    headWidth: { type: 'integer', minimum: 2, maximum: 65_536, description: 'features of a head' },
    ropeScaling: ROPE_SCALING_SCHEMA,
    tiedHead: { type: 'boolean', description: 'whether the embedding makes the logits' },
    attentionBias: { type: 'boolean', description: 'whether the matrices of attention have biases' },
    mlpBias: { type: 'boolean', description: 'whether the matrices of the MLP have biases' },
  },
  problem,
  tensors,
  downProjection: (layer) => `model.layers.${layer}.mlp.down_proj.weight`,
  mlpChannel: (layer, { mlpBias }) => ({
    embedding: EMBEDDING,
    readers: ['gate_proj', 'up_proj'].map((name) => ({
      weight: `model.layers.${layer}.mlp.${name}.weight`,
      gain: `model.layers.${layer}.post_attention_layernorm.weight`,
      ...(mlpBias && { bias: `model.layers.${layer}.mlp.${name}.bias` }),
    })),
    activation: (y) => (y * y) / (1 + exp(-y)),
  }),
  longestSequence: () => Infinity,
  ofSize: ({ corpus, layers, width, heads, vocabulary }) => ({
    ...{ family: 'llama', corpus, layers, width, heads, vocabulary },
    ...{ feedForward: 2 * width, ropeTheta: 10_000, normEpsilon: 1e-6 },
  }),
  build,
};

function problem(config: LlamaConfig): string | undefined {
  const { width, heads, headWidth, ropeScaling } = config;
  const { keyValueHeads } = headsOf(config);
  // Rotary positions pair a head's lower and upper features.
  if (headWidth === undefined && width % (2 * heads) !== 0)
    return `/width ${width} is no multiple of twice the ${heads} heads`;
  if (headWidth !== undefined && headWidth % 2 !== 0) return `/headWidth ${headWidth} is odd`;
  if (heads % keyValueHeads !== 0) return `/keyValueHeads ${keyValueHeads} does not divide the ${heads} heads`;
  if (ropeScaling?.type === 'llama3' && ropeScaling.highFrequency <= ropeScaling.lowFrequency)
    return `/ropeScaling has a highFrequency of ${ropeScaling.highFrequency}, which is not above its lowFrequency, ${ropeScaling.lowFrequency}`;
  return undefined;
}

/** Heads of keys and values, and features of a head. */
function headsOf({ width, heads, keyValueHeads = heads, headWidth = width / heads }: LlamaConfig) {
  return { keyValueHeads, headWidth };
}

function tensors(config: LlamaConfig): Map<string, TensorFacts> {
  const { layers, width, heads, feedForward, vocabulary, tiedHead, attentionBias, mlpBias } = config;
  const { keyValueHeads, headWidth } = headsOf(config);
  const facts = new Map<string, TensorFacts>();
  const matrix = (name: string, layer: number | null, shape: [number, number], changes: Partial<MatrixFacts> = {}) =>
    facts.set(`${name}.weight`, {
      ...{ kind: kindOf(name), layer, role: 'block', shape, writesResidual: false, deviation: DEVIATION },
      ...changes,
    });
  const bias = (name: string, layer: number, length: number) =>
    facts.set(`${name}.bias`, { kind: kindOf(name), layer, role: 'bias', shape: [length] });
  const gain = (name: string, layer: number | null) =>
    facts.set(`${name}.weight`, { kind: kindOf(name), layer, role: 'gain', shape: [width] });
  /** Scaled down so that the residual stream does not grow with depth (Radford et al. 2019). */
  const writer = { writesResidual: true, deviation: DEVIATION / Math.sqrt(2 * layers) };

  matrix('model.embed_tokens', null, [vocabulary, width], { role: 'embedding' });
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `model.layers.${layer}`;
    const linear = (name: string, shape: [number, number], hasBias = false, changes: Partial<MatrixFacts> = {}) => {
      matrix(`${prefix}.${name}`, layer, shape, changes);
      if (hasBias) bias(`${prefix}.${name}`, layer, shape[0]);
    };
    gain(`${prefix}.input_layernorm`, layer);
    linear('self_attn.q_proj', [heads * headWidth, width], attentionBias);
    for (const name of ['k', 'v']) linear(`self_attn.${name}_proj`, [keyValueHeads * headWidth, width], attentionBias);
    linear('self_attn.o_proj', [width, heads * headWidth], attentionBias, writer);
    gain(`${prefix}.post_attention_layernorm`, layer);
    for (const name of ['gate', 'up']) linear(`mlp.${name}_proj`, [feedForward, width], mlpBias);
    linear('mlp.down_proj', [width, feedForward], mlpBias, writer);
  }
  gain('model.norm', null);
  if (!tiedHead) matrix('lm_head', null, [vocabulary, width], { role: 'head' });
  return facts;
}

function kindOf(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

function build(
  graph: Graph,
  config: LlamaConfig,
  { batch, sequence, repetitions = 1 }: DecoderShape,
  tokens: Value,
  parameter: (name: string) => Value,
  downProjected: DownProjected = (_, output) => output,
  beforeDownProjection: BeforeDownProjection = (_, entering) => entering,
): DecoderOutputs {
  const { layers, width, heads, normEpsilon, tiedHead, attentionBias, mlpBias } = config;
  const { keyValueHeads, headWidth } = headsOf(config);
  const tokenCount = batch * sequence;
  const inner = heads * headWidth;
  /**
   * Whether there are so many tokens that passes over activations cost more than passes over matrices. Then a norm's
   * gain is folded into the matrix that reads it.
   */
  const manyTokens = tokenCount * repetitions >= 2 * width;
  /**
   * Whether heads are spread over the rows of the matrices, too, instead of over those of the activations: of one
   * sequence at a time, heads lie apart anyway.
   */
  const spreadsMatrices = manyTokens && repetitions === 1 && keyValueHeads === heads && !attentionBias;

  const column = (name: string): Value => {
    const vector = parameter(name);
    return graph.reshape(vector, [vector.shape[0]!, 1]);
  };
  /** x / rms(x) per token, with the gain unless it comes with the weight that reads it. */
  const normalise = (name: string, x: Value): Value =>
    graph.scope(name, () => {
      const meanSquare = graph.affine(graph.sum(graph.square(x), [0]), 1 / width, normEpsilon);
      const normal = graph.mul(x, graph.rsqrt(meanSquare));
      return manyTokens ? normal : graph.mul(normal, column(`${name}.weight`));
    });
  const withGain = (weight: string, gain: string): Value =>
    manyTokens ? graph.mul(parameter(weight), graph.reshape(parameter(gain), [1, width])) : parameter(weight);
  /** @param name of the matrix, without `.weight` */
  const linear = (name: string, weight: Value, x: Value, hasBias = false): Value => {
    const product = graph.matmul(weight, x);
    return hasBias ? graph.add(product, column(`${name}.bias`)) : product;
  };
  const perHead = (x: Value): Value => graph.reshape(x, [headWidth, heads * batch, sequence]);

  /** Queries, keys and values, [head feature, head x sequence, position] each; heads spread over rows of matrices. */
  const spreadProjections = (x: Value, prefix: string): [Value, Value, Value] => {
    const rowsByFeature = (weight: Value): Value =>
      graph.reshape(graph.transpose(graph.reshape(weight, [heads, headWidth, width]), [1, 0, 2]), [inner, width]);
    const [query, key, value] = ['q', 'k', 'v'].map((name) =>
      graph.scope(`${name}_proj`, () =>
        rowsByFeature(withGain(`${prefix}.self_attn.${name}_proj.weight`, `${prefix}.input_layernorm.weight`)),
      ),
    ) as [Value, Value, Value];
    const half = inner / 2;
    const lowerRows = (weight: Value) => graph.slice(weight, 0, 0, half);
    const upperRows = (weight: Value) => graph.slice(weight, 0, half, inner);
    // Three products whose rows are ordered so that what RoPE pairs up is contiguous: slicing weights is cheaper than
    // slicing what they make. Lower and upper halves of query and key are rotated at once.
    const project = (...rows: Value[]) => graph.scope('qkv', () => graph.matmul(graph.concat(rows, 0), x));
    const [lower, upper] = graph.scope('rotary', () =>
      rotated(project(lowerRows(query), lowerRows(key)), project(upperRows(query), upperRows(key))),
    );
    const queries = perHead(graph.concat([lowerRows(lower), lowerRows(upper)], 0));
    const keys = perHead(graph.concat([upperRows(lower), upperRows(upper)], 0));
    return [queries, keys, perHead(graph.scope('qkv', () => graph.matmul(value, x)))];
  };

  /** The same, with heads spread over rows of activations; heads of keys and values are repeated for their group. */
  const projections = (x: Value, prefix: string): [Value, Value, Value] => {
    const half = headWidth / 2;
    const project = (name: string, count: number): Value =>
      graph.scope(`${name}_proj`, () => {
        const place = `${prefix}.self_attn.${name}_proj`;
        const rows = linear(place, withGain(`${place}.weight`, `${prefix}.input_layernorm.weight`), x, attentionBias);
        const byFeature = graph.transpose(graph.reshape(rows, [count, headWidth, tokenCount]), [1, 0, 2]);
        return graph.reshape(byFeature, [headWidth, count * batch, sequence]);
      });
    const rotate = (x: Value): Value =>
      graph.scope('rotary', () =>
        graph.concat(rotated(graph.slice(x, 0, 0, half), graph.slice(x, 0, half, headWidth)), 0),
      );
    const forGroup = (x: Value): Value => {
      if (keyValueHeads === heads) return x;
      const apart = graph.reshape(x, [headWidth, keyValueHeads, 1, tokenCount]);
      return perHead(graph.expand(apart, [headWidth, keyValueHeads, heads / keyValueHeads, tokenCount]));
    };
    const [keys, values] = [rotate(project('k', keyValueHeads)), project('v', keyValueHeads)];
    return [rotate(project('q', heads)), forGroup(keys), forGroup(values)];
  };

  const rotation = rotaryTables(graph, config, { batch, sequence }, spreadsMatrices);
  /** Turns the lower and upper halves of heads by their positions. */
  const rotated = (lower: Value, upper: Value): [Value, Value] => {
    const { cosine, sine } = rotation;
    return [
      graph.sub(graph.mul(lower, cosine), graph.mul(upper, sine)),
      graph.add(graph.mul(upper, cosine), graph.mul(lower, sine)),
    ];
  };

  const attend = (x: Value, prefix: string): Value => {
    const [queries, keys, values] = spreadsMatrices ? spreadProjections(x, prefix) : projections(x, prefix);
    const scores = graph.scope('scores', () =>
      graph.matmul(queries, keys, { batchA: 'inner', batchB: 'inner', transA: true, alpha: 1 / Math.sqrt(headWidth) }),
    );
    const mixed = graph.scope('mixed', () => graph.attend(scores, values));
    const output = `${prefix}.self_attn.o_proj`;
    if (spreadsMatrices) {
      const byRow = graph.reshape(graph.transpose(mixed, [1, 0, 2]), [inner, tokenCount]);
      return graph.scope('o_proj', () => {
        const weight = graph.reshape(parameter(`${output}.weight`), [width, heads, headWidth]);
        return graph.matmul(graph.reshape(graph.transpose(weight, [0, 2, 1]), [width, inner]), byRow);
      });
    }
    const byHead = graph.transpose(graph.reshape(mixed, [heads, batch, headWidth, sequence]), [0, 2, 1, 3]);
    return graph.scope('o_proj', () =>
      linear(output, parameter(`${output}.weight`), graph.reshape(byHead, [inner, tokenCount]), attentionBias),
    );
  };

  const hiddenUnits = (x: Value, prefix: string): Value => {
    const gain = `${prefix}.post_attention_layernorm.weight`;
    const [gate, up] = ['gate_proj', 'up_proj'].map((name) =>
      graph.scope(name, () =>
        linear(`${prefix}.mlp.${name}`, withGain(`${prefix}.mlp.${name}.weight`, gain), x, mlpBias),
      ),
    ) as [Value, Value];
    return graph.mul(graph.silu(gate), up);
  };

  const downProjections: DecoderOutputs['downProjections'] = [];
  let residual = graph.scope('model.embed_tokens', () =>
    graph.transpose(graph.gatherRows(parameter(EMBEDDING), tokens), [1, 0]),
  );
  const residuals = [residual];
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `model.layers.${layer}`;
    const attentionInput = normalise(`${prefix}.input_layernorm`, residual);
    const attended = graph.scope(`${prefix}.self_attn`, () => attend(attentionInput, prefix));
    residual = graph.scope(prefix, () => graph.add(residual, attended));
    const normal = normalise(`${prefix}.post_attention_layernorm`, residual);
    const hidden = graph.scope(`${prefix}.mlp`, () => hiddenUnits(normal, prefix));
    const entering = beforeDownProjection(layer, { input: hidden, residual });
    const down = `${prefix}.mlp.down_proj`;
    const projected = graph.scope(down, () => linear(down, parameter(`${down}.weight`), entering.input, mlpBias));
    const output = downProjected(layer, projected);
    downProjections.push({ input: entering.input, output });
    residual = graph.scope(prefix, () => graph.add(entering.residual, output));
    residuals.push(residual);
  }
  const final = normalise('model.norm', residual);
  const head = graph.scope('lm_head', () => withGain(tiedHead ? EMBEDDING : 'lm_head.weight', 'model.norm.weight'));
  const logits = (columns: Value): Value =>
    graph.scope('lm_head', () => graph.matmul(columns, head, { transA: true, transB: true }));
  return { logits: logits(final), head: { input: final, weights: [head], logits }, downProjections, residuals };
}

/**
 * cos and sin of position * frequency: [head feature / 2, 1, position], or, where heads are spread over the rows of
 * matrices, for row (query or key, head feature / 2, head) and column (sequence, position).
 */
function rotaryTables(graph: Graph, config: LlamaConfig, { batch, sequence }: DecoderShape, spread: boolean) {
  const { heads } = config;
  const { headWidth } = headsOf(config);
  const frequencies = rotaryFrequencies({ ...config, headWidth });
  // All heads turn alike, and all sequences; in a head, the upper half as the lower one.
  const table = (of: (angle: number) => number) => {
    const [rows, times] = spread ? [headWidth, heads * batch] : [headWidth / 2, 1];
    return graph.constant(
      Table.repeatedRows(rows, sequence, times, (row, position) =>
        of(position * frequencies[row % frequencies.length]!),
      ),
      spread ? [heads * headWidth, batch * sequence] : [rows, 1, sequence],
    );
  };
  return { cosine: table(cos), sine: table(sin) };
}
