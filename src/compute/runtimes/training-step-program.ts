/**
 * A whole training step as graphs, for runtimes that take several per call: forward pass, backward pass, and the
 * optimizer on parameters that are joined into a few long vectors ("packs"), because on a device the number of
 * operations costs more time than their size.
 */
import type { Graph } from '../graph/graph.ts';

export const STATE_KINDS = ['weight', 'first', 'second'] as const;

export interface TrainingStepProgram {
  /** Names of the parameters, in the order of their memory. */
  parameters: readonly { name: string; shape: readonly number[] }[];
  /** Elements of each pack. */
  packs: readonly number[];
  /** Parameters by name -> `pack:I`, float32 [elements]. */
  pack: Graph;
  /** `pack:I` -> parameters by name. */
  unpack: Graph;
  /** Parameters by name and the batch inputs -> `loss` [1] and `gradient:NAME`, for one micro-batch. */
  gradients: Graph;
  /**
   * `weight:I`, `first:I`, `second:I`, `mask:I`, `gradient:I` and `settings` -> the new `weight:I`, `first:I` and
   * `second:I`, and `gradientNorm` [1].
   */
  update: Graph;
  /** Names of the int32 inputs of `gradients` that hold the micro-batch. */
  batchInputs: readonly string[];
  /** Micro-batches per training step: the gradients are their mean. */
  microBatches: number;
}

/** Memory from which a call reads the state at its beginning and to which it writes the state at its end. */
export type StateViews = Record<(typeof STATE_KINDS)[number] | 'mask', Float32Array>;

export interface TrainingStepsRequest {
  steps: number;
  /** Rows of `settings`, one per training step. */
  settings: Float32Array;
  /** Rows of every batch input, one per training step: all its micro-batches. */
  batches: Readonly<Record<string, Int32Array>>;
}

export interface TrainingStepsResult {
  /** Mean loss of each training step's batch before the update. */
  loss: Float32Array;
  /** Norm of each training step's masked gradient before clipping. */
  gradientNorm: Float32Array;
  /** Time that copying the state to the device and back took. */
  transferMilliseconds: number;
}

/** Takes training steps on a device. Each call copies the state to the device once and back once. */
export interface TrainingStepRunner {
  /** @param state by parameter */
  run(state: readonly StateViews[], request: TrainingStepsRequest): Promise<TrainingStepsResult>;
  release(): Promise<void>;
}
