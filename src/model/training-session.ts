/**
 * A trainer for one model and batch shape, with its corpus: loads and saves checkpoints, draws training batches,
 * checks the mask. One per model and shape lives in a worker process, since building a session takes longer than many
 * training steps.
 */
import { join } from 'node:path';
import type { ExecutionTarget } from '../compute/runtimes/runtime.ts';
import { createTrainer } from '../compute/training/create-trainer.ts';
import type { AdamWSettings, TrainingStepResult, Trainer, TransferStatistics } from '../compute/training/trainer.ts';
import { installedBuild } from '../base/installed-build.ts';
import type { Corpus } from './corpus.ts';
import { corpusOf } from './corpora.ts';
import { buildTrainingGraph } from './decoder/decoder-graph.ts';
import type { DecoderShape } from './decoder/family.ts';
import type { FloatTensor, Tensor } from './language-model.ts';
import { readModelConfig } from './model-config.ts';
import { asFailure } from './model-session.ts';
import { splitNextTokens } from './next-token.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';
import { floatTensor, readMasks, WRONG_ARTIFACT } from './weights-file.ts';
import type { TrainingShape } from './training-shape.ts';

const KERNEL_FILE = join(installedBuild, 'optimizer.wasm');
const sessions = new Map<string, Promise<TrainingSession>>();

export function openTrainingSession(
  model: string,
  shape: TrainingShape,
  target: ExecutionTarget,
): Promise<TrainingSession> {
  const identity = JSON.stringify([model, shape, target]);
  const session = sessions.get(identity) ?? createSession(model, shape, target);
  sessions.set(identity, session);
  return session;
}

async function createSession(model: string, shape: TrainingShape, target: ExecutionTarget): Promise<TrainingSession> {
  const { batch, sequence, microBatches = 1 } = shape;
  const config = await readModelConfig(model);
  const training = buildTrainingGraph(config, { batch: batch / microBatches, sequence });
  return new TrainingSession(
    await createTrainer(training, target, KERNEL_FILE, microBatches).catch(asFailure),
    corpusOf(config),
    shape,
  );
}

/** Where batches are drawn from. */
export interface BatchStream {
  stream: string;
  seed: number;
}

export class TrainingSession {
  readonly #trainer: Trainer;
  readonly #corpus: Corpus;
  readonly #shape: DecoderShape;
  /** Transfers of the trainer before files were loaded: those of other nodes. */
  #before: TransferStatistics | undefined;

  constructor(trainer: Trainer, corpus: Corpus, shape: DecoderShape) {
    this.#trainer = trainer;
    this.#corpus = corpus;
    this.#shape = shape;
  }

  /** How many training steps a call should take: several where each call moves the state to a device and back. */
  get stepsPerCall(): number {
    return this.#trainer.stepsPerCall;
  }

  /** How the time of calls was spent since files were loaded; undefined where nothing travels. */
  transfers(): TransferStatistics | undefined {
    const { transfers } = this.#trainer;
    if (transfers === undefined) return undefined;
    return {
      ...transfers,
      transferMilliseconds: transfers.transferMilliseconds - (this.#before?.transferMilliseconds ?? 0),
      totalMilliseconds: transfers.totalMilliseconds - (this.#before?.totalMilliseconds ?? 0),
    };
  }

  /** Loads files; without `optimizer` the moments start from zero. */
  async load(files: { weights: string; mask?: string | undefined; optimizer?: string | undefined }): Promise<void> {
    const { memory } = this.#trainer;
    this.#before = this.#trainer.transfers;
    this.#trainer.reset();
    memory.clearMasks();
    const { tensors: weights } = await readSafetensors(files.weights);
    for (const { name, shape, weight } of memory.parameters)
      weight.set(floatTensor(weights, { name, shape }, files.weights, WRONG_ARTIFACT).data);
    if (files.optimizer !== undefined) {
      const { tensors, metadata } = await readSafetensors(files.optimizer);
      const moment = (name: string, shape: readonly number[]) =>
        floatTensor(tensors, { name, shape }, files.optimizer!, WRONG_ARTIFACT).data;
      for (const { name, shape, first, second } of memory.parameters) {
        first.set(moment(`first.${name}`, shape));
        second.set(moment(`second.${name}`, shape));
      }
      this.#trainer.updates = Number(metadata.updates);
    }
    if (files.mask !== undefined)
      for (const [name, { data }] of await readMasks(files.mask)) memory.setMask(name, data);
  }

  /**
   * One training step, on the batch of (stream, seed, cumulative step).
   * @param cumulativeStep 0-based training step of the whole run
   */
  async step(
    settings: BatchStream & AdamWSettings,
    cumulativeStep: number,
    learningRate: number,
  ): Promise<TrainingStepResult> {
    const [result] = await this.steps(settings, cumulativeStep, [learningRate]);
    return result!;
  }

  /**
   * The same for consecutive training steps, in one call. However they are divided into calls, the result is the same.
   * @param firstStep cumulative training step of the first of them
   * @param learningRates one per training step
   */
  steps(
    settings: BatchStream & AdamWSettings,
    firstStep: number,
    learningRates: readonly number[],
  ): Promise<TrainingStepResult[]> {
    const { batch, sequence } = this.#shape;
    const planned = learningRates.map((learningRate, index) => {
      const drawn = this.#corpus.batch(settings.seed, settings.stream, firstStep + index, batch, sequence);
      return { batch: splitNextTokens(drawn, this.#shape), learningRate };
    });
    return this.#trainer.steps(planned, settings);
  }

  /** @throws Error naming the first pruned weight that is not exactly 0 */
  assertMaskHolds(): void {
    const violation = this.#trainer.memory.maskViolation();
    if (violation)
      throw new Error(`The pruned weight ${violation.index} of ${violation.name} is ${violation.value}, not 0.`);
  }

  async save(files: { weights: string; optimizer: string }): Promise<void> {
    const { parameters } = this.#trainer.memory;
    const tensor = (shape: readonly number[], data: Float32Array): FloatTensor => ({ shape: [...shape], data });
    await writeSafetensors(
      files.weights,
      new Map(parameters.map(({ name, shape, weight }) => [name, tensor(shape, weight)])),
    );
    const moments = parameters.flatMap(({ name, shape, first, second }): [string, Tensor][] => [
      [`first.${name}`, tensor(shape, first)],
      [`second.${name}`, tensor(shape, second)],
    ]);
    await writeSafetensors(files.optimizer, new Map(moments), { updates: String(this.#trainer.updates) });
  }
}
