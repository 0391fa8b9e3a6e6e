/** What takes training steps, wherever it does: the state is in `memory` between calls. */
import type { Graph } from '../graph/graph.ts';
import type { ParameterMemory, ParameterSpec } from './parameter-memory.ts';

/** A graph that computes `loss` (one element) and `gradient:NAME` for every parameter, from inputs NAME and `batch`. */
export interface TrainingGraph {
  graph: Graph;
  parameters: readonly ParameterSpec[];
  /** Names of the int32 inputs that hold the batch. */
  batchInputs: readonly string[];
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
  /** Mean loss of the batch before the step. */
  loss: number;
  /** Norm of the masked gradient before clipping. */
  gradientNorm: number;
}

export interface PlannedTrainingStep {
  /** int32 data of every batch input: all micro-batches, one after the other. */
  batch: Readonly<Record<string, Int32Array>>;
  learningRate: number;
}

/** How the time of calls was spent, since the trainer was made. */
export interface TransferStatistics {
  /** Bytes of weights, moments and masks carried to the device and back per call. */
  bytesPerCall: number;
  transferMilliseconds: number;
  totalMilliseconds: number;
}

export interface Trainer {
  readonly memory: ParameterMemory;
  /** Optimizer steps since the moments were last reset: the t of the bias corrections. */
  updates: number;
  /** How many steps one call should take: 1 where the state stays in memory, more where it has to travel. */
  readonly stepsPerCall: number;
  /** Undefined where nothing travels. */
  readonly transfers: TransferStatistics | undefined;
  /** Starts the moments from zero. */
  reset(): void;
  /** Takes steps one after the other. However they are divided into calls, the result is the same, bit for bit. */
  steps(planned: readonly PlannedTrainingStep[], settings: AdamWSettings): Promise<TrainingStepResult[]>;
  release(): Promise<void>;
}
