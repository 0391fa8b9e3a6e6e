/**
 * A whole training step as graphs, for runtimes that take many steps without returning: forward and backward, and the
 * optimizer on parameters that are joined into a few long vectors ("packs"), since on a device the number of operations
 * costs more than their size.
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
   * `weight:I`, `first:I`, `second:I`, `mask:I`, `gradient:I` and `settings` -> the first three anew and `gradientNorm`
   * [1].
   */
  update: Graph;
  /** Names of the int32 inputs of `gradients` that hold the micro-batch. */
  batchInputs: readonly string[];
  /** Micro-batches per step: the gradients are their mean. */
  microBatches: number;
}

/** Memory that a program's state is read from before the first step of a call, and written to after its last. */
export type StateViews = Record<(typeof STATE_KINDS)[number] | 'mask', Float32Array>;

export interface TrainingStepsRequest {
  steps: number;
  /** Rows of `settings`, one per step. */
  settings: Float32Array;
  /** Rows of every batch input, one per step: all micro-batches of the step. */
  batches: Readonly<Record<string, Int32Array>>;
}

export interface TrainingStepsResult {
  /** Mean loss of each step's batch before the step. */
  loss: Float32Array;
  /** Norm of each step's masked gradient before clipping. */
  gradientNorm: Float32Array;
  /** Time in which state was carried to the device and back, and no step was taken. */
  transferMilliseconds: number;
}

/** Takes steps of a program on a device. The state crosses to the device and back once per call. */
export interface TrainingStepRunner {
  /** @param state by parameter */
  run(state: readonly StateViews[], request: TrainingStepsRequest): Promise<TrainingStepsResult>;
  release(): Promise<void>;
}
