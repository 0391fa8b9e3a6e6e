/** What passes hold in memory: weights once, and of a large vocabulary the logits of some tokens at a time. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { installedBuild } from '../../src/base/installed-build.ts';
import { countMemory } from '../../src/compute/graph/memory.ts';
import { CPU_TARGET } from '../../src/compute/runtimes/runtime.ts';
import { HostTrainer } from '../../src/compute/training/host-trainer.ts';
import { createLanguageModel } from '../../src/model/create-language-model.ts';
import { buildForwardGraph, buildTrainingGraph } from '../../src/model/decoder/decoder-graph.ts';
import { familyOf, tensorsOf } from '../../src/model/decoder/family-of.ts';
import type { ModelConfig } from '../../src/model/decoder/family.ts';
import type { Weights } from '../../src/model/language-model.ts';
import { splitNextTokens } from '../../src/model/next-token.ts';
import { initialise } from '../../src/science/initialisation.ts';

const SIZE = { layers: 1, width: 4, heads: 2, vocabulary: 50, sequence: 8 };
/** A training step that changes no weight. */
const UNCHANGED = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0, clipNorm: 0 };
/** ||actual - expected|| / ||expected|| */
function relativeDistance(actual: Float32Array, expected: Float32Array): number {
  const norm = (numbers: Float32Array) => Math.sqrt(numbers.reduce((sum, number) => sum + number ** 2, 0));
  return norm(actual.map((number, index) => number - expected[index]!)) / norm(expected);
}
const configOf = (family: string, vocabulary = SIZE.vocabulary): ModelConfig =>
  familyOf({ family }).ofSize({ ...SIZE, vocabulary });
const tokensOf = (sequences: number, length: number, vocabulary: number) =>
  Int32Array.from({ length: sequences * (length + 1) }, (_, index) => (index * 7919) % vocabulary);

test('a model works on adopted weights themselves, and copies loaded ones into memory of its own', async () => {
  const config = configOf('llama');
  const draw = (seed: number): Weights => initialise(tensorsOf(config), 'kaiming', seed);
  const model = createLanguageModel(config, { batch: 1, sequence: 8 }, CPU_TARGET);
  const tokens = tokensOf(1, 8, 50);
  const name = model.downProjection(0);
  const [first, second] = [draw(1), draw(2)];

  model.load(first);
  const lossesOfFirst = (await model.losses(tokens)).slice();
  model.adopt(second);
  expect(model.weight(name)).toBe(second.get(name)!.data);
  const lossesOfSecond = (await model.losses(tokens)).slice();
  expect(lossesOfSecond).not.toEqual(lossesOfFirst);

  model.load(first);
  expect((await model.losses(tokens)).slice()).toEqual(lossesOfFirst);
  model.weight(name).fill(0);
  expect([first, second]).toEqual([draw(1), draw(2)]);
  expect(() => model.adopt(new Map())).toThrow('The weights lack');
});

test.each(['llama', 'gpt2'])(
  '%s: logits of many tokens in a large vocabulary are computed in parts, to the same losses and predictions',
  async (family) => {
    const vocabulary = 2 ** 21; // of which eight tokens have as many logits as are held at a time
    const config = configOf(family, vocabulary);
    const weights = initialise(tensorsOf(config), 'original', 5);
    const [batch, sequence] = [5, 4];
    const tokens = tokensOf(batch, sequence, vocabulary);
    const all = createLanguageModel(config, { batch, sequence }, CPU_TARGET);
    all.adopt(weights);
    const one = createLanguageModel(config, { batch: 1, sequence }, CPU_TARGET);
    one.adopt(weights);
    const apart: { losses: number[]; predictions: number[] } = { losses: [], predictions: [] };
    for (let row = 0; row < batch; row++) {
      const { losses, predictions } = await one.lossesAndPredictions(
        tokens.slice(row * (sequence + 1), (row + 1) * (sequence + 1)),
      );
      apart.losses.push(...losses);
      apart.predictions.push(...predictions);
    }
    const together = await all.lossesAndPredictions(tokens);
    expect([...together.predictions]).toEqual(apart.predictions);
    expect([...together.losses].map((loss, index) => Math.abs(loss - apart.losses[index]!))).toSatisfy(
      (errors: number[]) => errors.every((error) => error < 1e-4),
    );
    const { activations } = countMemory(buildForwardGraph(config, { batch, sequence }, ['losses', 'predictions']));
    expect(activations).toBeLessThan(1.5 * 4 * batch * sequence * vocabulary); // 2 without parts
  },
);

test.each(['llama', 'gpt2'])(
  '%s: training computes the logits of many tokens in a large vocabulary in parts, to the same loss and gradients',
  async (family) => {
    const vocabulary = 2 ** 21;
    const config = configOf(family, vocabulary);
    const weights = initialise(tensorsOf(config), 'original', 5);
    const [batch, sequence] = [4, 4];
    const tokens = tokensOf(batch, sequence, vocabulary);
    const trainer = (rows: number, microBatches: number) =>
      HostTrainer.create(
        buildTrainingGraph(config, { batch: rows, sequence }),
        CPU_TARGET,
        join(installedBuild, 'optimizer.wasm'),
        microBatches,
      );
    const gradientsOf = async (trainer: HostTrainer) => {
      const { parameters } = trainer.memory;
      for (const { name, weight } of parameters) weight.set(weights.get(name)!.data);
      const result = await trainer.step(splitNextTokens(tokens, { batch, sequence }), 0, UNCHANGED);
      await trainer.release();
      return { ...result, gradients: new Map(parameters.map(({ name, gradient }) => [name, gradient])) };
    };
    const inParts = await gradientsOf(await trainer(batch, 1));
    const atOnce = await gradientsOf(await trainer(2, 2)); // of two sequences all logits are made at once
    expect(inParts.loss).toBeCloseTo(atOnce.loss, 5);
    for (const [name, gradient] of inParts.gradients) {
      // A gain or bias of the last norm is a sum of as many float32 numbers as the vocabulary has.
      const rounding = tensorsOf(config).get(name)!.shape.length === 1 ? 1e-3 : 1e-5;
      expect(relativeDistance(gradient, atOnce.gradients.get(name)!), name).toBeLessThan(rounding);
    }
    const { activations } = countMemory(buildTrainingGraph(config, { batch: 8, sequence }).graph);
    expect(activations).toBeLessThan(4 * 8 * sequence * vocabulary); // more than twice as much without parts
  },
);
