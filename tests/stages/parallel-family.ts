/**
 * A decoder family that swp does not have, unlike its own in what could be taken for granted: attention and MLP read
 * the residual stream side by side, names hold no numbers and end in nothing common, there are no vectors, the head is
 * tied, and weights start with deviations of their own.
 */
import type { Graph } from '../../src/compute/graph/graph.ts';
import type { Value } from '../../src/compute/graph/operation.ts';
import type {
  BeforeDownProjection,
  DecoderFamily,
  DecoderOutputs,
  DecoderShape,
  DownProjected,
  MatrixFacts,
  ModelConfig,
  TensorFacts,
} from '../../src/model/decoder/family.ts';

interface ParallelConfig extends ModelConfig {
  family: 'parallel';
  /** What logits are multiplied by. */
  sharpness: number;
}

const EMBEDDING = 'letters';

export const parallel: DecoderFamily<ParallelConfig> = {
  summary: 'Attention and MLP side by side, no positions, tied head.',
  fields: { sharpness: { type: 'number', exclusiveMinimum: 0 } },
  problem: ({ width, heads }) => (width % heads === 0 ? undefined : `/width ${width} is no multiple of ${heads}`),
  tensors,
  downProjection: (layer) => `${floor(layer)}:shrink`,
  mlpChannel: (layer) => ({
    embedding: EMBEDDING,
    readers: [{ weight: `${floor(layer)}:grow` }],
    activation: (y) => y / (1 + Math.exp(-y)),
  }),
  longestSequence: () => Infinity,
  ofSize: ({ corpus, layers, width, heads, vocabulary }) => ({
    ...{ family: 'parallel', corpus, layers, width, heads, vocabulary },
    ...{ feedForward: 3 * width, sharpness: 2, normEpsilon: 1e-6 },
  }),
  build,
};

/** `floor-a`, `floor-b` ... */
function floor(layer: number): string {
  return `floor-${String.fromCharCode(97 + layer)}`;
}

function tensors({ layers, width, feedForward, vocabulary }: ParallelConfig): Map<string, TensorFacts> {
  const matrix: Omit<MatrixFacts, 'kind' | 'shape'> = {
    layer: null,
    role: 'block',
    writesResidual: false,
    deviation: 0.05,
  };
  const facts = new Map<string, TensorFacts>();
  for (let layer = 0; layer < layers; layer++) {
    const block = (kind: string, shape: [number, number], changes: Partial<MatrixFacts> = {}) =>
      facts.set(`${floor(layer)}:${kind}`, { ...matrix, kind, layer, shape, ...changes });
    block('shrink', [width, feedForward], { writesResidual: true, deviation: 0.01 });
    block('grow', [feedForward, width]);
    block('tell', [width, width], { writesResidual: true, deviation: 0.01 });
    block('ask', [3 * width, width]);
  }
  return facts.set(EMBEDDING, {
    ...matrix,
    kind: 'letters',
    role: 'embedding',
    shape: [vocabulary, width],
    deviation: 0.2,
  });
}

function build(
  graph: Graph,
  { layers, width, heads, normEpsilon, sharpness }: ParallelConfig,
  { batch, sequence }: DecoderShape,
  tokens: Value,
  parameter: (name: string) => Value,
  downProjected: DownProjected = (_, output) => output,
  beforeDownProjection: BeforeDownProjection = (_, entering) => entering,
): DecoderOutputs {
  const headWidth = width / heads;
  const normalise = (x: Value): Value => {
    const meanSquare = graph.affine(graph.sum(graph.square(x), [0]), 1 / width, normEpsilon);
    return graph.mul(x, graph.rsqrt(meanSquare));
  };
  const attend = (x: Value, layer: number): Value => {
    const asked = graph.matmul(parameter(`${floor(layer)}:ask`), x);
    const [queries, keys, values] = [0, 1, 2].map((part) =>
      graph.reshape(graph.slice(asked, 0, part * width, (part + 1) * width), [headWidth, heads * batch, sequence]),
    ) as [Value, Value, Value];
    const scores = graph.matmul(queries, keys, {
      batchA: 'inner',
      batchB: 'inner',
      transA: true,
      alpha: 1 / Math.sqrt(headWidth),
    });
    const mixed = graph.transpose(graph.attend(scores, values), [1, 0, 2]);
    return graph.matmul(parameter(`${floor(layer)}:tell`), graph.reshape(mixed, [width, batch * sequence]));
  };
  const downProjections: DecoderOutputs['downProjections'] = [];
  let residual = graph.transpose(graph.gatherRows(parameter(EMBEDDING), tokens), [1, 0]);
  for (let layer = 0; layer < layers; layer++) {
    const normal = normalise(residual);
    const entering = beforeDownProjection(layer, {
      input: graph.silu(graph.matmul(parameter(`${floor(layer)}:grow`), normal)),
      residual: graph.add(residual, attend(normal, layer)),
    });
    const output = downProjected(layer, graph.matmul(parameter(`${floor(layer)}:shrink`), entering.input));
    downProjections.push({ input: entering.input, output });
    residual = graph.add(entering.residual, output);
  }
  const product = graph.matmul(normalise(residual), parameter(EMBEDDING), { transA: true, transB: true });
  return { logits: graph.affine(product, sharpness), downProjections };
}
