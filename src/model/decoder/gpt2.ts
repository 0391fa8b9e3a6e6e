/**
 * The GPT-2-like decoder (pre-LayerNorm, learned positions, causal attention, GELU MLP, biases) as a graph: Radford et
 * al. 2019; GELU: Hendrycks & Gimpel 2016. Weights have the names of Hugging Face's GPT2LMHeadModel and, like all of
 * swp's, the orientation [out, in] (its Conv1D stores [in, out]).
 *
 * Activations are feature-major, [features, tokens], as in llama.ts.
 */
import normalCdf from '@stdlib/stats-base-dists-normal-cdf';
import { exp } from '../../base/stated-math.ts';
import type { Graph } from '../../compute/graph/graph.ts';
import { GELU, type Value } from '../../compute/graph/operation.ts';
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

export interface Gpt2Config extends ModelConfig {
  family: 'gpt2';
  /** Longest sequence. */
  positions: number;
  /** GELU in its tanh form, `gelu_new`, or exact, `gelu`: names of Hugging Face's. By default `gelu_new`. */
  activation?: 'gelu_new' | 'gelu';
  /** Whether the embedding makes the logits, too; true by default. */
  tiedHead?: boolean;
  /** Whether scores are divided by the root of a head's width; true by default. */
  scaledAttention?: boolean;
  /** Whether scores are divided by the number of the layer, from 1 on; false by default. */
  scaledByLayer?: boolean;
}

const EMBEDDING = 'transformer.wte.weight';
const POSITIONS = 'transformer.wpe.weight';
const HEAD = 'lm_head.weight';
/** Standard deviation of all matrices except those that write to the residual stream. */
const DEVIATION = 0.02;

export const gpt2: DecoderFamily<Gpt2Config> = {
  summary: 'Pre-LayerNorm, learned positions, GELU, biases; tied or own head.',
  fields: { positions: { type: 'integer', minimum: 1, maximum: 10_000_000, description: 'Longest sequence.' } },
  optionalFields: {
    activation: { enum: ['gelu_new', 'gelu'], description: 'GELU in its tanh form, or exact' },
    tiedHead: { type: 'boolean', description: 'whether the embedding makes the logits' },
    scaledAttention: { type: 'boolean', description: "whether scores are divided by the root of a head's width" },
    scaledByLayer: { type: 'boolean', description: 'whether scores are divided by the number of the layer' },
  },
  problem: ({ width, heads }) =>
    width % heads === 0 ? undefined : `/width ${width} is no multiple of the ${heads} heads`,
  tensors,
  downProjection: (layer) => `${blockName(layer)}.mlp.c_proj.weight`,
  mlpChannel: (layer, { activation }) => ({
    embedding: EMBEDDING,
    readers: [
      {
        weight: `${blockName(layer)}.mlp.c_fc.weight`,
        gain: `${blockName(layer)}.ln_2.weight`,
        shift: `${blockName(layer)}.ln_2.bias`,
        bias: `${blockName(layer)}.mlp.c_fc.bias`,
      },
    ],
    activation: (y) =>
      activation === 'gelu' ? y * normalCdf(y, 0, 1) : y / (1 + exp(-GELU.scale * (y + GELU.cubic * y * y * y))),
  }),
  longestSequence: ({ positions }) => positions,
  ofSize: ({ corpus, layers, width, heads, vocabulary, sequence }) => ({
    ...{ family: 'gpt2', corpus, layers, width, heads, vocabulary },
    ...{ feedForward: 3 * width, positions: sequence, normEpsilon: 1e-5 },
  }),
  build,
};

function blockName(layer: number): string {
  return `transformer.h.${layer}`;
}

function tensors({
  layers,
  width,
  feedForward,
  vocabulary,
  positions,
  tiedHead = true,
}: Gpt2Config): Map<string, TensorFacts> {
  const facts = new Map<string, TensorFacts>();
  const embedding = (name: string, kind: string, rows: number) =>
    facts.set(name, {
      kind,
      layer: null,
      role: 'embedding',
      shape: [rows, width],
      writesResidual: false,
      deviation: DEVIATION,
    });
  const vector = (name: string, kind: string, layer: number | null, role: 'gain' | 'bias', length: number) =>
    facts.set(name, { kind, layer, role, shape: [length] });
  const norm = (name: string, kind: string, layer: number | null) => {
    vector(`${name}.weight`, kind, layer, 'gain', width);
    vector(`${name}.bias`, kind, layer, 'bias', width);
  };
  const linear = (
    { layer, name, kind }: { layer: number; name: string; kind: string },
    shape: [number, number],
    changes: Partial<MatrixFacts> = {},
  ) => {
    facts.set(`${blockName(layer)}.${name}.weight`, {
      ...{ kind, layer, role: 'block', shape, writesResidual: false, deviation: DEVIATION },
      ...changes,
    });
    vector(`${blockName(layer)}.${name}.bias`, kind, layer, 'bias', shape[0]);
  };
  /** Scaled down so that the residual stream does not grow with depth (Radford et al. 2019). */
  const writer = { writesResidual: true, deviation: DEVIATION / Math.sqrt(2 * layers) };

  embedding(EMBEDDING, 'wte', vocabulary);
  embedding(POSITIONS, 'wpe', positions);
  for (let layer = 0; layer < layers; layer++) {
    norm(`${blockName(layer)}.ln_1`, 'ln_1', layer);
    linear({ layer, name: 'attn.c_attn', kind: 'c_attn' }, [3 * width, width]);
    linear({ layer, name: 'attn.c_proj', kind: 'attn.c_proj' }, [width, width], writer);
    norm(`${blockName(layer)}.ln_2`, 'ln_2', layer);
    linear({ layer, name: 'mlp.c_fc', kind: 'c_fc' }, [feedForward, width]);
    linear({ layer, name: 'mlp.c_proj', kind: 'mlp.c_proj' }, [width, feedForward], writer);
  }
  norm('transformer.ln_f', 'ln_f', null);
  if (!tiedHead)
    facts.set(HEAD, {
      ...{ kind: 'lm_head', layer: null, role: 'head', shape: [vocabulary, width] },
      ...{ writesResidual: false, deviation: DEVIATION },
    });
  return facts;
}

function build(
  graph: Graph,
  config: Gpt2Config,
  { batch, sequence, repetitions = 1 }: DecoderShape,
  tokens: Value,
  parameter: (name: string) => Value,
  downProjected: DownProjected = (_, output) => output,
  beforeDownProjection: BeforeDownProjection = (_, entering) => entering,
): DecoderOutputs {
  const { layers, width, heads, vocabulary, normEpsilon, tiedHead = true } = config;
  const { activation = 'gelu_new', scaledAttention = true, scaledByLayer = false } = config;
  const tokenCount = batch * sequence;
  const headWidth = width / heads;
  /**
   * Whether there are so many tokens that passes over activations cost more than passes over matrices. Then a norm's
   * gain and bias are folded into the matrix that reads it, W (g x + b) + c = (W g) x + (W b + c).
   */
  const manyTokens = tokenCount * repetitions >= 2 * width;
  /** Whether heads are spread over the rows of the matrices, too, instead of over those of the activations. */
  const spreadsMatrices = manyTokens && repetitions === 1;

  const column = (name: string): Value => {
    const vector = parameter(name);
    return graph.reshape(vector, [vector.shape[0]!, 1]);
  };
  /** (x - mean) / sd per token, with gain and bias unless the matrix that reads it has them. */
  const normalise = (name: string, x: Value): Value =>
    graph.scope(name, () => {
      const centred = graph.sub(x, graph.affine(graph.sum(x, [0]), 1 / width));
      const variance = graph.affine(graph.sum(graph.square(centred), [0]), 1 / width, normEpsilon);
      const normal = graph.mul(centred, graph.rsqrt(variance));
      return manyTokens ? normal : graph.add(graph.mul(normal, column(`${name}.weight`)), column(`${name}.bias`));
    });
  /** The matrix and what it adds ([outputs, 1], or nothing) for what `normalise` returned. */
  const readingNorm = (norm: string, weight: Value, bias?: Value): { weight: Value; bias: Value | undefined } => {
    if (!manyTokens) return { weight, bias };
    const shift = graph.matmul(weight, column(`${norm}.bias`));
    const gain = graph.reshape(parameter(`${norm}.weight`), [1, width]);
    return { weight: graph.mul(weight, gain), bias: bias ? graph.add(shift, bias) : shift };
  };
  const linear = (name: string, x: Value): Value =>
    graph.scope(name, () => graph.add(graph.matmul(parameter(`${name}.weight`), x), column(`${name}.bias`)));

  /** Rows from (part, head, feature) to (part, feature, head): each part can then be viewed per head without a copy. */
  const byFeature = (rows: Value, parts: number): Value => {
    const columns = rows.shape[1]!;
    const spread = graph.transpose(graph.reshape(rows, [parts, heads, headWidth, columns]), [0, 2, 1, 3]);
    return graph.reshape(spread, [parts * width, columns]);
  };
  const perHead = (x: Value): Value => graph.reshape(x, [headWidth, heads * batch, sequence]);
  const part = (rows: Value, index: number): Value => graph.slice(rows, 0, index * width, (index + 1) * width);

  /** Queries, keys and values, [head feature, head x sequence, position] each. */
  const project = (x: Value, block: string): [Value, Value, Value] =>
    graph.scope(`${block}.attn.c_attn`, () => {
      const { weight, bias } = readingNorm(
        `${block}.ln_1`,
        parameter(`${block}.attn.c_attn.weight`),
        column(`${block}.attn.c_attn.bias`),
      );
      if (spreadsMatrices) {
        const [rows, shifts] = [byFeature(weight, 3), byFeature(bias!, 3)];
        const of = (index: number) => perHead(graph.add(graph.matmul(part(rows, index), x), part(shifts, index)));
        return [of(0), of(1), of(2)];
      }
      const projected = graph.add(graph.matmul(weight, x), bias!);
      const of = (index: number) => perHead(byFeature(part(projected, index), 1));
      return [of(0), of(1), of(2)];
    });

  /** What the scores of a layer are multiplied by. */
  const scoreScale = (layer: number): number =>
    (scaledAttention ? 1 / Math.sqrt(headWidth) : 1) / (scaledByLayer ? layer + 1 : 1);

  const attend = (x: Value, layer: number): Value => {
    const block = blockName(layer);
    const [queries, keys, values] = project(x, block);
    const mixed = graph.scope(`${block}.attn`, () => {
      const scores = graph.scope('scores', () =>
        graph.matmul(queries, keys, {
          batchA: 'inner',
          batchB: 'inner',
          transA: true,
          alpha: scoreScale(layer),
        }),
      );
      return graph.scope('mixed', () => graph.attend(scores, values));
    });
    if (!spreadsMatrices) {
      const byHead = graph.transpose(graph.reshape(mixed, [heads, batch, headWidth, sequence]), [0, 2, 1, 3]);
      return linear(`${block}.attn.c_proj`, graph.reshape(byHead, [width, tokenCount]));
    }
    const byRow = graph.reshape(graph.transpose(mixed, [1, 0, 2]), [width, tokenCount]);
    return graph.scope(`${block}.attn.c_proj`, () => {
      const weight = graph.reshape(parameter(`${block}.attn.c_proj.weight`), [width, heads, headWidth]);
      const spread = graph.reshape(graph.transpose(weight, [0, 2, 1]), [width, width]);
      return graph.add(graph.matmul(spread, byRow), column(`${block}.attn.c_proj.bias`));
    });
  };

  const expand = (x: Value, block: string): Value =>
    graph.scope(`${block}.mlp.c_fc`, () => {
      const { weight, bias } = readingNorm(
        `${block}.ln_2`,
        parameter(`${block}.mlp.c_fc.weight`),
        column(`${block}.mlp.c_fc.bias`),
      );
      return graph.add(graph.matmul(weight, x), bias!);
    });

  const downProjections: DecoderOutputs['downProjections'] = [];
  let residual = graph.scope('transformer.wte', () => {
    const positions = graph.reshape(graph.transpose(graph.slice(parameter(POSITIONS), 0, 0, sequence), [1, 0]), [
      width,
      1,
      sequence,
    ]);
    const embedded = graph.transpose(graph.gatherRows(parameter(EMBEDDING), tokens), [1, 0]);
    return graph.reshape(graph.add(graph.reshape(embedded, [width, batch, sequence]), positions), [width, tokenCount]);
  });
  const residuals = [residual];
  for (let layer = 0; layer < layers; layer++) {
    const block = blockName(layer);
    const attended = attend(normalise(`${block}.ln_1`, residual), layer);
    residual = graph.scope(block, () => graph.add(residual, attended));
    const expanded = expand(normalise(`${block}.ln_2`, residual), block);
    const hidden = graph.scope(`${block}.mlp`, () =>
      activation === 'gelu' ? exactGelu(graph, expanded) : graph.gelu(expanded),
    );
    const entering = beforeDownProjection(layer, { input: hidden, residual });
    const output = downProjected(layer, linear(`${block}.mlp.c_proj`, entering.input));
    downProjections.push({ input: entering.input, output });
    residual = graph.scope(block, () => graph.add(entering.residual, output));
    residuals.push(residual);
  }
  const final = normalise('transformer.ln_f', residual);
  const { weight, bias } = graph.scope('lm_head', () =>
    readingNorm('transformer.ln_f', parameter(tiedHead ? EMBEDDING : HEAD)),
  );
  const logits = (columns: Value): Value =>
    graph.scope('lm_head', () => {
      const product = graph.matmul(columns, weight, { transA: true, transB: true });
      return bias ? graph.add(product, graph.reshape(bias, [1, vocabulary])) : product;
    });
  const weights = bias === undefined ? [weight] : [weight, bias];
  return { logits: logits(final), head: { input: final, weights, logits }, downProjections, residuals };
}

/** x times the standard normal distribution function of x. */
function exactGelu(graph: Graph, x: Value): Value {
  return graph.mul(x, graph.affine(graph.erf(graph.affine(x, Math.SQRT1_2)), 0.5, 0.5));
}
