/** The graphs that stages run: training (loss and gradients) and forward passes. */
import { gradients, gradientsFrom } from '../../compute/autodiff/gradients.ts';
import { Graph } from '../../compute/graph/graph.ts';
import type { Value } from '../../compute/graph/operation.ts';
import type { TrainingGraph } from '../../compute/training/trainer.ts';
import { familyOf, tensorsOf } from './family-of.ts';
import type { BeforeDownProjection, DecoderHead, DecoderOutputs, DecoderShape, ModelConfig } from './family.ts';

/** Name and shape [out, in] of every parameter of a model, in the order of its checkpoint. */
export function parameterShapes(config: ModelConfig): Map<string, number[]> {
  return new Map([...tensorsOf(config)].map(([name, { shape }]) => [name, [...shape]]));
}

/** The indices of a model's layers. */
export function everyLayer({ layers }: ModelConfig): number[] {
  return Array.from({ length: layers }, (_, layer) => layer);
}

interface TrainingGraphOptions {
  /** How many logits are held at a time. */
  logitsAtOnce?: number;
  /**
   * Whether the backward pass computes again what is inside of a block, instead of holding it since the forward pass:
   * the same bits with less memory and more time.
   */
  recomputes?: boolean;
  /** How many such parts make up a micro-batch: the loss is this part's share of the mean over all of them. */
  repetitions?: number;
}

/**
 * Loss and gradients: inputs are the parameters by name, int32 `tokens` and `targets` [batch * sequence]; outputs are
 * `loss` (mean over tokens, nats) and `gradient:NAME`. Weight decay applies to matrices, not to gains.
 * @param shape of what the graph is computed for at once
 */
export function buildTrainingGraph(
  config: ModelConfig,
  shape: DecoderShape,
  { logitsAtOnce = LOGITS_AT_ONCE, recomputes = false, repetitions }: TrainingGraphOptions = {},
): TrainingGraph {
  const { graph, parameters, decoder } = buildDecoder(config, { ...shape, ...(repetitions && { repetitions }) });
  const targets = targetsOf(graph, shape);
  const parts = partsOf(config, shape, logitsAtOnce);
  const variables = [...parameters.values()];
  const kept = recomputes ? (decoder.residuals ?? []) : [];
  const share = 1 / (targets.shape[0]! * (repetitions ?? 1));
  const { loss, byParameter } =
    parts.length > 1 && decoder.head !== undefined
      ? trainedInParts(graph, { head: decoder.head, parts, targets, share, variables, kept })
      : trainedAtOnce(graph, { logits: decoder.logits, targets, share, variables, kept });
  graph.output('loss', loss);
  const names = [...parameters.keys()];
  byParameter.forEach((gradient, index) => graph.output(`gradient:${names[index]}`, gradient));
  return {
    graph,
    parameters: [...parameterShapes(config)].map(([name, dimensions]) => ({
      name,
      shape: dimensions,
      decay: dimensions.length > 1,
    })),
    batchInputs: ['tokens', 'targets'],
    ...(repetitions !== undefined && { repetitions }),
  };
}

interface Trained {
  /** Mean over tokens, nats. */
  loss: Value;
  /** Its gradients, in the order of the variables. */
  byParameter: Value[];
}

interface Training {
  targets: Value;
  /** Of a token's loss in the mean. */
  share: number;
  variables: readonly Value[];
  /** Between these values all is computed again in the backward pass. */
  kept: readonly Value[];
}

function trainedAtOnce(
  graph: Graph,
  { logits, targets, share, variables, kept }: Training & { logits: Value },
): Trained {
  const losses = graph.scope('loss', () => lossOf(graph, graph.logSoftmax(logits), targets));
  const loss = graph.scope('loss', () => graph.affine(graph.sum(losses, [0]), share));
  return { loss, byParameter: gradients(graph, loss, variables, kept) };
}

/**
 * The same with the logits of some tokens at a time: the gradients of what the head reads are added up part by part,
 * and from there on all goes back at once.
 */
function trainedInParts(
  graph: Graph,
  { head, parts, targets, share, variables, kept }: Training & { head: DecoderHead; parts: readonly Part[] },
): Trained {
  let loss: Value | undefined;
  const byColumns: Value[] = [];
  let byWeights: Value[] = [];
  for (const { first, end } of parts) {
    // A part begins when the one before it has given all that it gives, so that its logits are let go.
    const before = [...(loss === undefined ? [] : [loss]), ...byColumns.slice(-1), ...byWeights];
    const columns = before.reduce(
      (value, each) => dependent(graph, value, oneOf(graph, each)),
      graph.slice(head.input, 1, first, end),
    );
    const logits = head.logits(columns);
    const part = graph.scope('loss', () => {
      const losses = lossOf(graph, graph.logSoftmax(logits), graph.slice(targets, 0, first, end));
      return graph.affine(graph.sum(losses, [0]), share);
    });
    loss = loss === undefined ? part : graph.scope('loss', () => graph.add(loss!, part));
    const [byOwn, ...ofWeights] = gradients(graph, part, [columns, ...head.weights]) as [Value, ...Value[]];
    byColumns.push(byOwn);
    byWeights = ofWeights.map((gradient, index) =>
      byWeights[index] === undefined ? gradient : graph.add(byWeights[index], gradient),
    );
  }
  const known = [
    { value: head.input, gradient: joined(graph, byColumns, 1) },
    ...head.weights.map((value, index) => ({ value, gradient: byWeights[index]! })),
  ];
  return { loss: loss!, byParameter: gradientsFrom(graph, known, variables, kept) };
}

export type ForwardOutput = 'losses' | 'predictions';

/**
 * A forward pass with inputs as above and the outputs asked for: `losses` [tokens] and `predictions` int32 [tokens].
 * @param overridden layers whose down projection's output can be overwritten: it is multiplied by the input
 *   `kept:LAYER`, and `restored:LAYER` is added, [width, tokens] both. No layer by default, and then the graph has no
 *   trace of it.
 */
export function buildForwardGraph(
  config: ModelConfig,
  shape: DecoderShape,
  outputs: readonly ForwardOutput[],
  overridden: readonly number[] = [],
): Graph {
  const { graph, decoder } = buildDecoder(config, shape, overridden);
  forwardOutputs(graph, config, shape, decoder, outputs);
  return graph;
}

/** A part of a forward pass: from a layer's down projection on, or up to one, or both. */
export interface PartOfPass {
  /** It begins with this layer's down projection; at the tokens if left out. */
  from?: number;
  /** It ends where this layer's down projection begins; with the losses if left out. */
  to?: number;
  /** What the down projection computes with which it begins is an output, too; then nothing behind `to` is needed. */
  observed?: boolean;
}

/**
 * A part of a forward pass. Inputs are the parameters that it reads, `tokens` or what enters the down projection with
 * which it begins, `input:FROM` [feedForward, tokens] and `residual:FROM` [width, tokens], and `targets` for losses;
 * outputs are `losses`, or the same of the layer where it ends, and where it is observed `output:FROM` [width, tokens].
 * It is made of the same operators on the same values as a whole pass, so it computes what that does.
 */
export function buildPartialGraph(config: ModelConfig, shape: DecoderShape, { from, to, observed }: PartOfPass): Graph {
  const told = new Set<number>();
  const { graph, decoder } = buildDecoder(config, shape, [], (into) => (layer, entering) => {
    told.add(layer);
    if (layer === to) {
      into.output(`input:${layer}`, entering.input);
      into.output(`residual:${layer}`, entering.residual);
    }
    if (layer !== from) return entering;
    return {
      input: into.input(`input:${layer}`, entering.input.shape),
      residual: into.input(`residual:${layer}`, entering.residual.shape),
    };
  });
  const missing = [from, to].find((layer) => layer !== undefined && !told.has(layer));
  if (missing !== undefined)
    throw new Error(`The family ${config.family} does not say what enters the down projection of layer ${missing}.`);
  if (observed) graph.output(`output:${from}`, decoder.downProjections[from!]!.output);
  else if (to === undefined) forwardOutputs(graph, config, shape, decoder, ['losses']);
  return graph;
}

function buildDecoder(
  config: ModelConfig,
  shape: DecoderShape,
  overridden: readonly number[] = [],
  beforeDownProjection?: (graph: Graph) => BeforeDownProjection,
) {
  const graph = new Graph();
  const parameters = new Map<string, Value>();
  for (const [name, dimensions] of parameterShapes(config)) parameters.set(name, graph.input(name, dimensions));
  const tokens = graph.input('tokens', [shape.batch * shape.sequence], 'int32');
  const decoder: DecoderOutputs = familyOf(config).build(
    graph,
    config,
    shape,
    tokens,
    (name) => parameters.get(name)!,
    (layer, output) => {
      if (!overridden.includes(layer)) return output;
      const [kept, restored] = ['kept', 'restored'].map((name) => graph.input(`${name}:${layer}`, output.shape)) as [
        Value,
        Value,
      ];
      return graph.scope('restored', () => graph.add(graph.mul(output, kept), restored));
    },
    beforeDownProjection?.(graph),
  );
  return { graph, parameters, decoder };
}

/**
 * Logits that a pass holds at a time, 64 MiB of them: those of all tokens of a text in a vocabulary of 50,000 take more
 * memory than the model.
 */
const LOGITS_AT_ONCE = 2 ** 24;
/** Each is a piece of the graph that planning builds. Of so many tokens, other activations take more than logits. */
const MOST_PARTS = 256;

/** Tokens from `first` to `end`, of whose logits a pass makes losses at a time. */
interface Part {
  first: number;
  end: number;
}

function partsOf(
  { vocabulary }: ModelConfig,
  { batch, sequence }: DecoderShape,
  logitsAtOnce: number = LOGITS_AT_ONCE,
): Part[] {
  const tokens = batch * sequence;
  const length = Math.max(1, Math.floor(logitsAtOnce / vocabulary), Math.ceil(tokens / MOST_PARTS));
  return Array.from({ length: Math.ceil(tokens / length) }, (_, index) => ({
    first: index * length,
    end: Math.min((index + 1) * length, tokens),
  }));
}

function logitsOf(graph: Graph, { logits, head }: DecoderOutputs, { first, end }: Part): Value {
  return (
    head?.logits(graph.scope('lm_head', () => graph.slice(head.input, 1, first, end))) ??
    graph.slice(logits, 0, first, end)
  );
}

/** Losses and predictions of a forward pass, made of the logits of as many tokens at a time as may be held. */
function forwardOutputs(
  graph: Graph,
  config: ModelConfig,
  shape: DecoderShape,
  decoder: DecoderOutputs,
  wanted: readonly ForwardOutput[],
): void {
  const parts = partsOf(config, shape);
  const inParts = parts.length > 1;
  const targets = wanted.includes('losses') ? targetsOf(graph, shape) : undefined;
  const losses: Value[] = [];
  const predictions: Value[] = [];
  for (const each of parts) {
    const { first, end } = each;
    const part = inParts ? logitsOf(graph, decoder, each) : decoder.logits;
    const logProbabilities = targets && graph.scope('loss', () => graph.logSoftmax(part));
    const loss =
      targets && graph.scope('loss', () => lossOf(graph, logProbabilities!, graph.slice(targets, 0, first, end)));
    const prediction = wanted.includes('predictions') ? graph.argmax(part) : undefined;
    if (prediction) predictions.push(prediction);
    // ONNX Runtime orders nodes from the last output back: it would compute all losses first and keep all logits for
    // the predictions. A loss that depends on its prediction, by nothing that is added, lets each part's logits go.
    if (loss)
      losses.push(inParts && prediction ? dependent(graph, loss, graph.pick(logProbabilities!, prediction)) : loss);
  }
  const outputs = Object.entries({ losses, predictions }).filter(([, parts]) => parts.length > 0);
  for (const [name, parts] of inParts ? outputs.reverse() : outputs) graph.output(name, joined(graph, parts));
}

/** A value that is computed after another one, with the same numbers as long as the other one's are finite. */
function dependent(graph: Graph, value: Value, after: Value): Value {
  return graph.add(value, graph.affine(after, 0));
}

/** One of the numbers of a value, [1, 1]. */
function oneOf(graph: Graph, value: Value): Value {
  const first = value.shape.reduce((part, _, axis) => graph.slice(part, axis, 0, 1), value);
  return graph.reshape(first, [1, 1]);
}

function targetsOf(graph: Graph, { batch, sequence }: DecoderShape): Value {
  return graph.input('targets', [batch * sequence], 'int32');
}

/** Negative log-likelihood of each target, in nats. */
function lossOf(graph: Graph, logProbabilities: Value, targets: Value): Value {
  return graph.affine(graph.pick(logProbabilities, targets), -1);
}

function joined(graph: Graph, parts: readonly Value[], axis = 0): Value {
  return parts.length === 1 ? parts[0]! : graph.concat(parts, axis);
}
