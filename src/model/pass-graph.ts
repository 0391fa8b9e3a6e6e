/** The graph that a node of a study runs, from its stage and parameters: to look at it and to estimate its cost. */
import { countMatmulFlops } from '../compute/graph/flops.ts';
import type { Graph } from '../compute/graph/graph.ts';
import type { JsonObject } from '../base/json.ts';
import { buildForwardGraph, buildTrainingGraph, everyLayer, type ForwardOutput } from './decoder/decoder-graph.ts';
import { readModelConfig } from './model-config.ts';

/** What a stage runs over and over: a training step, or forward passes with these outputs. */
const PASSES: Record<string, 'training' | readonly ForwardOutput[]> = {
  train: 'training',
  eval: ['losses', 'predictions'],
  'detect-sw': ['losses', 'downProjections'],
};

export interface PassGraph {
  stage: string;
  pass: 'training' | 'forward';
  /** A folder under models/. */
  model: string;
  /** Sequences per pass: of a training step in micro-batches, those of one. */
  batch: number;
  /** Predicted tokens per sequence. */
  sequence: number;
  /** How many such passes make up a training step. */
  microBatches: number;
  graph: Graph;
}

/** The stages that run a graph. */
export const graphStages = Object.keys(PASSES);

/** Whatever the graph depends on, as one string: nodes that share it share the graph. */
export function passGraphIdentity(stage: string, params: JsonObject): string {
  return JSON.stringify([stage, passOf(params), restores(params)]);
}

/**
 * @param stage one of graphStages
 * @param params with defaults filled in
 * @throws SwpError if the model's configuration cannot be read
 */
export async function buildPassGraph(stage: string, params: JsonObject): Promise<PassGraph> {
  const shape = passOf(params);
  const config = await readModelConfig(shape.model);
  const pass = PASSES[stage];
  if (pass === undefined) throw new Error(`The stage ${stage} runs no graph.`);
  if (pass === 'training') return { ...shape, stage, pass, graph: buildTrainingGraph(config, shape).graph };
  return {
    ...shape,
    stage,
    pass: 'forward',
    graph: buildForwardGraph(config, shape, pass, restores(params) ? everyLayer(config) : []),
  };
}

const counted = new Map<string, Promise<number>>();

/** Floating-point operations of one pass of a stage's graph; counted once. */
export function countPassFlops(stage: string, params: JsonObject): Promise<number> {
  const identity = passGraphIdentity(stage, params);
  const flops = counted.get(identity) ?? buildPassGraph(stage, params).then(({ graph }) => countMatmulFlops(graph));
  counted.set(identity, flops);
  return flops;
}

/** Whether a node's forward passes can overwrite outputs of down projections. */
function restores(params: JsonObject): boolean {
  return params.restore === 'super-activation';
}

/** What of a node's parameters decides its graph. */
export function passOf(params: JsonObject): Pick<PassGraph, 'model' | 'batch' | 'sequence' | 'microBatches'> {
  // The stage's schema has checked them; only training knows micro-batches.
  const {
    model,
    batchSize,
    sequenceLength,
    microBatchSize = 0,
  } = params as { model: string; batchSize: number; sequenceLength: number; microBatchSize?: number };
  const batch = microBatchSize || batchSize;
  return { model, batch, sequence: sequenceLength, microBatches: batchSize / batch };
}
