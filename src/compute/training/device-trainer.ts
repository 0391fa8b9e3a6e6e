/**
 * Takes training steps on a device: several per call, with forward pass, backward pass and optimizer all there, since
 * copying the state to the device and back at every training step would take longer than computing. Between calls the
 * state is in `memory`, as it is with the host trainer.
 */
import { unpackBits } from '../../base/packed-bits.ts';
import type { StateViews, TrainingStepProgram, TrainingStepRunner } from '../runtimes/training-step-program.ts';
import { buildAdamW, settingsOfStep, SETTINGS_LENGTH } from './adamw-graph.ts';
import { buildPacking, buildUnpacking, packParameters } from './packing.ts';
import { ParameterMemory, type ParameterBuffers } from './parameter-memory.ts';
import type {
  AdamWSettings,
  PlannedTrainingStep,
  TrainingStepResult,
  Trainer,
  TrainingGraph,
  TransferStatistics,
} from './trainer.ts';

/**
 * Per call, weights and both moments are copied both ways and the mask one way, seven times the parameters: for GPT-2
 * about 3.5 GB, or half a second over PCIe, against some seconds of computing. More training steps per call would save
 * little, and a run can be stopped only between calls.
 */
const STEPS_PER_CALL = 64;
const COPIES_PER_PARAMETER = 7;

/** @param training of one micro-batch */
export function buildTrainingStepProgram(training: TrainingGraph, microBatches: number): TrainingStepProgram {
  const packs = packParameters(training.parameters);
  return {
    parameters: training.parameters,
    packs: packs.map(({ length }) => length),
    pack: buildPacking(packs),
    unpack: buildUnpacking(packs),
    gradients: training.graph,
    update: buildAdamW(packs),
    batchInputs: training.batchInputs,
    microBatches,
  };
}

export class DeviceTrainer implements Trainer {
  readonly memory: ParameterMemory;
  readonly stepsPerCall = STEPS_PER_CALL;
  updates = 0;
  readonly #runner: TrainingStepRunner;
  readonly #batchInputs: readonly string[];
  /** Stands for the mask of parameters that have none. */
  readonly #ones: Float32Array;
  readonly #transfers: TransferStatistics;

  /** @param runner of the program that `buildTrainingStepProgram` makes of `training` */
  constructor(training: TrainingGraph, runner: TrainingStepRunner) {
    this.#runner = runner;
    this.#batchInputs = training.batchInputs;
    this.memory = new ParameterMemory(training.parameters);
    const lengths = this.memory.parameters.map(({ length }) => length);
    this.#ones = new Float32Array(Math.max(...lengths)).fill(1);
    const bytesPerCall = 4 * COPIES_PER_PARAMETER * lengths.reduce((sum, length) => sum + length, 0);
    this.#transfers = { bytesPerCall, transferMilliseconds: 0, totalMilliseconds: 0 };
  }

  get transfers(): TransferStatistics {
    return { ...this.#transfers };
  }

  reset(): void {
    this.memory.resetMoments();
    this.updates = 0;
  }

  async steps(planned: readonly PlannedTrainingStep[], settings: AdamWSettings): Promise<TrainingStepResult[]> {
    const rows = new Float32Array(planned.length * SETTINGS_LENGTH);
    planned.forEach(({ learningRate }, index) =>
      rows.set(settingsOfStep(learningRate, this.updates + index + 1, settings), index * SETTINGS_LENGTH),
    );
    const batches = Object.fromEntries(
      this.#batchInputs.map((name) => [name, joined(planned.map(({ batch }) => batch[name]!))]),
    );
    const start = performance.now();
    const state = this.memory.parameters.map((parameter) => this.#viewsOf(parameter));
    const results = await this.#runner.run(state, { steps: planned.length, settings: rows, batches });
    this.#transfers.totalMilliseconds += performance.now() - start;
    this.#transfers.transferMilliseconds += results.transferMilliseconds;
    this.updates += planned.length;
    return planned.map((_, index) => ({ loss: results.loss[index]!, gradientNorm: results.gradientNorm[index]! }));
  }

  async release(): Promise<void> {
    await this.#runner.release();
  }

  #viewsOf({ weight, first, second, mask, masked, length }: ParameterBuffers): StateViews {
    return {
      weight,
      first,
      second,
      mask: masked ? Float32Array.from(unpackBits(mask, length)) : this.#ones.subarray(0, length),
    };
  }
}

function joined(rows: readonly Int32Array[]): Int32Array {
  const length = rows[0]!.length;
  const all = new Int32Array(rows.length * length);
  rows.forEach((row, index) => all.set(row, index * length));
  return all;
}
