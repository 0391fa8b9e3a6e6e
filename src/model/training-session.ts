/**
 * A trainer for one model and batch shape, with its corpus: loads and saves checkpoints, draws training batches,
 * checks the mask.
 */
import { join } from 'node:path';
import { targetOf, type Engine, type ExecutionTarget } from '../compute/runtimes/runtime.ts';
import { createTrainer } from '../compute/training/create-trainer.ts';
import type { AdamWSettings, TrainingStepResult, Trainer, TransferStatistics } from '../compute/training/trainer.ts';
import { sampleMean } from '../base/sample-mean.ts';
import { installedBuild } from '../base/installed-build.ts';
import { isLanguage, type Corpus } from './corpus.ts';
import { corpusOf } from './corpora.ts';
import { trainingGraphFor } from './training-graph.ts';
import type { DecoderShape, ModelConfig } from './decoder/family.ts';
import type { FloatTensor, MemoryFor, Tensor } from './language-model.ts';
import { readModelConfig } from './model-config.ts';
import { asFailure } from './model-session.ts';
import { splitNextTokens } from './next-token.ts';
import { readSafetensors, writeSafetensors, WRONG_ARTIFACT, type SafetensorsFile } from './safetensors.ts';
import { readStoredTensors, writeDigest } from './stored-tensors.ts';
import { heldBytes, sessionPool, type PooledSession } from './session-pool.ts';
import { readMasks } from './mask-file.ts';
import { floatTensor } from './weights-file.ts';
import type { TrainingShape } from './training-shape.ts';

/** How a session takes training steps. */
export interface SessionShape extends TrainingShape {
  /** Whether it computes again what is inside of blocks (buildTrainingGraph); false by default. */
  recomputes?: boolean;
}

/** The optimizers: the exact engine's keeps subnormal numbers. */
const KERNEL_FILES: Record<Engine, string> = {
  onnx: 'optimizer.wasm',
  tensorflow: 'optimizer.wasm',
  exact: 'exact-optimizer.wasm',
};

/** Path of the kernel that takes an engine's optimizer steps on the CPU. */
export function kernelFileOf(engine: Engine): string {
  return join(installedBuild, KERNEL_FILES[engine]);
}

/**
 * Works with a session of a model and batch shape, into which the work loads its files first: it may be one that was
 * used before.
 * @param model as locateModel gives it
 * @param target an object that has more besides, such as a stage's parameters, will do
 */
export async function useTrainingSession<Result>(
  model: string,
  { batch, sequence, microBatches = 1, recomputes = false }: SessionShape,
  target: ExecutionTarget,
  work: (session: TrainingSession) => Promise<Result>,
): Promise<Result> {
  const config = await readModelConfig(model);
  const shape = { batch, sequence, microBatches, recomputes };
  const own = targetOf(target);
  return sessionPool.use(
    ['training', { ...config }, shape, { ...own }],
    () => openTrainingSession(config, shape, own),
    work,
  );
}

/** A session for the caller alone. */
export async function openTrainingSession(
  config: ModelConfig,
  { batch, sequence, microBatches = 1, recomputes = false }: SessionShape,
  target: ExecutionTarget,
): Promise<TrainingSession> {
  const training = trainingGraphFor(target.engine, config, { batch: batch / microBatches, sequence }, recomputes);
  const trainer = await createTrainer(training, target, kernelFileOf(target.engine), microBatches).catch(asFailure);
  return new TrainingSession(trainer, config, { batch, sequence }, heldBytes(training.graph));
}

/** What a training step did, and what its batch would have cost the language itself. */
export interface SessionStepResult extends TrainingStepResult {
  /** Mean -ln p of the batch's tokens in the language, nats per token; null where that is not known. */
  surprisal: number | null;
}

/** Where batches are drawn from. */
export interface BatchStream {
  /** By default the language that the model is made for. */
  corpus?: Corpus;
  stream: string;
  seed: number;
}

export class TrainingSession implements PooledSession {
  readonly #trainer: Trainer;
  readonly #config: ModelConfig;
  readonly #shape: DecoderShape;
  readonly #graphBytes: number;
  /** Transfers of the trainer before files were loaded: those of other nodes. */
  #before: TransferStatistics | undefined;

  /** @param graphBytes what the runtime holds for the graph */
  constructor(trainer: Trainer, config: ModelConfig, shape: DecoderShape, graphBytes: number) {
    this.#trainer = trainer;
    this.#config = config;
    this.#shape = shape;
    this.#graphBytes = graphBytes;
  }

  get bytes(): number {
    return this.#graphBytes + this.#trainer.memory.bytes;
  }

  release(): Promise<void> {
    return this.#trainer.release();
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
    const buffers = (kinds: readonly ('weight' | 'first' | 'second')[]): Buffers =>
      new Map(
        memory.parameters.flatMap((parameter) =>
          kinds.map((kind): [string, FloatTensor] => [
            kind === 'weight' ? parameter.name : `${kind}.${parameter.name}`,
            { shape: [...parameter.shape], data: parameter[kind] },
          ]),
        ),
      );
    await readInto(buffers(['weight']), files.weights, readStoredTensors);
    if (files.optimizer !== undefined) {
      const metadata = await readInto(buffers(['first', 'second']), files.optimizer, readSafetensors);
      this.#trainer.updates = Number(metadata.updates);
    }
    if (files.mask !== undefined)
      for (const [name, { data }] of await readMasks(files.mask, memory.shapes)) memory.setMask(name, data);
  }

  /**
   * One training step, on the batch of (stream, seed, cumulative step).
   * @param cumulativeStep 0-based training step of the whole run
   */
  async step(
    settings: BatchStream & AdamWSettings,
    cumulativeStep: number,
    learningRate: number,
  ): Promise<SessionStepResult> {
    const [result] = await this.steps(settings, cumulativeStep, [learningRate]);
    return result!;
  }

  /**
   * The same for consecutive training steps, in one call. However they are divided into calls, the result is the same.
   * @param firstStep cumulative training step of the first of them
   * @param learningRates one per training step
   */
  async steps(
    settings: BatchStream & AdamWSettings,
    firstStep: number,
    learningRates: readonly number[],
  ): Promise<SessionStepResult[]> {
    const { batch, sequence } = this.#shape;
    const { corpus = corpusOf(this.#config) } = settings;
    const planned = learningRates.map((learningRate, index) => {
      const drawn = corpus.batch(settings.seed, settings.stream, firstStep + index, batch, sequence);
      const surprisals = isLanguage(corpus) ? corpus.surprisals(drawn, sequence) : null;
      return {
        batch: splitNextTokens(drawn, this.#shape),
        learningRate,
        surprisal: surprisals && sampleMean(surprisals),
      };
    });
    const results = await this.#trainer.steps(planned, settings);
    return results.map((result, index) => ({ ...result, surprisal: planned[index]!.surprisal }));
  }

  /** @throws Error naming the first pruned weight that is not exactly 0 */
  assertMaskHolds(): void {
    const violation = this.#trainer.memory.maskViolation();
    if (violation)
      throw new Error(`The pruned weight ${violation.index} of ${violation.name} is ${violation.value}, not 0.`);
  }

  /**
   * @param remedy what to do if a weight or a moment is not finite
   * @param options.withoutMoments a virtual file in their place, which has their digest alone
   * @throws SwpError of kind `not-finite` if one is
   */
  async save(
    files: { weights: string; optimizer: string },
    remedy?: string,
    { withoutMoments = false } = {},
  ): Promise<void> {
    const { parameters } = this.#trainer.memory;
    const tensor = (shape: readonly number[], data: Float32Array): FloatTensor => ({ shape: [...shape], data });
    await writeSafetensors(
      files.weights,
      new Map(parameters.map(({ name, shape, weight }) => [name, tensor(shape, weight)])),
      {},
      remedy,
    );
    const moments = parameters.flatMap(({ name, shape, first, second }): [string, Tensor][] => [
      [`first.${name}`, tensor(shape, first)],
      [`second.${name}`, tensor(shape, second)],
    ]);
    const write = withoutMoments ? writeDigest : writeSafetensors;
    await write(files.optimizer, new Map(moments), { updates: String(this.#trainer.updates) }, remedy);
  }
}

/** Memory into which tensors are read, by the names that they have in a file. */
type Buffers = ReadonlyMap<string, FloatTensor>;

/**
 * Reads a file into memory, without a copy besides.
 * @returns the file's metadata
 * @throws SwpError if a tensor is missing, or has another shape or type, or numbers that are not finite
 */
async function readInto(
  buffers: Buffers,
  path: string,
  read: (path: string, memoryFor: MemoryFor) => Promise<SafetensorsFile>,
): Promise<SafetensorsFile['metadata']> {
  const { tensors, metadata } = await read(path, (name, shape) => {
    const fitting = buffers.get(name);
    return `${fitting?.shape}` === `${shape}` ? fitting?.data : undefined;
  });
  for (const [name, { shape, data }] of buffers) {
    const { data: numbers } = floatTensor(tensors, { name, shape }, path, WRONG_ARTIFACT);
    if (numbers !== data) data.set(numbers); // what made the tensor had memory of its own
  }
  return metadata;
}
