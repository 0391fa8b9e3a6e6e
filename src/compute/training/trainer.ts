/**
 * Runs training steps: the graph computes loss and gradients, the kernel applies clipping, AdamW and the mask.
 * Deterministic: the same weights, state and batches give the same bits on the same machine.
 */
import type { Graph } from '../graph/graph.ts';
import { openSession } from '../runtimes/open-session.ts';
import type { ExecutionTarget, GraphSession } from '../runtimes/runtime.ts';
import { loadOptimizerKernel, type OptimizerKernel } from './optimizer-kernel.ts';
import { ParameterMemory, type ParameterSpec } from './parameter-memory.ts';

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

export interface StepResult {
  /** Mean loss of the batch before the step. */
  loss: number;
  /** Norm of the masked gradient before clipping. */
  gradientNorm: number;
}

export class Trainer {
  readonly memory: ParameterMemory;
  /** Optimizer steps since the moments were last reset: the t of the bias corrections. */
  updates = 0;
  readonly #session: GraphSession;
  readonly #kernel: OptimizerKernel;
  readonly #batches: Record<string, Int32Array>;

  private constructor(session: GraphSession, training: TrainingGraph, kernelFile: string | URL) {
    this.#session = session;
    this.memory = new ParameterMemory(training.parameters);
    this.#kernel = loadOptimizerKernel(this.memory.memory, kernelFile);
    for (const { name, weight, gradient } of this.memory.parameters) {
      session.feed(name, weight);
      session.fetch(`gradient:${name}`, gradient);
    }
    this.#batches = Object.fromEntries(
      training.batchInputs.map((name) => [name, new Int32Array(training.graph.inputs.get(name)!.shape.reduce((a, b) => a * b, 1))]),
    );
    for (const [name, data] of Object.entries(this.#batches)) session.feed(name, data);
  }

  /** @throws UnavailableTarget if this machine cannot execute graphs that way */
  static async create(training: TrainingGraph, target: ExecutionTarget, kernelFile: string | URL): Promise<Trainer> {
    return new Trainer(await openSession(training.graph, target), training, kernelFile);
  }

  reset(): void {
    this.memory.resetMoments();
    this.updates = 0;
  }

  /**
   * One optimizer step.
   * @param batch int32 data of every batch input
   * @param learningRate of this step
   */
  async step(batch: Record<string, Int32Array>, learningRate: number, settings: AdamWSettings): Promise<StepResult> {
    for (const [name, data] of Object.entries(this.#batches)) data.set(batch[name]!);
    const { loss } = await this.#session.run();

    let squares = 0;
    for (const { at, masked, padded } of this.memory.parameters)
      squares += this.#kernel.maskAndSquare(at.gradient, masked ? at.mask : 0, padded);
    const gradientNorm = Math.sqrt(squares);
    const clip = settings.clipNorm > 0 && gradientNorm > settings.clipNorm ? settings.clipNorm / gradientNorm : 1;

    this.updates += 1;
    const rate = learningRate / (1 - settings.beta1 ** this.updates);
    const inverseCorrection2 = 1 / (1 - settings.beta2 ** this.updates);
    for (const { at, masked, padded, decay } of this.memory.parameters)
      this.#kernel.adamw(
        at.weight,
        at.gradient,
        at.first,
        at.second,
        masked ? at.mask : 0,
        padded,
        clip,
        settings.beta1,
        settings.beta2,
        rate,
        inverseCorrection2,
        settings.epsilon,
        decay ? learningRate * settings.weightDecay : 0,
      );
    return { loss: loss![0]!, gradientNorm };
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}
