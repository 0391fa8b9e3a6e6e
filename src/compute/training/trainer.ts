/**
 * The interface of trainers: they take training steps, on the host or on a device. Between calls the weights, moments
 * and masks are in `memory`.
 */
import type { Graph } from '../graph/graph.ts';
import type { ParameterMemory, ParameterSpec } from './parameter-memory.ts';

/** A graph that computes `loss` (one element) and `gradient:NAME` for every parameter, from inputs NAME and `batch`. */
export interface TrainingGraph {
  graph: Graph;
  parameters: readonly ParameterSpec[];
  /** Names of the int32 inputs that hold the batch. */
  batchInputs: readonly string[];
  /**
   * How many parts of a micro-batch the graph is computed for, one after the other, while its outputs are summed up: on
   * an engine that keeps the activations of one part in cache. The whole at once if left out.
   */
  repetitions?: number;
}

export interface AdamWSettings {
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
  /** Global norm to which the masked gradient is clipped; 0 for none. */
  clipNorm: number;
}

export interface TrainingStepResult {
  /** Mean loss of the batch before the training step. */
  loss: number;
  /** Norm of the masked gradient before clipping. */
  gradientNorm: number;
}

export interface PlannedTrainingStep {
  /** int32 data of every batch input: all micro-batches, one after the other. */
  batch: Readonly<Record<string, Int32Array>>;
  learningRate: number;
}

/** What copying the state to the device and back has cost since the trainer was made. */
export interface TransferStatistics {
  /** Bytes of weights, moments and masks carried to the device and back per call. */
  bytesPerCall: number;
  transferMilliseconds: number;
  totalMilliseconds: number;
}

export interface Trainer {
  readonly memory: ParameterMemory;
  /** Training steps since the moments were last reset: the t of the bias corrections. */
  updates: number;
  /** How many training steps a call should take: 1 on the host; more where the state is copied to a device and back. */
  readonly stepsPerCall: number;
  /** Undefined where nothing is copied to a device. */
  readonly transfers: TransferStatistics | undefined;
  /** Sets the moments to zero. */
  reset(): void;
  /** Takes training steps in order. The result is the same bits however they are divided into calls. */
  steps(planned: readonly PlannedTrainingStep[], settings: AdamWSettings): Promise<TrainingStepResult[]>;
  release(): Promise<void>;
}
