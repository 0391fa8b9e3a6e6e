/** Whole training steps: gradients of the decoder, the optimizer kernel, the mask, determinism. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { unpackBits } from '../../src/base/packed-bits.ts';
import { gradients } from '../../src/compute/autodiff/gradients.ts';
import { Graph } from '../../src/compute/graph/graph.ts';
import type { Value } from '../../src/compute/graph/operation.ts';
import { evaluateReference } from '../../src/compute/runtimes/reference/reference-runtime.ts';
import { CPU_TARGET } from '../../src/compute/runtimes/runtime.ts';
import { learningRateAt } from '../../src/compute/training/learning-rate.ts';
import { HostTrainer } from '../../src/compute/training/host-trainer.ts';
import { ParameterMemory } from '../../src/compute/training/parameter-memory.ts';
import type { AdamWSettings } from '../../src/compute/training/trainer.ts';
import { buildTrainingGraph, parameterShapes } from '../../src/model/decoder/decoder-graph.ts';
import { familyOf } from '../../src/model/decoder/family-of.ts';
import type { DecoderShape, ModelConfig } from '../../src/model/decoder/family.ts';
import type { Gpt2Config } from '../../src/model/decoder/gpt2.ts';
import { installedBuild } from '../../src/base/installed-build.ts';
import { dataFor } from './operator-cases.ts';
import { LLAMA } from './training-runs.ts';

const kernel = join(installedBuild, 'optimizer.wasm');
const SHAPE = { batch: 2, sequence: 5 };
const SETTINGS: AdamWSettings = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 1 };
const batch = {
  tokens: Int32Array.from({ length: 10 }, (_, i) => (i * 3) % 7),
  targets: Int32Array.from({ length: 10 }, (_, i) => (i * 5 + 1) % 7),
};

async function newTrainer(
  model: ModelConfig = LLAMA,
  size: DecoderShape = SHAPE,
  microBatches = 1,
  largestMemory?: number,
): Promise<HostTrainer> {
  const microBatch = { ...size, batch: size.batch / microBatches };
  const trainer = await HostTrainer.create(
    buildTrainingGraph(model, microBatch),
    CPU_TARGET,
    kernel,
    microBatches,
    largestMemory,
  );
  let state = 1;
  for (const { weight, decay } of trainer.memory.parameters)
    for (let index = 0; index < weight.length; index++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      weight[index] = (decay ? 0 : 1) + (state / 2 ** 32 - 0.5) * 0.6;
    }
  return trainer;
}

const GPT2: Gpt2Config = {
  family: 'gpt2',
  corpus: 'marker-retrieval',
  layers: 2,
  width: 8,
  heads: 2,
  feedForward: 12,
  vocabulary: 7,
  positions: 6,
  normEpsilon: 1e-5,
};

describe.each([
  { decoder: 'llama', config: LLAMA, shape: SHAPE },
  { decoder: 'gpt2 with few tokens', config: GPT2, shape: { batch: 1, sequence: 6 } },
  { decoder: 'gpt2 with many tokens for its width', config: GPT2, shape: { batch: 4, sequence: 5 } },
])('$decoder', ({ config, shape }) => {
  it('has the gradient that finite differences of its float64 reference give, in every tensor', async () => {
    const { graph, parameters } = buildTrainingGraph(config, shape);
    const trainer = await newTrainer(config, shape);
    const count = shape.batch * shape.sequence;
    const batch = {
      tokens: Int32Array.from({ length: count }, (_, i) => (i * 3) % 7),
      targets: Int32Array.from({ length: count }, (_, i) => (i * 5 + 1) % 7),
    };
    const feeds: Record<string, ArrayLike<number>> = { ...batch };
    for (const { name, weight } of trainer.memory.parameters) feeds[name] = Float64Array.from(weight);
    const reference = evaluateReference(graph, feeds);
    const lossAt = (name: string, index: number, by: number) => {
      const moved = Float64Array.from(feeds[name]!);
      moved[index]! += by;
      return evaluateReference(graph, { ...feeds, [name]: moved }).loss![0]!;
    };
    for (const { name } of parameters) {
      const exact = reference[`gradient:${name}`]!;
      for (const index of [0, Math.floor(exact.length / 2), exact.length - 1]) {
        const numeric = (lossAt(name, index, 1e-5) - lossAt(name, index, -1e-5)) / 2e-5;
        expect(exact[index], `${name}[${index}]`).toBeCloseTo(numeric, 7);
      }
    }
    const { loss } = await trainer.step(batch, 0, { ...SETTINGS, clipNorm: 0, weightDecay: 0 });
    expect(loss).toBeCloseTo(reference.loss![0]!, 5);
    for (const { name, gradient } of trainer.memory.parameters)
      gradient.forEach((value, index) =>
        expect(value, `${name}[${index}]`).toBeCloseTo(reference[`gradient:${name}`]![index]!, 5),
      );
    await trainer.release();
  });
});

const EMBEDDING = 'transformer.wte.weight';
const USES = ['embedding', 'head'] as const;

describe.each([
  { tokens: 'few', shape: { batch: 1, sequence: 6 } },
  { tokens: 'many', shape: { batch: 4, sequence: 5 } },
])("GPT-2's head, tied to the embedding, with $tokens tokens", ({ shape }) => {
  it('gives the embedding the gradients of both uses, summed', () => {
    const tied = buildTrainingGraph(GPT2, shape).graph;
    const count = shape.batch * shape.sequence;
    const feeds: Record<string, ArrayLike<number>> = Object.fromEntries(
      [...tied.inputs].map(([name, { shape: dimensions }], seed) => [
        name,
        dataFor({ shape: [...dimensions], low: -0.4, high: 0.6 }, seed),
      ]),
    );
    feeds.tokens = Int32Array.from({ length: count }, (_, index) => (index * 3) % 7);
    feeds.targets = Int32Array.from({ length: count }, (_, index) => (index * 5 + 1) % 7);
    for (const use of USES) feeds[use] = feeds[EMBEDDING]!;

    const [expected, actual] = [evaluateReference(buildUntied(shape), feeds), evaluateReference(tied, feeds)];
    const parts = USES.map((use) => expected[use]!);
    for (const part of parts) expect(Math.hypot(...part)).toBeGreaterThan(1e-3);
    actual[`gradient:${EMBEDDING}`]!.forEach((gradient, index) =>
      expect(gradient, `element ${index}`).toBeCloseTo(parts[0]![index]! + parts[1]![index]!, 12),
    );
  });
});

/** GPT-2 with two inputs where it has one embedding: outputs are the loss's gradients with respect to either. */
function buildUntied(shape: DecoderShape): Graph {
  const graph = new Graph();
  const tokens = graph.input('tokens', [shape.batch * shape.sequence], 'int32');
  const inputs = new Map<string, Value>();
  const input = (name: string, dimensions: readonly number[]) => {
    const value = inputs.get(name) ?? graph.input(name, dimensions);
    inputs.set(name, value);
    return value;
  };
  const shapes = parameterShapes(GPT2);
  let uses = 0; // the embedding of the tokens is asked for before that of the head
  const parameter = (name: string) => input(name === EMBEDDING ? USES[uses++]! : name, shapes.get(name)!);
  const { logits } = familyOf(GPT2).build(graph, GPT2, shape, tokens, parameter);
  expect(uses).toBe(2);
  const picked = graph.pick(graph.logSoftmax(logits), graph.input('targets', tokens.shape, 'int32'));
  const loss = graph.affine(graph.sum(picked, [0]), -1 / tokens.shape[0]!);
  const values = USES.map((use) => inputs.get(use)!);
  gradients(graph, loss, values).forEach((gradient, index) => graph.output(USES[index]!, gradient));
  return graph;
}

describe('a training step', () => {
  it('decays every matrix, embeddings and head included, and no gain', () => {
    const { parameters } = buildTrainingGraph(LLAMA, SHAPE);
    expect(parameters.filter(({ decay }) => !decay).map(({ name }) => name)).toEqual([
      ...[0, 1].flatMap((layer) => [
        `model.layers.${layer}.input_layernorm.weight`,
        `model.layers.${layer}.post_attention_layernorm.weight`,
      ]),
      'model.norm.weight',
    ]);
  });

  it("moves GPT-2's biases and gains by their gradient alone, and pulls its matrices towards zero besides", async () => {
    const [learningRate, weightDecay] = [0.01, 0.5];
    const [free, decayed] = [await newTrainer(GPT2), await newTrainer(GPT2)];
    const before = free.memory.parameters.map(({ weight }) => weight.slice());
    await free.step(batch, learningRate, { ...SETTINGS, weightDecay: 0 });
    await decayed.step(batch, learningRate, { ...SETTINGS, weightDecay });
    decayed.memory.parameters.forEach(({ name, weight }, which) => {
      const isMatrix = /wte|wpe|(c_attn|c_proj|c_fc)\.weight$/.test(name);
      const expected = free.memory.parameters[which]!.weight.map((value, index) =>
        isMatrix ? value - learningRate * weightDecay * before[which]![index]! : value,
      );
      if (isMatrix)
        weight.forEach((value, index) => expect(value, `${name}[${index}]`).toBeCloseTo(expected[index]!, 6));
      else expect(weight, name).toEqual(expected);
    });
    await Promise.all([free.release(), decayed.release()]);
  });

  it.each([1, 2])(
    'clips to the norm that is left after masking, of the mean over %i micro-batch(es)',
    async (microBatches) => {
      const clipNorm = 0.05;
      const trainer = await newTrainer(GPT2, SHAPE, microBatches);
      const unmasked = await newTrainer(GPT2, SHAPE, microBatches);
      for (const { name, length } of trainer.memory.parameters)
        if (/c_fc\.weight|wte/.test(name))
          trainer.memory.setMask(
            name,
            Uint8Array.from({ length }, (_, index) => index % 2),
          );
      // From the same weights: the mask takes nothing but gradients away.
      trainer.memory.parameters.forEach(({ weight }, which) => unmasked.memory.parameters[which]!.weight.set(weight));

      const { gradientNorm } = await trainer.step(batch, 0.01, { ...SETTINGS, clipNorm });
      const { gradientNorm: whole } = await unmasked.step(batch, 0.01, { ...SETTINGS, clipNorm: 0 });
      const kept = trainer.memory.parameters.flatMap(({ masked, mask, length }, which) => {
        const isKept = unpackBits(mask, length);
        return [...unmasked.memory.parameters[which]!.gradient].filter((_, index) => !masked || isKept[index] === 1);
      });
      expect(gradientNorm).toBeCloseTo(Math.hypot(...kept), 5);
      expect(gradientNorm).toBeGreaterThan(2 * clipNorm);
      expect(whole).toBeGreaterThan(1.05 * gradientNorm);
      // After the first step the first moments are (1 - beta1) times the clipped gradient, whose norm is clipNorm.
      const moments = Math.hypot(...trainer.memory.parameters.flatMap(({ first }) => [...first]));
      expect(moments / (0.1 * clipNorm)).toBeCloseTo(1, 5);
      await Promise.all([trainer.release(), unmasked.release()]);
    },
  );

  it('is AdamW with clipping and decoupled weight decay, as plain arithmetic gives it', async () => {
    const trainer = await newTrainer();
    const expected = trainer.memory.parameters.map(({ weight }) => ({
      weight: Float64Array.from(weight),
      first: new Float64Array(weight.length),
      second: new Float64Array(weight.length),
    }));
    for (let t = 1; t <= 3; t++) {
      const learningRate = 0.01 * t;
      const { gradientNorm } = await trainer.step(batch, learningRate, { ...SETTINGS, clipNorm: 0.5 });
      expect(gradientNorm).toBeGreaterThan(0.5);
      trainer.memory.parameters.forEach(({ gradient, decay }, which) => {
        const { weight, first, second } = expected[which]!;
        for (let index = 0; index < weight.length; index++) {
          const g = gradient[index]! * (0.5 / gradientNorm);
          first[index] = 0.9 * first[index]! + 0.1 * g;
          second[index] = 0.95 * second[index]! + 0.05 * g * g;
          const update = first[index]! / (1 - 0.9 ** t) / (Math.sqrt(second[index]! / (1 - 0.95 ** t)) + 1e-8);
          weight[index] = weight[index]! * (1 - (decay ? learningRate * 0.1 : 0)) - learningRate * update;
        }
      });
      trainer.memory.parameters.forEach(({ weight, name }, which) =>
        weight.forEach((value, index) =>
          expect(value, `${name}[${index}] at step ${t}`).toBeCloseTo(expected[which]!.weight[index]!, 5),
        ),
      );
    }
    await trainer.release();
  });

  it('learns: the loss of a repeated batch falls', async () => {
    const trainer = await newTrainer();
    const first = await trainer.step(batch, 0.01, SETTINGS);
    let last = first;
    for (let step = 0; step < 60; step++) last = await trainer.step(batch, 0.01, SETTINGS);
    expect(last.loss).toBeLessThan(first.loss / 3);
    await trainer.release();
  });

  it('gives the same bits with its parameters in several memories', async () => {
    const [whole, split] = [await newTrainer(), await newTrainer(LLAMA, SHAPE, 1, 2 ** 16 + 2 ** 12)];
    expect([whole, split].map(({ memory }) => memory.memories.length > 1)).toEqual([false, true]);
    for (const trainer of [whole, split]) await trainer.step(batch, 0.01, SETTINGS);
    const weights = ({ memory }: HostTrainer) => memory.parameters.map(({ weight }) => [...weight]);
    expect(weights(split)).toEqual(weights(whole));
  });

  describe.each([1, 2])('with parameters that exceed a memory, in %i micro-batches', (microBatches) => {
    const model = { ...GPT2, vocabulary: 10_007 }; // an embedding of 80,056 numbers: more than one piece, and no whole
    /** In memories, with the embedding outside of them, and with all outside. */
    const trainers = () =>
      Promise.all([undefined, 2 ** 20, 1].map((largest) => newTrainer(model, SHAPE, microBatches, largest)));
    const stateOf = ({ memory }: HostTrainer) =>
      memory.parameters.map(({ name, weight, first, second, gradient }) =>
        [weight, first, second, gradient].map((data) => [name, Buffer.from(data.slice().buffer).toString('base64')]),
      );

    it.each([true, false])('gives the same bits without clipping: masks %s', async (masked) => {
      const all = await trainers();
      expect(all.map(({ memory }) => memory.parameters.filter(({ place }) => place === undefined).length)).toEqual([
        0,
        1,
        all[0]!.memory.parameters.length,
      ]);
      const states = [];
      const norms: number[][] = [];
      for (const trainer of all) {
        for (const { name, length, decay } of trainer.memory.parameters)
          if (masked && decay)
            trainer.memory.setMask(
              name,
              Uint8Array.from({ length }, (_, index) => index % 3),
            );
        const results = [];
        for (let step = 0; step < 3; step++)
          results.push(await trainer.step(batch, 0.01, { ...SETTINGS, clipNorm: 0 }));
        expect(trainer.memory.maskViolation()).toBeUndefined();
        states.push(stateOf(trainer));
        norms.push(results.map(({ gradientNorm }) => gradientNorm));
        await trainer.release();
      }
      for (const state of states.slice(1)) expect(state).toEqual(states[0]);
      for (const other of norms.slice(1))
        other.forEach((norm, step) => expect(Math.abs(norm / norms[0]![step]! - 1)).toBeLessThan(1e-12));
    });

    it('gives the same numbers to rounding where the norm, a sum in another order, decides how much is clipped', async () => {
      const all = await trainers();
      for (const trainer of all)
        for (let step = 0; step < 3; step++) await trainer.step(batch, 0.01, { ...SETTINGS, clipNorm: 0.01 });
      const [whole, ...others] = all.map(({ memory }) => memory.parameters.map(({ weight }) => weight));
      for (const other of others)
        other.forEach((weight, which) =>
          expect(Math.max(...weight.map((value, index) => Math.abs(value - whole![which]![index]!)))).toBeLessThan(
            1e-6,
          ),
        );
      for (const trainer of all) await trainer.release();
    });
  });

  it('names a tensor that exceeds what an array can have', () => {
    const shape = [2 ** 40, 2 ** 12];
    expect(() => new ParameterMemory([{ name: 'lm_head.weight', shape, decay: true }])).toThrow(
      /^lm_head\.weight \[1099511627776, 4096\] takes 18 PB, and with this Node\.js swp trains tensors of up to /,
    );
  });

  it('gives the same bits twice', async () => {
    const bits = await Promise.all(
      [1, 2].map(async () => {
        const trainer = await newTrainer();
        for (let step = 0; step < 10; step++) await trainer.step(batch, 0.01, SETTINGS);
        const weights = trainer.memory.parameters.map(({ weight }) =>
          Buffer.from(weight.slice().buffer).toString('base64'),
        );
        await trainer.release();
        return weights;
      }),
    );
    expect(bits[0]).toEqual(bits[1]);
  });

  // -0 equals 0, but its bits do not: files of equal weights would be different files.
  it('keeps +0 where a mask is, never -0, in weights and moments after every step', async () => {
    const trainer = await newTrainer(GPT2, SHAPE, 2);
    const masked = trainer.memory.parameters.filter(({ decay }) => decay);
    for (const { name, weight, length } of masked) {
      weight.fill(-0, 0, 4);
      trainer.memory.setMask(
        name,
        Uint8Array.from({ length }, (_, index) => index % 4),
      );
    }
    let negative = 0;
    for (let step = 0; step < 5; step++) {
      await trainer.step(batch, 0.01, SETTINGS);
      for (const { name, weight, first, second, gradient, length } of masked)
        for (let index = 0; index < length; index += 4) {
          if (Object.is(gradient[index], -0)) negative += 1;
          for (const value of [weight[index], first[index], second[index]])
            expect(value, `${name}[${index}] at step ${step}`).toBe(0); // Object.is
        }
    }
    expect(negative).toBeGreaterThan(0); // where a gradient below 0 was masked
    await trainer.release();
  });

  it('keeps masked weights and moments at exactly zero after every step, and counts only kept gradients', async () => {
    const trainer = await newTrainer();
    const name = 'model.layers.0.mlp.down_proj.weight';
    const parameter = trainer.memory.parameter(name);
    trainer.memory.setMask(
      name,
      Uint8Array.from(parameter.weight, (_, index) => index % 3),
    );
    for (let step = 0; step < 5; step++) {
      const { gradientNorm } = await trainer.step(batch, 0.01, SETTINGS);
      const squares = trainer.memory.parameters.reduce(
        (total, { gradient }) => gradient.reduce((sum, g) => sum + g * g, total),
        0,
      );
      expect(gradientNorm).toBeCloseTo(Math.sqrt(squares), 5);
      for (let index = 0; index < parameter.length; index += 3)
        expect(
          [parameter.weight[index], parameter.gradient[index], parameter.first[index], parameter.second[index]].every(
            (value) => value === 0,
          ),
        ).toBe(true);
      expect(trainer.memory.maskViolation()).toBeUndefined();
    }
    expect(parameter.weight.filter((value) => value === 0).length).toBe(Math.ceil(parameter.length / 3));
    parameter.weight[0] = 1e-30;
    expect(trainer.memory.maskViolation()).toMatchObject({ name, index: 0 });
    await trainer.release();
  });
});

describe('learning rates', () => {
  const base = { learningRate: 1, steps: 10, warmupSteps: 4, decaySteps: 5, floor: 0.1 };
  const rates = (schedule: Parameters<typeof learningRateAt>[1]['schedule']) =>
    Array.from({ length: 10 }, (_, step) => Number(learningRateAt(step, { ...base, schedule }).toFixed(4)));

  it('follow their schedules to the stated floor', () => {
    expect(rates('constant')).toEqual(Array(10).fill(1));
    expect(rates('warmup-constant')).toEqual([0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 1]);
    expect(rates('warmup-cosine')).toEqual([0.25, 0.5, 0.75, 1, 1, 0.9141, 0.6891, 0.4109, 0.1859, 0.1]);
    expect(rates('warmup-stable-decay')).toEqual([0.25, 0.5, 0.75, 1, 1, 0.82, 0.64, 0.46, 0.28, 0.1]);
  });
});
