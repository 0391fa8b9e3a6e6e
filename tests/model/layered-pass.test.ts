/**
 * Passes layer by layer, and those that begin at a layer: to the bit what whole passes give, as long as nothing below
 * has changed.
 */
import { describe, expect, it } from 'vitest';
import { CPU_TARGET } from '../../src/compute/runtimes/runtime.ts';
import { createLanguageModel } from '../../src/model/create-language-model.ts';
import { buildPartialGraph, everyLayer } from '../../src/model/decoder/decoder-graph.ts';
import type { ModelConfig } from '../../src/model/decoder/family.ts';
import { tensorsOf } from '../../src/model/decoder/family-of.ts';
import { initialise } from '../../src/science/initialisation.ts';
import { GPT2, LLAMA } from '../compute/small-decoders.ts';

const SHAPE = { batch: 2, sequence: 4 };
const TOKENS = Int32Array.from({ length: SHAPE.batch * (SHAPE.sequence + 1) }, (_, index) => (3 * index + 1) % 7);

function modelOf(config: ModelConfig) {
  const model = createLanguageModel(config, SHAPE, CPU_TARGET);
  model.load(initialise(tensorsOf(config), 'kaiming', 3));
  return model;
}

describe.each([
  ['llama', { ...LLAMA, layers: 3 }],
  ['gpt2', { ...GPT2, layers: 3 }],
  ['gpt2 of many channels', { ...GPT2, layers: 2, width: 4, feedForward: 6 }],
] as const)('a pass of %s', (_, config) => {
  it('leaves where later ones can begin, and those give the same losses', async () => {
    const model = modelOf(config);
    const whole = [...(await model.losses(TOKENS))];
    const { losses, starts } = await model.lossesAndStarts(TOKENS, everyLayer(config));
    expect([...losses]).toEqual(whole);
    for (const start of starts)
      expect([...(await model.lossesFrom(start, TOKENS))], `from ${start.layer}`).toEqual(whole);
  });

  it('gives what a whole one gives after changes of several weights above its start', async () => {
    const model = modelOf(config);
    const { starts } = await model.lossesAndStarts(TOKENS, everyLayer(config));
    const before = await model.losses(TOKENS);
    const last = config.layers - 1;
    for (const layer of [last, last - 1]) {
      model.weight(model.downProjection(layer))[5] = 0;
      model.weight(model.downProjection(layer))[17] = 0;
      const whole = [...(await model.losses(TOKENS))];
      expect(whole).not.toEqual([...before]);
      for (const start of starts.slice(0, layer + 1))
        expect([...(await model.lossesFrom(start, TOKENS))], `from ${start.layer}`).toEqual(whole);
    }
  });

  it('follows weights that take the place of others', async () => {
    const model = modelOf(config);
    const { starts } = await model.lossesAndStarts(TOKENS, everyLayer(config));
    const before = [...(await model.lossesFrom(starts.at(-1)!, TOKENS))];
    const others = initialise(tensorsOf(config), 'xavier', 4);
    model.adopt(others);
    const { losses, starts: now } = await model.lossesAndStarts(TOKENS, everyLayer(config));
    expect([...losses]).toEqual([...(await model.losses(TOKENS))]);
    expect([...losses]).not.toEqual(before);
    for (const start of now) expect([...(await model.lossesFrom(start, TOKENS))]).toEqual([...losses]);
  });

  it('tells what down projections read and compute, to the bit what the whole graph holds there', async () => {
    const model = modelOf(config);
    const { starts } = await model.lossesAndStarts(TOKENS, everyLayer(config));
    const positions = SHAPE.batch * SHAPE.sequence;
    const layers: number[] = [];
    await model.downProjActivations(TOKENS, ({ layer, input, output }) => {
      layers.push(layer);
      const start = starts[layer]!;
      expect([...input]).toEqual(
        Array.from(
          input,
          (_, index) => start.input[(index % config.feedForward) * positions + Math.floor(index / config.feedForward)],
        ),
      );
      const last = config.width - 1;
      const weights = model.weight(model.downProjection(layer));
      const dot = input
        .subarray(0, config.feedForward)
        .reduce((sum, value, unit) => sum + value * weights[last * config.feedForward + unit]!, 0);
      if (config.family === 'llama') expect(output[last]).toBeCloseTo(dot, 5);
    });
    expect(layers).toEqual(everyLayer(config));
  });

  it('that begins at a layer reads no weight below', () => {
    const graph = buildPartialGraph(config, SHAPE, { from: config.layers - 1 });
    const read = new Set(
      graph.reachable().flatMap(({ operation }) => (operation.op === 'input' ? [operation.name] : [])),
    );
    for (const [name, { layer }] of tensorsOf(config))
      if (layer !== null && layer < config.layers - 1) expect(read.has(name), name).toBe(false);
    expect(read.has('tokens')).toBe(false);
  });
});
