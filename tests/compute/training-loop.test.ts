/**
 * Training with the optimizer inside the graph, many steps per call: the logic of the GPU's trainer, on the CPU,
 * against the trainer whose optimizer is the WebAssembly kernel. On WebGPU: tests/real; on CUDA: tests/gpu.
 */
import { describe, expect, it } from 'vitest';
import { evaluateReference } from '../../src/compute/runtimes/reference/reference-runtime.ts';
import { buildAdamW, settingsOfStep } from '../../src/compute/training/adamw-graph.ts';
import { buildPacking, buildUnpacking, packParameters } from '../../src/compute/training/packing.ts';
import { buildTrainingGraph } from '../../src/model/decoder/decoder-graph.ts';
import { deviceTrainer, expectSame, GPT2, kernelTrainer, LLAMA, SETTINGS, train } from './training-runs.ts';

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
