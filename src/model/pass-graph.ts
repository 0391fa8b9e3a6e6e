/** The graph of a training step or a forward pass of a model, to look at it and to count its operations. */
import { countMatmulFlops } from '../compute/graph/flops.ts';
import { countMemory, type GraphMemory } from '../compute/graph/memory.ts';
import type { Graph } from '../compute/graph/graph.ts';
import { buildForwardGraph, everyLayer, type ForwardOutput } from './decoder/decoder-graph.ts';
import { readModelConfig } from './model-config.ts';
import { trainingGraphFor } from './training-graph.ts';

/** All that a graph depends on. */
export interface Pass {
  /**
   * A training step, or a forward pass with these outputs; `layers`: what a pass layer by layer holds at most at a
   * time, that of a model of two layers.
   */
  computes: 'training' | 'layers' | readonly ForwardOutput[];
  /** As locateModel gives it. */
  model: string;
  /** Sequences per pass: of a training step in micro-batches, those of one. */
  batch: number;
  /** Predicted tokens per sequence. */
  sequence: number;
  /** How many such passes make up a training step. */
  microBatches: number;
  /** Whether a training goes through them one sequence at a time (trainingGraphFor); false by default. */
  oneByOne?: boolean;
  /** Whether a forward pass can overwrite outputs of down projections. */
  overrides: boolean;
  /** Whether a training step computes again what is inside of blocks (buildTrainingGraph); false by default. */
  recomputes?: boolean;
}

/** @throws SwpError if the model's configuration cannot be read */
export async function buildPassGraph(pass: Pass): Promise<Graph> {
  const { computes, model, batch, sequence, overrides, recomputes = false, oneByOne = false } = pass;
  const config = await readModelConfig(model);
  const shape = { batch, sequence };
  switch (computes) {
    case 'training':
      return trainingGraphFor(oneByOne ? 'exact' : 'onnx', config, shape, recomputes).graph;
    case 'layers':
      return buildForwardGraph({ ...config, layers: Math.min(config.layers, 2) }, shape, ['losses']);
    default:
      return buildForwardGraph(config, shape, computes, overrides ? everyLayer(config) : []);
  }
}

const counted = new Map<string, Promise<number>>();

/** Floating-point operations of one pass; counted once. @throws SwpError if the model's configuration cannot be read */
export function countPassFlops(pass: Pass): Promise<number> {
  const identity = JSON.stringify(pass);
  const times = pass.computes === 'training' && pass.oneByOne ? pass.batch : 1;
  const flops = counted.get(identity) ?? buildPassGraph(pass).then((graph) => times * countMatmulFlops(graph));
  counted.set(identity, flops);
  return flops;
}

const measured = new Map<string, Promise<GraphMemory>>();

/** Bytes that one pass takes; counted once. @throws SwpError if the model's configuration cannot be read */
export function countPassMemory(pass: Pass): Promise<GraphMemory> {
  const identity = JSON.stringify(pass);
  const memory = measured.get(identity) ?? buildPassGraph(pass).then(countMemory);
  measured.set(identity, memory);
  return memory;
}
