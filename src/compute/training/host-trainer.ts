/**
 * Takes training steps with the state in the host's memory: a runtime computes loss and gradients, the WebAssembly
 * kernel applies clipping, AdamW and the mask.
 * Deterministic: the same weights, state and batches give the same bits on the same machine.
 */
import { elementCount } from '../../base/element-count.ts';
import { pow } from '../../base/stated-math.ts';
import { openSession } from '../runtimes/open-session.ts';
import type { ExecutionTarget, GraphSession } from '../runtimes/runtime.ts';
import { flushingSubnormals } from '../runtimes/subnormals.ts';
import { ParameterKernel } from './parameter-kernel.ts';
import { ParameterMemory } from './parameter-memory.ts';
import type { AdamWSettings, PlannedTrainingStep, TrainingStepResult, Trainer, TrainingGraph } from './trainer.ts';

export class HostTrainer implements Trainer {
  readonly memory: ParameterMemory;
  readonly stepsPerCall = 1;
  readonly transfers = undefined;
  /** Training steps since the moments were last reset: the t of the bias corrections. */
  updates = 0;
  readonly #session: GraphSession;
  readonly #kernel: ParameterKernel;
  readonly #batches: Record<string, Int32Array>;
  readonly #microBatches: number;
  /** Does the optimizer's work; the exact engine's kernel keeps subnormal numbers. */
  readonly #settled: <Result>(work: () => Result) => Result;

  private constructor(
    session: GraphSession,
    training: TrainingGraph,
    { engine }: ExecutionTarget,
    kernelFile: string | URL,
    { microBatches, largestMemory }: { microBatches: number; largestMemory?: number | undefined },
  ) {
    this.#session = session;
    this.#settled = engine === 'exact' ? (work) => work() : flushingSubnormals;
    this.#microBatches = microBatches;
    this.memory = new ParameterMemory(training.parameters, {
      parts: microBatches > 1,
      ...(largestMemory !== undefined && { largest: largestMemory }),
    });
    this.#kernel = new ParameterKernel(this.memory, kernelFile);
    for (const { name, weight, part } of this.memory.parameters) {
      session.feed(name, weight);
      session.fetch(`gradient:${name}`, part);
    }
    const { graph, batchInputs, repetitions = 1 } = training;
    this.#batches = Object.fromEntries(
      batchInputs.map((name) => [name, new Int32Array(repetitions * elementCount(graph.inputs.get(name)!.shape))]),
    );
    for (const [name, data] of Object.entries(this.#batches)) session.feed(name, data);
  }

  /**
   * @param training of one micro-batch
   * @param microBatches per training step: the gradients are their mean
   * @param largestMemory bytes of a memory: a model that needs more has several, and a parameter that does has arrays
   *   of its own
   * @throws UnavailableTarget if this machine cannot execute graphs that way
   */
  static async create(
    training: TrainingGraph,
    target: ExecutionTarget,
    kernelFile: string | URL,
    microBatches = 1,
    largestMemory?: number,
  ): Promise<HostTrainer> {
    const { graph, batchInputs, repetitions } = training;
    const repetition = repetitions === undefined ? undefined : { advancing: batchInputs, times: repetitions };
    const session = await openSession(graph, target, repetition);
    try {
      return new HostTrainer(session, training, target, kernelFile, { microBatches, largestMemory });
    } catch (error) {
      await session.release(); // the parameters may be too large for memory
      throw error;
    }
  }

  reset(): void {
    this.memory.resetMoments();
    this.updates = 0;
  }

  async steps(planned: readonly PlannedTrainingStep[], settings: AdamWSettings): Promise<TrainingStepResult[]> {
    const results: TrainingStepResult[] = [];
    for (const { batch, learningRate } of planned) results.push(await this.step(batch, learningRate, settings));
    return results;
  }

  /**
   * One training step.
   * @param batch int32 data of every batch input: all micro-batches, one after the other
   * @param learningRate of this training step
   */
  async step(
    batch: PlannedTrainingStep['batch'],
    learningRate: number,
    settings: AdamWSettings,
  ): Promise<TrainingStepResult> {
    const loss = await this.#computeGradients(batch);
    return { loss, gradientNorm: this.#settled(() => this.#update(learningRate, settings)) };
  }

  /** Takes the optimizer's step with the gradients in memory. @returns their norm */
  #update(learningRate: number, settings: AdamWSettings): number {
    let squares = 0;
    for (const parameter of this.memory.parameters) squares += this.#kernel.maskAndSquare(parameter);
    const gradientNorm = Math.sqrt(squares);
    const clip = settings.clipNorm > 0 && gradientNorm > settings.clipNorm ? settings.clipNorm / gradientNorm : 1;

    this.updates += 1;
    const rate = learningRate / (1 - pow(settings.beta1, this.updates));
    const inverseCorrection2 = 1 / (1 - pow(settings.beta2, this.updates));
    const { beta1, beta2, epsilon, weightDecay } = settings;
    for (const parameter of this.memory.parameters) {
      const decay = parameter.decay ? learningRate * weightDecay : 0;
      this.#kernel.update(parameter, { clip, beta1, beta2, rate, inverseCorrection2, epsilon, decay });
    }
    return gradientNorm;
  }

  /** @returns the batch's mean loss; the gradients are in memory */
  async #computeGradients(batch: PlannedTrainingStep['batch']): Promise<number> {
    if (this.#microBatches === 1) return this.#runGraph(batch, 0);
    const share = 1 / this.#microBatches;
    for (const { gradient } of this.memory.parameters) gradient.fill(0);
    let total = 0;
    for (let micro = 0; micro < this.#microBatches; micro++) {
      total += await this.#runGraph(batch, micro);
      this.#settled(() => {
        for (const parameter of this.memory.parameters) this.#kernel.accumulate(parameter, share);
      });
    }
    return total * share;
  }

  async #runGraph(batch: PlannedTrainingStep['batch'], micro: number): Promise<number> {
    for (const [name, data] of Object.entries(this.#batches))
      data.set(batch[name]!.subarray(micro * data.length, (micro + 1) * data.length));
    const { loss } = await this.#session.run();
    return loss![0]!;
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}
