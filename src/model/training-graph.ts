/** The graph with which an engine takes a training step of a micro-batch. */
import type { Engine } from '../compute/runtimes/runtime.ts';
import type { TrainingGraph } from '../compute/training/trainer.ts';
import { buildTrainingGraph } from './decoder/decoder-graph.ts';
import type { DecoderShape, ModelConfig } from './decoder/family.ts';

/**
 * The exact engine goes through a batch sequence by sequence, forwards and backwards, so that activations stay in
 * cache; others take all sequences at once.
 * @param recomputes whether the backward pass computes again what is inside of blocks
 */
export function trainingGraphFor(
  engine: Engine,
  config: ModelConfig,
  { batch, sequence }: DecoderShape,
  recomputes = false,
): TrainingGraph {
  return engine === 'exact' && batch > 1
    ? buildTrainingGraph(config, { batch: 1, sequence }, { recomputes, repetitions: batch })
    : buildTrainingGraph(config, { batch, sequence }, { recomputes });
}
