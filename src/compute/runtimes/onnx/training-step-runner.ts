/**
 * Takes training steps on a device. Where the provider has a Loop (CUDA, and the CPU, on which this is tested), a call
 * is one run of a model that loops. WebGPU has no Loop, but can leave outputs on the device and take them as inputs:
 * there, a call is a run that copies the state in, one run per training step, and a run that copies the state out.
 */
import type { InferenceSession, Tensor as OnnxTensor } from 'onnxruntime-node';
import type { ExecutionTarget } from '../runtime.ts';
import {
  STATE_KINDS,
  type StateViews,
  type TrainingStepProgram,
  type TrainingStepsRequest,
  type TrainingStepsResult,
  type TrainingStepRunner,
} from '../training-step-program.ts';
import { dialectFor } from './dialect.ts';
import { openModel, Tensor } from './open-model.ts';
import {
  lowerPacking,
  lowerTrainingStep,
  lowerTrainingLoop,
  lowerUnpacking,
  packValue,
  parameterValue,
} from './training-step-model.ts';

const WITH_MASK = [...STATE_KINDS, 'mask'] as const;

/** @throws UnavailableTarget if this machine cannot execute graphs that way */
export async function openTrainingStepRunner(
  program: TrainingStepProgram,
  target: ExecutionTarget,
): Promise<TrainingStepRunner> {
  if (target.device === 'webgpu') return ResidentRunner.open(program, target);
  const dialect = dialectFor(target);
  // ONNX Runtime refuses a fallback to the CPU in the outer graph only (seen in 1.30), and a loop's operators are all
  // inside. So one training step is opened by itself first: that fails if an operator has no kernel on the device.
  if (target.device !== 'cpu') await (await openModel(lowerTrainingStep(program, dialect), target)).release();
  return new LoopRunner(program, await openModel(lowerTrainingLoop(program, dialect), target));
}

class LoopRunner implements TrainingStepRunner {
  readonly #program: TrainingStepProgram;
  readonly #session: InferenceSession;
  /** Of a call that takes no training step: measured once, after the first call, which is slower than later ones. */
  #transferMilliseconds: number | undefined;

  constructor(program: TrainingStepProgram, session: InferenceSession) {
    this.#program = program;
    this.#session = session;
  }

  async run(state: readonly StateViews[], request: TrainingStepsRequest): Promise<TrainingStepsResult> {
    const { loss, gradientNorm } = await this.#call(state, request, request.steps);
    if (this.#transferMilliseconds === undefined) {
      const start = performance.now();
      await this.#call(state, request, 0);
      this.#transferMilliseconds = performance.now() - start;
    }
    return {
      loss: loss!.data as Float32Array,
      gradientNorm: gradientNorm!.data as Float32Array,
      transferMilliseconds: this.#transferMilliseconds,
    };
  }

  async release(): Promise<void> {
    await this.#session.release();
  }

  /** @param count how many of the request's training steps are taken */
  #call(
    state: readonly StateViews[],
    { steps, settings, batches }: TrainingStepsRequest,
    count: number,
  ): Promise<InferenceSession.OnnxValueMapType> {
    const feeds: Record<string, OnnxTensor> = {
      count: new Tensor('int64', BigInt64Array.of(BigInt(count)), []),
      settings: matrix(settings, steps),
    };
    for (const [name, data] of Object.entries(batches)) feeds[name] = matrix(data, steps);
    const fetches: Record<string, OnnxTensor | null> = { loss: null, gradientNorm: null };
    this.#program.parameters.forEach(({ name, shape }, index) => {
      for (const kind of WITH_MASK)
        feeds[parameterValue(kind, name)] = new Tensor('float32', state[index]![kind], shape);
      for (const kind of STATE_KINDS)
        fetches[`next:${parameterValue(kind, name)}`] = new Tensor('float32', state[index]![kind], shape);
    });
    return this.#session.run(feeds, fetches);
  }
}

class ResidentRunner implements TrainingStepRunner {
  readonly #program: TrainingStepProgram;
  readonly #step: InferenceSession;
  readonly #bring: InferenceSession[];
  readonly #take: InferenceSession[];

  private constructor(
    program: TrainingStepProgram,
    step: InferenceSession,
    bring: InferenceSession[],
    take: InferenceSession[],
  ) {
    this.#program = program;
    this.#step = step;
    this.#bring = bring;
    this.#take = take;
  }

  static async open(program: TrainingStepProgram, target: ExecutionTarget): Promise<ResidentRunner> {
    const dialect = dialectFor(target);
    const names = (kind: string) => program.packs.map((_, pack) => packValue(kind, pack));
    const onDevice = (outputs: readonly string[]): InferenceSession.SessionOptions => ({
      preferredOutputLocation: Object.fromEntries(outputs.map((name) => [name, 'gpu-buffer' as const])),
    });
    const opened: InferenceSession[] = [];
    const open = async (model: Uint8Array, options?: InferenceSession.SessionOptions) => {
      const session = await openModel(model, target, options);
      opened.push(session);
      return session;
    };
    try {
      const bring: InferenceSession[] = [];
      for (const kind of WITH_MASK) bring.push(await open(lowerPacking(program, dialect, kind), onDevice(names(kind))));
      const stepOutputs = STATE_KINDS.flatMap((kind) => names(kind).map((name) => `next:${name}`));
      const step = await open(lowerTrainingStep(program, dialect), onDevice(stepOutputs));
      const take: InferenceSession[] = [];
      for (const kind of STATE_KINDS) take.push(await open(lowerUnpacking(program, dialect, kind)));
      return new ResidentRunner(program, step, bring, take);
    } catch (error) {
      for (const session of opened) await session.release(); // the device may have no room for all of them
      throw error;
    }
  }

  async run(
    state: readonly StateViews[],
    { steps, settings, batches }: TrainingStepsRequest,
  ): Promise<TrainingStepsResult> {
    const results = { loss: new Float32Array(steps), gradientNorm: new Float32Array(steps) };
    const start = performance.now();
    const held: Record<string, OnnxTensor> = {};
    try {
      await this.#bringIn(state, held);
      const brought = performance.now();
      for (let step = 0; step < steps; step++) {
        const { loss, gradientNorm, ...next } = await this.#step.run({
          ...held,
          settings: row(settings, step, steps),
          ...Object.fromEntries(Object.entries(batches).map(([name, data]) => [name, row(data, step, steps)])),
        });
        results.loss[step] = loss!.data[0] as number;
        results.gradientNorm[step] = gradientNorm!.data[0] as number;
        for (const [name, tensor] of Object.entries(next)) replace(held, name.slice('next:'.length), tensor);
      }
      const computed = performance.now();
      await this.#takeOut(held, state);
      return { ...results, transferMilliseconds: brought - start + (performance.now() - computed) };
    } finally {
      for (const tensor of Object.values(held)) tensor.dispose();
    }
  }

  async release(): Promise<void> {
    for (const session of [this.#step, ...this.#bring, ...this.#take]) await session.release();
  }

  /** @param held receives tensors on the device, by pack */
  async #bringIn(state: readonly StateViews[], held: Record<string, OnnxTensor>): Promise<void> {
    for (const [index, kind] of WITH_MASK.entries()) {
      const feeds = this.#program.parameters.map(({ name, shape }, at) => [
        parameterValue(kind, name),
        new Tensor('float32', state[at]![kind], shape),
      ]);
      Object.assign(held, await this.#bring[index]!.run(Object.fromEntries(feeds) as InferenceSession.FeedsType));
    }
  }

  async #takeOut(held: Readonly<Record<string, OnnxTensor>>, state: readonly StateViews[]): Promise<void> {
    for (const [index, kind] of STATE_KINDS.entries()) {
      const feeds = this.#program.packs
        .map((_, pack) => packValue(kind, pack))
        .map((name) => [`next:${name}`, held[name]!]);
      const fetches = this.#program.parameters.map(({ name, shape }, at) => [
        `next:${parameterValue(kind, name)}`,
        new Tensor('float32', state[at]![kind], shape),
      ]);
      await this.#take[index]!.run(
        Object.fromEntries(feeds) as InferenceSession.FeedsType,
        Object.fromEntries(fetches) as InferenceSession.FetchesType,
      );
    }
  }
}

/** Puts a tensor in the place of one whose memory on the device can go. */
function replace(held: Record<string, OnnxTensor>, name: string, tensor: OnnxTensor): void {
  held[name]?.dispose();
  held[name] = tensor;
}

/** One row of several of equal length, without copying. */
function row(data: Float32Array | Int32Array, index: number, count: number): OnnxTensor {
  const length = data.length / count;
  const part = data.subarray(index * length, (index + 1) * length);
  return part instanceof Float32Array ? new Tensor('float32', part, [length]) : new Tensor('int32', part, [length]);
}

/** Rows of equal length as a matrix. */
function matrix(data: Float32Array | Int32Array, count: number): OnnxTensor {
  const dimensions = [count, data.length / count];
  return data instanceof Float32Array ? new Tensor('float32', data, dimensions) : new Tensor('int32', data, dimensions);
}
