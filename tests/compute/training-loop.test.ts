/**
 * Training with the optimizer inside the graph, many steps per call: the logic of the GPU's trainer, on the CPU,
 * against the trainer whose optimizer is the WebAssembly kernel; and on WebGPU where there is a driver, be it a
 * software one.
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evaluateReference } from '../../src/compute/runtimes/reference/reference-runtime.ts';
import { openTrainingStepRunner } from '../../src/compute/runtimes/onnx/training-step-runner.ts';
import { CPU_TARGET, type Device } from '../../src/compute/runtimes/runtime.ts';
import { buildAdamW, settingsOfStep } from '../../src/compute/training/adamw-graph.ts';
import { buildTrainingStepProgram, DeviceTrainer } from '../../src/compute/training/device-trainer.ts';
import { buildPacking, buildUnpacking, packParameters } from '../../src/compute/training/packing.ts';
import type {
  AdamWSettings,
  PlannedTrainingStep,
  TrainingStepResult,
  Trainer,
} from '../../src/compute/training/trainer.ts';
import { HostTrainer } from '../../src/compute/training/host-trainer.ts';
import { installedBuild } from '../../src/base/installed-build.ts';
import { buildTrainingGraph } from '../../src/model/decoder/decoder-graph.ts';
import type { ModelConfig } from '../../src/model/language-model.ts';
import { webgpuWorks } from '../support/webgpu.ts';

const kernel = join(installedBuild, 'optimizer.wasm');
const LLAMA: ModelConfig = {
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
const GPT2: ModelConfig = {
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
const SETTINGS: AdamWSettings = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 0.5 };
const [BATCH, SEQUENCE] = [4, 5];

function kernelTrainer(config: ModelConfig, microBatches = 1): Promise<Trainer> {
  return HostTrainer.create(
    buildTrainingGraph(config, { batch: BATCH / microBatches, sequence: SEQUENCE }),
    CPU_TARGET,
    kernel,
    microBatches,
  );
}

async function deviceTrainer(
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
async function train(
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

function expectSame(
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

describe.each([
  ['llama', LLAMA],
  ['gpt2', GPT2],
] as const)('50 steps of %s', (_, config) => {
  it('with the optimizer in the graph are those with the kernel', async () => {
    const expected = await train(kernelTrainer(config), config, [50]);
    const actual = await train(deviceTrainer(config), config, [50]);
    expectSame(actual.results, expected.results, 1e-5);
    expect(actual.updates).toBe(50);
    expect(actual.masked.weight.filter((value) => value === 0).length).toBe(Math.ceil(actual.masked.length / 3));
  });

  it('are the same bits however they are divided into calls', async () => {
    const [once, often] = [
      await train(deviceTrainer(config), config, [50]),
      await train(deviceTrainer(config), config, [1, 17, 7, 25]),
    ];
    expect(often.bits).toEqual(once.bits);
    expect(often.results).toEqual(once.results);
  });

  it('on micro-batches are those on whole batches, with the kernel and in the graph', async () => {
    const whole = await train(kernelTrainer(config), config, [50]);
    expectSame((await train(kernelTrainer(config, 4), config, [50])).results, whole.results, 1e-5);
    expectSame(
      (await train(deviceTrainer(config, { microBatches: 2 }), config, [20, 30])).results,
      whole.results,
      1e-5,
    );
  });
});

describe('the optimizer as a graph', () => {
  it('does not clip for a clipping norm of 0, nor a gradient below it', async () => {
    for (const clipNorm of [0, 1e3]) {
      const free = { ...SETTINGS, clipNorm };
      expectSame(
        (await train(deviceTrainer(LLAMA), LLAMA, [10], free)).results,
        (await train(kernelTrainer(LLAMA), LLAMA, [10], free)).results,
        1e-5,
      );
    }
  });

  it('is AdamW as plain arithmetic gives it, with decay where it applies', () => {
    const packs = [true, false].map((decay) => ({ parameters: [], length: 3, decay }));
    const [weight, first, second, gradient, mask] = [
      [1, -2, 3],
      [0.1, 0, -0.2],
      [0.01, 0, 0.04],
      [0.5, 0, -3],
      [1, 1, 0],
    ] as const;
    const feeds: Record<string, ArrayLike<number>> = {
      settings: settingsOfStep(0.01, 3, { ...SETTINGS, clipNorm: 1 }),
    };
    for (const index of [0, 1])
      Object.assign(feeds, {
        [`weight:${index}`]: weight,
        [`first:${index}`]: first,
        [`second:${index}`]: second,
        [`gradient:${index}`]: gradient,
        [`mask:${index}`]: mask,
      });
    const results = evaluateReference(buildAdamW(packs), feeds);
    const norm = Math.sqrt(2 * 0.5 ** 2); // the masked 3 does not count, twice
    expect(results.gradientNorm![0]).toBeCloseTo(norm, 10);
    const m = 0.9 * 0.1 + 0.1 * 0.5; // the norm is below 1: no clipping
    const v = 0.95 * 0.01 + 0.05 * 0.25;
    const step = ((0.01 / (1 - 0.9 ** 3)) * m) / (Math.sqrt(v / (1 - 0.95 ** 3)) + 1e-8);
    expect(results['weight:0']![0]).toBeCloseTo((1 - 0.01 * 0.1) * 1 - step, 7);
    expect(results['weight:1']![0]).toBeCloseTo(1 - step, 7);
    expect([results['weight:0']![2], results['weight:1']![2]]).toEqual([0, 0]);
  });
});

describe('packs', () => {
  const parameters = [
    { name: 'a', shape: [2, 3], decay: true },
    { name: 'gain', shape: [3], decay: false },
    { name: 'b', shape: [4, 2], decay: true },
    { name: 'wide', shape: [5, 4], decay: true },
    { name: 'c', shape: [2, 2], decay: true },
  ];

  it('hold like with like, in order, within the limit unless one alone exceeds it', () => {
    const names = packParameters(parameters, 14).map((pack) => [
      pack.decay,
      pack.length,
      ...pack.parameters.map(({ name }) => name),
    ]);
    expect(names).toEqual([
      [true, 14, 'a', 'b'],
      [true, 20, 'wide'],
      [true, 4, 'c'],
      [false, 3, 'gain'],
    ]);
  });

  it('give every parameter back as it went in', () => {
    const packs = packParameters(parameters, 14);
    const feeds = Object.fromEntries(
      parameters.map(({ name, shape }, which) => [
        name,
        Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => 100 * which + i),
      ]),
    );
    const back = evaluateReference(buildUnpacking(packs), evaluateReference(buildPacking(packs), feeds));
    for (const { name } of parameters) expect([...back[name]!], name).toEqual([...feeds[name]!]);
  });
});

describe('transfers', () => {
  it('are counted: weights and moments both ways and the mask one way, once per call', async () => {
    const { transfers } = await train(deviceTrainer(LLAMA), LLAMA, [3, 2]);
    const parameters = buildTrainingGraph(LLAMA, { batch: 1, sequence: 1 }).parameters.reduce(
      (sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1),
      0,
    );
    expect(transfers!.bytesPerCall).toBe(7 * 4 * parameters);
    expect(transfers!.transferMilliseconds).toBeGreaterThan(0);
  });

  it('there are none where the state stays in memory', async () => {
    expect((await train(kernelTrainer(LLAMA), LLAMA, [1])).transfers).toBeUndefined();
  });
});

const works = webgpuWorks();
describe(works ? 'WebGPU' : 'WebGPU (skipped: it finds no GPU here)', () => {
  it.skipIf(!works).each([
    ['llama', LLAMA, 1],
    ['gpt2', GPT2, 2],
  ] as const)(
    'trains %s as the CPU does, with the state on the device during a call',
    async (_, config, microBatches) => {
      const expected = await train(kernelTrainer(config), config, [4]);
      const actual = await train(deviceTrainer(config, { microBatches, device: 'webgpu' }), config, [3, 1]);
      expectSame(actual.results, expected.results, 1e-5);
    },
    300_000,
  ); // a software driver compiles its shaders on one core
});
