/** Effects of zeroing: begun at the weight's layer, and the same however much may be recorded for that. */
import { describe, expect, it } from 'vitest';
import { CPU_TARGET } from '../../src/compute/runtimes/runtime.ts';
import { createLanguageModel } from '../../src/model/create-language-model.ts';
import { tensorsOf } from '../../src/model/decoder/family-of.ts';
import type { PassStart } from '../../src/model/language-model.ts';
import { Ablation } from '../../src/science/ablation.ts';
import { initialise } from '../../src/science/initialisation.ts';
import { LLAMA } from '../compute/small-decoders.ts';

const CONFIG = { ...LLAMA, layers: 3 };
const SHAPE = { batch: 2, sequence: 4 };
/** Three sequences: a batch and a half. */
const TOKENS = Int32Array.from({ length: 3 * (SHAPE.sequence + 1) }, (_, index) => (3 * index + 1) % 7);
const PLACES = ['self_attn.q_proj', 'mlp.gate_proj', 'mlp.down_proj'].flatMap((name) =>
  [0, 1, 2].map((layer) => ({ tensor: `model.layers.${layer}.${name}.weight`, row: 3, col: 5 })),
);

/** Effects of all places, and where the passes of each began; -1 for a whole pass. */
async function effects(recordedBytes?: number) {
  const model = createLanguageModel(CONFIG, SHAPE, CPU_TARGET);
  model.load(initialise(tensorsOf(CONFIG), 'kaiming', 3));
  const begun: number[] = [];
  const [whole, from] = [model.losses.bind(model), model.lossesFrom.bind(model)];
  model.losses = (tokens: Int32Array) => (begun.push(-1), whole(tokens));
  model.lossesFrom = (start: PassStart, tokens: Int32Array) => (begun.push(start.layer), from(start, tokens));
  const ablation = await Ablation.start(model, TOKENS, undefined, recordedBytes);
  const found = [];
  for (const place of PLACES) found.push(await ablation.effect(place));
  return { found, begun };
}

describe('zeroing a weight', () => {
  it('runs what is above it only, in every batch', async () => {
    const { begun } = await effects();
    expect(begun).toEqual([-1, 0, 1, -1, 0, 1, 0, 1, 2].flatMap((layer) => [layer, layer]));
  });

  it('costs the same to the bit however few layers fit in memory', async () => {
    const { found } = await effects();
    const bytes = (layers: number) =>
      layers * 2 * SHAPE.batch * SHAPE.sequence * 4 * (CONFIG.width + CONFIG.feedForward);
    for (const [layers, expected] of [
      [2, [-1, 0, 0, -1, 0, 0, 0, 0, 2]],
      [1, [-1, 0, 0, -1, 0, 0, 0, 0, 0]],
    ] as const) {
      const fewer = await effects(bytes(layers));
      expect(fewer.found).toEqual(found);
      expect(fewer.begun).toEqual(expected.flatMap((layer) => [layer, layer]));
    }
  });
});
