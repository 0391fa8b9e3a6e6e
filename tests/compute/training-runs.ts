/** Short trainings of small decoders: with the optimizer in the WebAssembly kernel, or in the graph on a device. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { installedBuild } from '../../src/base/installed-build.ts';
import { openTrainingStepRunner } from '../../src/compute/runtimes/onnx/training-step-runner.ts';
import { CPU_TARGET, type Device } from '../../src/compute/runtimes/runtime.ts';
import { buildTrainingStepProgram, DeviceTrainer } from '../../src/compute/training/device-trainer.ts';
import { HostTrainer } from '../../src/compute/training/host-trainer.ts';
import type {
  AdamWSettings,
  PlannedTrainingStep,
  TrainingStepResult,
  Trainer,
} from '../../src/compute/training/trainer.ts';
import { buildTrainingGraph } from '../../src/model/decoder/decoder-graph.ts';
import type { ModelConfig } from '../../src/model/decoder/family.ts';
import type { Gpt2Config } from '../../src/model/decoder/gpt2.ts';
import type { LlamaConfig } from '../../src/model/decoder/llama.ts';

const kernel = join(installedBuild, 'optimizer.wasm');
export const LLAMA: LlamaConfig = {
  family: 'llama',
  corpus: 'marker-retrieval',
  layers: 2,
  width: 8,
  heads: 2,
  feedForward: 12,
  vocabulary: 7,
  ropeTheta: 1e4,
  normEpsilon: 1e-6,
};
export const GPT2: Gpt2Config = {
  family: 'gpt2',
  corpus: 'marker-retrieval',
  layers: 2,
  width: 16,
  heads: 2,
  feedForward: 32,
  vocabulary: 40,
  positions: 8,
  normEpsilon: 1e-5,
};
export const SETTINGS: AdamWSettings = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 0.5 };
const [BATCH, SEQUENCE] = [4, 5];

export function kernelTrainer(config: ModelConfig, microBatches = 1): Promise<Trainer> {
  return HostTrainer.create(
    buildTrainingGraph(config, { batch: BATCH / microBatches, sequence: SEQUENCE }),
    CPU_TARGET,
    kernel,
    microBatches,
  );
}

export async function deviceTrainer(
  config: ModelConfig,
  { microBatches = 1, device = 'cpu' }: { microBatches?: number; device?: Device } = {},
): Promise<Trainer> {
  const training = buildTrainingGraph(config, { batch: BATCH / microBatches, sequence: SEQUENCE });
  return new DeviceTrainer(
    training,
    await openTrainingStepRunner(buildTrainingStepProgram(training, microBatches), { ...CPU_TARGET, device }),
  );
}

const plan = (from: number, count: number, vocabulary: number): PlannedTrainingStep[] =>
  Array.from({ length: count }, (_, index) => ({
    learningRate: 0.002 * (1 + ((from + index) % 5)),
    batch: {
      tokens: Int32Array.from({ length: BATCH * SEQUENCE }, (_, i) => (i * 3 + (from + index) * 7) % vocabulary),
      targets: Int32Array.from({ length: BATCH * SEQUENCE }, (_, i) => (i * 5 + 1 + from + index) % vocabulary),
    },
  }));

/** Trains from weights that are always the same, with one tensor masked, and releases the trainer. */
export async function train(
  opening: Promise<Trainer>,
  { vocabulary }: ModelConfig,
  calls: readonly number[],
  under = SETTINGS,
) {
  const trainer = await opening;
  const { memory } = trainer;
  let state = 1;
  for (const { weight, decay } of memory.parameters)
    for (let index = 0; index < weight.length; index++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      weight[index] = (decay ? 0 : 1) + (state / 2 ** 32 - 0.5) * 0.6;
    }
  const masked = memory.parameters.find(({ name }) => /down_proj|mlp.c_proj.weight/.test(name))!;
  memory.setMask(
    masked.name,
    Uint8Array.from(masked.weight, (_, index) => index % 3),
  );
  const results: TrainingStepResult[] = [];
  for (const count of calls) {
    results.push(...(await trainer.steps(plan(results.length, count, vocabulary), under)));
    for (let index = 0; index < masked.length; index += 3)
      expect([masked.weight[index], masked.first[index], masked.second[index]].every((value) => value === 0)).toBe(
        true,
      );
  }
  const { transfers, updates } = trainer;
  await trainer.release();
  const bits = memory.parameters.map(({ weight, first, second }) =>
    [weight, first, second].map((data) => Buffer.from(data.slice().buffer).toString('base64')),
  );
  return { results, bits, masked, transfers, updates };
}

export function expectSame(
  actual: readonly TrainingStepResult[],
  expected: readonly TrainingStepResult[],
  tolerance: number,
): void {
  expect(actual.length).toBe(expected.length);
  expected.forEach(({ loss, gradientNorm }, step) => {
    expect(Math.abs(actual[step]!.loss - loss) / loss, `loss at step ${step}`).toBeLessThanOrEqual(tolerance);
    expect(
      Math.abs(actual[step]!.gradientNorm - gradientNorm) / gradientNorm,
      `norm at step ${step}`,
    ).toBeLessThanOrEqual(10 * tolerance);
  });
}

/** Declares the tests of training on a GPU: a driver in software compiles its shaders on one core, for minutes. */
export function describeTrainingOn(device: Device): void {
  it.each([
    ['llama', LLAMA, 1],
    ['gpt2', GPT2, 2],
  ] as const)(
    `trains %s on ${device} as on the CPU, with the state on the device during a call`,
    { timeout: 300_000 },
    async (_, config, microBatches) => {
      const expected = await train(kernelTrainer(config), config, [4]);
      const actual = await train(deviceTrainer(config, { microBatches, device }), config, [3, 1]);
      expectSame(actual.results, expected.results, 1e-5);
    },
  );
}
