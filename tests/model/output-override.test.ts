/**
 * Overwriting outputs of down projections: in the right channel and place, in both families, and no trace of it
 * otherwise.
 */
import { describe, expect, it } from 'vitest';
import { evaluateReference } from '../../src/compute/runtimes/reference/reference-runtime.ts';
import { graphHash } from '../../src/compute/runtimes/onnx/graph-hash.ts';
import { CPU_TARGET } from '../../src/compute/runtimes/runtime.ts';
import { createLanguageModel } from '../../src/model/create-language-model.ts';
import { buildForwardGraph, everyLayer, parameterShapes } from '../../src/model/decoder/decoder-graph.ts';
import type { ModelConfig } from '../../src/model/decoder/family.ts';
import type { DownProjActivations, LanguageModel, OutputOverride, Weights } from '../../src/model/language-model.ts';
import { splitNextTokens } from '../../src/model/next-token.ts';
import { GPT2, LLAMA, trainingFeeds } from '../compute/small-decoders.ts';

const SHAPE = { batch: 2, sequence: 4 };
const POSITIONS = SHAPE.batch * SHAPE.sequence;
const TOKENS = Int32Array.from({ length: SHAPE.batch * (SHAPE.sequence + 1) }, (_, index) => (3 * index + 1) % 7);

function weightsOf(config: ModelConfig): Weights {
  const feeds = trainingFeeds(buildForwardGraph(config, SHAPE, ['losses']));
  return new Map(
    [...parameterShapes(config)].map(([name, shape]) => [name, { shape, data: feeds[name] as Float32Array }]),
  );
}

async function modelOf(config: ModelConfig, weights: Weights): Promise<LanguageModel> {
  const model = createLanguageModel(config, SHAPE, CPU_TARGET);
  model.load(weights);
  return model;
}

const lossesWith = async (model: LanguageModel, overrides: OutputOverride[]) => [
  ...(await model.lossesAndPredictions(TOKENS, overrides)).losses,
];

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(actual.length).toBe(expected.length);
  for (let index = 0; index < expected.length; index++)
    expect(actual[index], `at ${index}`).toBeCloseTo(expected[index]!, 5);
}

/** Values at every other position. */
const HALF = Float32Array.from({ length: POSITIONS }, (_, position) =>
  position % 2 === 0 ? 2 - position : Number.NaN,
);

describe.each([
  ['llama', LLAMA],
  ['gpt2', GPT2],
] as const)('outputs of down projections in %s', (_, config) => {
  it('stay as they are when they are overwritten with themselves', async () => {
    const model = await modelOf(config, weightsOf(config));
    const activations: DownProjActivations[] = [];
    await model.downProjActivations(TOKENS, (layer) => activations.push(layer));
    const own = activations.map(({ layer, output }): OutputOverride => ({
      layer,
      row: 3,
      values: Float32Array.from({ length: POSITIONS }, (_, token) => output[token * config.width + 3]!),
    }));
    expectClose(await lossesWith(model, own), await model.losses(TOKENS));
  });

  it('are those of a row of zeros when they are overwritten with zeros', async () => {
    const weights = weightsOf(config);
    const model = await modelOf(config, weights);
    const zeros = new Float32Array(POSITIONS);
    const overwritten = await lossesWith(model, [
      { layer: 1, row: 5, values: zeros },
      { layer: 1, row: 2, values: zeros },
      { layer: 0, row: 5, values: zeros },
    ]);
    const intact = await model.losses(TOKENS);
    for (const [layer, row] of [
      [1, 5],
      [1, 2],
      [0, 5],
    ] as const) {
      const name = model.downProjection(layer);
      model.weight(name).fill(0, row * config.feedForward, (row + 1) * config.feedForward);
      if (config.family === 'gpt2') model.weight(name.replace(/weight$/, 'bias'))[row] = 0;
    }
    expectClose(overwritten, await model.losses(TOKENS));
    expect(overwritten).not.toEqual([...intact]);
  });

  it('are overwritten where there is a value and nowhere else, as float64 has it', async () => {
    const weights = weightsOf(config);
    const model = await modelOf(config, weights);
    const graph = buildForwardGraph(config, SHAPE, ['losses'], [1]);
    const kept = new Float64Array(config.width * POSITIONS).fill(1);
    const restored = new Float64Array(config.width * POSITIONS);
    HALF.forEach((value, position) => {
      if (Number.isNaN(value)) return;
      kept[4 * POSITIONS + position] = 0;
      restored[4 * POSITIONS + position] = value;
    });
    const data = Object.fromEntries([...weights].map(([name, tensor]) => [name, tensor.data]));
    const { losses } = evaluateReference(graph, {
      ...data,
      ...splitNextTokens(TOKENS, SHAPE),
      'kept:1': kept,
      'restored:1': restored,
    });
    expectClose(await lossesWith(model, [{ layer: 1, row: 4, values: HALF }]), losses!);
    expect(await lossesWith(model, [{ layer: 0, row: 4, values: HALF }])).not.toEqual(
      await lossesWith(model, [{ layer: 1, row: 4, values: HALF }]),
    );
    expectClose(await lossesWith(model, []), await model.losses(TOKENS)); // nothing lingers
  });

  it('cannot be overwritten in a plain forward pass: its graph has no trace of it, and so the same hash', () => {
    const outputs = ['losses', 'predictions'] as const;
    const [plain, restoring] = [
      buildForwardGraph(config, SHAPE, outputs),
      buildForwardGraph(config, SHAPE, outputs, everyLayer(config)),
    ];
    expect([...plain.inputs.keys()]).toEqual([...parameterShapes(config).keys(), 'tokens', 'targets']);
    expect([...restoring.inputs.keys()].filter((name) => !plain.inputs.has(name))).toEqual([
      'kept:0',
      'restored:0',
      'kept:1',
      'restored:1',
    ]);
    expect(graphHash(buildForwardGraph(config, SHAPE, outputs, []))).toBe(graphHash(plain));
    expect(graphHash(restoring)).not.toBe(graphHash(plain));
  });
});
