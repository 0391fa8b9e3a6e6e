/** Pitfall: an arm is called pretrained, and its weights are random. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tensorsOf } from '../../src/model/decoder/family-of.ts';
import type { ModelConfig } from '../../src/model/decoder/family.ts';
import type { Weights } from '../../src/model/language-model.ts';
import { learnedLoss } from '../../src/model/learned-weights.ts';
import { checkpointPath, readModelConfig } from '../../src/model/model-config.ts';
import { writeMasks } from '../../src/model/mask-file.ts';
import { readModelWeights } from '../../src/model/weights-file.ts';
import { initialise, type InitialisationScheme } from '../../src/science/initialisation.ts';
import init from '../../stages/init.ts';
import loadPretrained from '../../stages/load-pretrained.ts';
import rewind from '../../stages/rewind.ts';
import { runStage } from '../support/stage-job.ts';

const MODEL = 'marker-retrieval';
let config: ModelConfig;
let folder: string;
beforeAll(async () => {
  config = await readModelConfig(MODEL);
  folder = await mkdtemp(join(tmpdir(), 'swp-pretrained-'));
});
afterAll(() => rm(folder, { recursive: true }));

const random = (scheme: InitialisationScheme, seed: number): Weights => initialise(tensorsOf(config), scheme, seed);

it('a missing checkpoint is an error, never noise', async () => {
  await expect(runStage(loadPretrained, { params: { checkpoint: 99 } })).rejects.toMatchObject({
    failure: { kind: 'file', code: 'ENOENT' },
  });
  await expect(runStage(init, { params: { scheme: 'pretrained', seed: 0 } })).rejects.toThrow(
    'needs the input `pretrained`',
  );
});

it.each(['original', 'xavier', 'kaiming'] as const)(
  "random weights under a checkpoint's name are refused by their loss, however they were drawn: %s",
  async (scheme) => {
    for (let seed = 0; seed < 5; seed++)
      await expect(
        learnedLoss(random(scheme, seed), config, 'seed-0.safetensors', 'Rebuild it.'),
      ).rejects.toMatchObject({
        failure: {
          kind: 'content',
          path: 'seed-0.safetensors',
          message: expect.stringMatching(
            /^These weights have learned nothing: \d+\.\d+ nats per token, where guessing uniformly among 64 tokens costs 4\.159\./,
          ) as string,
          remedy: 'Rebuild it.',
        },
      });
  },
);

it('every committed checkpoint is accepted', async () => {
  for (let checkpoint = 0; checkpoint < 6; checkpoint++) {
    const path = checkpointPath(MODEL, checkpoint);
    expect(await learnedLoss(await readModelWeights(path, config, ''), config, path, '')).toBeLessThan(2.7);
  }
});

it('what load-pretrained passes on is the checkpoint, and the start of a pretrained arm is what it passes on', async () => {
  const { outputs, metrics } = await runStage(loadPretrained, { params: { checkpoint: 3 } });
  expect(metrics.sampleLoss).toBeLessThan(2.7);
  const started = await runStage(init, {
    params: { scheme: 'pretrained', seed: 3 },
    inputs: { pretrained: outputs.weights! },
  });
  const read = (path: string) => readModelWeights(path, config, '');
  expect(await read(started.outputs.weights!)).toEqual(await read(checkpointPath(MODEL, 3)));
});

it('nothing pretrained survives a fresh start: whatever the pruned weights were, the fresh ones are the same', async () => {
  const mask = join(folder, 'mask.safetensors');
  const name = 'model.layers.0.mlp.down_proj.weight';
  await writeMasks(
    mask,
    new Map([[name, { shape: [48, 96], data: new Uint8Array(48 * 96).map((_, index) => index % 2) }]]),
  );
  const pretrained = checkpointPath(MODEL, 0);
  const params = { to: 'fresh', scheme: 'original', seed: 0 } as const;
  const { outputs } = await runStage(rewind, {
    params,
    inputs: { mask, weights: pretrained, init: pretrained, point: pretrained, pretrained },
  });
  const bare = await runStage(rewind, { params, inputs: { mask } });
  const [fresh, alone, old] = await Promise.all(
    [outputs.weights!, bare.outputs.weights!, pretrained].map((path) => readModelWeights(path, config, '')),
  );
  expect(fresh).toEqual(alone);
  for (const [tensor, { shape, data }] of fresh!) {
    if (shape.length === 1)
      expect(
        data.every((gain) => gain === 1),
        tensor,
      ).toBe(true);
    else
      expect(
        data.filter((value, index) => value !== 0 && value === old!.get(tensor)!.data[index]).length,
        tensor,
      ).toBeLessThan(3);
  }
});
