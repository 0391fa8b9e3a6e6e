/** The graph that a node of a study runs, from its stage and parameters: to look at it and to estimate its cost. */
import type { Graph } from '../compute/graph/graph.ts';
import type { JsonObject } from '../engine/json.ts';
import { buildForwardGraph, buildTrainingGraph, type ForwardOutput } from './decoder/decoder-graph.ts';
import { readModelConfig } from './model-config.ts';

/** What a stage runs over and over: a training step, or forward passes with these outputs. */
const PASSES: Record<string, 'training' | readonly ForwardOutput[]> = {
  train: 'training',
  eval: ['losses', 'predictions'],
  'detect-sw': ['losses', 'downProjections'],
};

export interface StepGraphParams {
  /** A folder under models/. */
  model: string;
  /** Sequences per pass. */
  batchSize: number;
  /** Predicted tokens per sequence. */
  sequenceLength: number;
}

export interface StepGraph extends StepGraphParams {
  stage: string;
  pass: 'training' | 'forward';
  graph: Graph;
}

/** The stages that run a graph. */
export const graphStages = Object.keys(PASSES);

/** Whatever the graph depends on, as one string: nodes that share it share the graph. */
export function stepGraphIdentity(stage: string, params: JsonObject): string {
  const { model, batchSize, sequenceLength } = graphParams(params);
  return JSON.stringify([stage, model, batchSize, sequenceLength]);
}

/**
 * @param stage one of graphStages
 * @param params with defaults filled in
 * @throws SwpError if the model's configuration cannot be read
 */
export async function buildStepGraph(stage: string, params: JsonObject): Promise<StepGraph> {
  const step = graphParams(params);
  const config = await readModelConfig(step.model);
  const shape = { batch: step.batchSize, sequence: step.sequenceLength };
  const pass = PASSES[stage];
  if (pass === undefined) throw new Error(`The stage ${stage} runs no graph.`);
  if (pass === 'training') return { ...step, stage, pass, graph: buildTrainingGraph(config, shape).graph };
  return { ...step, stage, pass: 'forward', graph: buildForwardGraph(config, shape, pass) };
}

/** The stage's schema has checked them. */
function graphParams(params: JsonObject): StepGraphParams {
  const { model, batchSize, sequenceLength } = params as unknown as StepGraphParams;
  return { model, batchSize, sequenceLength };
}
