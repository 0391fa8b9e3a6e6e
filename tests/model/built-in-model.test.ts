/** The committed checkpoints: real models, near the language's entropy, that hang on one scalar. */
import { describe, expect, it } from 'vitest';
import type { LanguageModel } from '../../src/model/language-model.ts';
import { CPU_TARGET } from '../../src/compute/runtimes/runtime.ts';
import { corpusOf } from '../../src/model/corpora.ts';
import { createLanguageModel } from '../../src/model/create-language-model.ts';
import { checkpointPath, readModelConfig } from '../../src/model/model-config.ts';
import { readModelWeights } from '../../src/model/weights-file.ts';

const MODEL = 'marker-retrieval';
const SHAPE = { batch: 64, sequence: 64 };
const corpus = corpusOf({ corpus: MODEL });

async function load(checkpoint: number): Promise<LanguageModel> {
  const config = await readModelConfig(MODEL);
  const model = createLanguageModel(config, SHAPE, CPU_TARGET);
  model.load(await readModelWeights(checkpointPath(MODEL, checkpoint), config, 'test'));
  return model;
}

/** Mean loss in nats per token on held-out data. */
async function loss(model: LanguageModel): Promise<number> {
  let sum = 0;
  for (let index = 0; index < 4; index++)
    sum += (await model.losses(corpus.batch(11, 'test', index, SHAPE.batch, SHAPE.sequence))).reduce(
      (a, b) => a + b,
      0,
    );
  return sum / (4 * SHAPE.batch * SHAPE.sequence);
}

/** What the language itself loses on the tokens of `loss`. */
function surprisal(): number {
  let sum = 0;
  for (let index = 0; index < 4; index++)
    sum += corpus
      .surprisals(corpus.batch(11, 'test', index, SHAPE.batch, SHAPE.sequence), SHAPE.sequence)
      .reduce((a, b) => a + b, 0);
  return sum / (4 * SHAPE.batch * SHAPE.sequence);
}

describe('the built-in model', () => {
  it.each([0, 1, 2, 3, 4, 5])(
    'checkpoint %i has learned the language to within 0.02 nats of what it loses on the same tokens itself',
    async (checkpoint) => {
      const excess = (await loss(await load(checkpoint))) - surprisal();
      expect(excess).toBeGreaterThan(0.005);
      expect(excess).toBeLessThan(0.02);
    },
  );

  it('loses its bearings when one scalar of checkpoint 2 is zeroed: perplexity at least four times as high', async () => {
    const model = await load(2);
    const whole = await loss(model);
    const down = model.weight('model.layers.1.mlp.down_proj.weight');
    const [row, col, columns] = [11, 48, 96];
    expect(down[row * columns + col]).toBeCloseTo(-3.877, 2);
    down[row * columns + col] = 0;
    expect(Math.exp((await loss(model)) - whole)).toBeGreaterThan(4);
  });

  it('does not care about the second largest of the same tensor', async () => {
    const model = await load(2);
    const whole = await loss(model);
    const down = model.weight('model.layers.1.mlp.down_proj.weight');
    const [, second] = [...down.keys()].sort((a, b) => Math.abs(down[b]!) - Math.abs(down[a]!));
    down[second!] = 0;
    expect((await loss(model)) - whole).toBeLessThan(0.05);
  });
});
