/** What passes hold in memory: weights once, and of a large vocabulary the logits of some tokens at a time. */
import { expect, test } from 'vitest';
import { countMemory } from '../../src/compute/graph/memory.ts';
import { CPU_TARGET } from '../../src/compute/runtimes/runtime.ts';
import { createLanguageModel } from '../../src/model/create-language-model.ts';
import { buildForwardGraph } from '../../src/model/decoder/decoder-graph.ts';
import { familyOf, tensorsOf } from '../../src/model/decoder/family-of.ts';
import type { ModelConfig } from '../../src/model/decoder/family.ts';
import type { Weights } from '../../src/model/language-model.ts';
import { initialise } from '../../src/science/initialisation.ts';

const SIZE = { layers: 1, width: 4, heads: 2, vocabulary: 50, sequence: 8 };
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
