/** The train stage, run as the worker runs it, on a real model of the built-in shape. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { LossCurve } from '../../src/generated/curve.ts';
import type { TrainParams } from '../../src/generated/train.ts';
import { digestFile } from '../../src/base/digest.ts';
import { readVirtualFile } from '../../src/base/virtual-file.ts';
import { installedBuild } from '../../src/base/installed-build.ts';
import { corpusOf } from '../../src/model/corpora.ts';
import { tensorsOf } from '../../src/model/decoder/family-of.ts';
import { readModelConfig } from '../../src/model/model-config.ts';
import { readSafetensors, writeSafetensors } from '../../src/model/safetensors.ts';
import { readMasks, writeMasks } from '../../src/model/mask-file.ts';
import { initialise } from '../../src/science/initialisation.ts';
import { applyMasks } from '../../src/science/pruning.ts';
import train from '../../stages/train.ts';
import { defaultsOf, runStage } from '../support/stage-job.ts';
import { readWeights } from '../support/read-weights.ts';

const MODEL = 'marker-retrieval';
const DOWN = 'model.layers.0.mlp.down_proj.weight';
let folder: string;
let start: string;
let mask: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swp-train-'));
  const config = await readModelConfig(MODEL);
  const weights = initialise(tensorsOf(config), 'original', 7);
  start = join(folder, 'start.safetensors');
  await writeSafetensors(start, weights);
  mask = join(folder, 'mask.safetensors');
  const { shape, data } = weights.get(DOWN)!;
  await writeMasks(
    mask,
    new Map([[DOWN, { shape, data: Uint8Array.from(data, (_, index) => (index % 4 === 0 ? 0 : 1)) }]]),
  );
});
afterAll(() => rm(folder, { recursive: true }));

const QUICK = {
  learningRate: 0.002,
  seed: 3,
  schedule: 'constant',
  batchSize: 4,
  sequenceLength: 16,
  curveEvery: 2,
} as const;

/** Trains as `quick` says in a process of its own, from the built stage, and returns the weights' bytes. */
async function trainInProcess(out: string, steps: number): Promise<Buffer> {
  await mkdir(out);
  const { properties } = train.params as { properties: Record<string, { default?: unknown }> };
  const defaults = Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, property.default]));
  const script = `
    const { default: train } = await import(${JSON.stringify(pathToFileURL(join(installedBuild, 'stages/train.js')).href)});
    await train.run({
      params: ${JSON.stringify({ ...defaults, ...QUICK, steps })},
      input: () => ${JSON.stringify(start)},
      optionalInput: () => undefined,
      output: (name) => ${JSON.stringify(out)} + '/' + name,
      checkpoint: async () => {}, progress() {}, log() {}, signal: new AbortController().signal,
    });`;
  await execa(process.execPath, ['--input-type=module', '--eval', script]);
  return readFile(join(out, 'weights'));
}

describe('train', () => {
  it('gives the same bytes for the same inputs, and others for another seed', async () => {
    const [first, again, other] = [
      await runStage(train, { params: { ...QUICK, steps: 6 }, inputs: { weights: start } }),
      await runStage(train, { params: { ...QUICK, steps: 6 }, inputs: { weights: start } }),
      await runStage(train, { params: { ...QUICK, steps: 6, seed: 4 }, inputs: { weights: start } }),
    ];
    for (const artifact of ['weights', 'optimizer', 'position', 'curve'])
      expect(await readFile(first.outputs[artifact]!), artifact).toEqual(await readFile(again.outputs[artifact]!));
    expect(await readFile(first.outputs.weights!)).not.toEqual(await readFile(other.outputs.weights!));
  });

  it('gives the same bytes where the machine lacks memory to hold what is inside of blocks, and says so', async () => {
    const own = { ...QUICK, steps: 4, batchSize: 64, sequenceLength: 64, microBatchSize: 32 };
    const params = { ...defaultsOf(train), ...own } as Required<TrainParams>;
    const files = { weights: start, mask };
    const amply = await runStage(train, { params, inputs: files });
    const need = await train.memory!(params, folder);
    const memory = vi.spyOn(process, 'constrainedMemory').mockReturnValue(need - 1);
    const barely = await runStage(train, { params, inputs: files });
    expect(await train.memory!(params, folder)).toBeLessThan(need);
    memory.mockRestore();
    for (const artifact of ['weights', 'optimizer', 'position', 'curve'])
      expect(await digestFile(barely.outputs[artifact]!), artifact).toEqual(await digestFile(amply.outputs[artifact]!));
    expect([amply.log, barely.log]).toEqual([[], [expect.stringMatching(/computed again in the backward pass/)]]);
  });

  it('gives the same bytes beside a busy neighbour as alone, whichever process computes them', async () => {
    const { outputs } = await runStage(train, { params: { ...QUICK, steps: 6 }, inputs: { weights: start } });
    const alone = await readFile(outputs.weights!);
    const together = await Promise.all(
      [1, 2, 3].map((process) => trainInProcess(join(folder, `process-${process}`), 6)),
    );
    for (const bytes of together) expect(bytes.equals(alone)).toBe(true); // toEqual would list every byte that differs
  });

  it('reads another stream than the one that the committed checkpoints were pretrained on', async () => {
    const params = { ...QUICK, steps: 2 };
    const [study, pretraining] = [
      await runStage(train, { params, inputs: { weights: start } }),
      await runStage(train, { params: { ...params, stream: 'train-data' }, inputs: { weights: start } }),
    ];
    expect(await readFile(study.outputs.weights!)).not.toEqual(await readFile(pretraining.outputs.weights!));
    const recipe = JSON.parse(
      await readFile(new URL('../../models/marker-retrieval/pipeline.json', import.meta.url), 'utf8'),
    );
    expect(recipe.experiments.M.params.train.stream).toBe('train-data');
  });

  it('goes on with the data where the last round stopped: 3 + 3 steps with kept moments are 6 steps, bit for bit', async () => {
    const whole = await runStage(train, { params: { ...QUICK, steps: 6 }, inputs: { weights: start } });
    const half = await runStage(train, { params: { ...QUICK, steps: 3 }, inputs: { weights: start } });
    const rest = await runStage(train, {
      params: { ...QUICK, steps: 3, optimizerState: 'keep' },
      inputs: { weights: half.outputs.weights!, position: half.outputs.position!, optimizer: half.outputs.optimizer! },
    });
    expect(await readFile(rest.outputs.weights!)).toEqual(await readFile(whole.outputs.weights!));
    expect(await readFile(rest.outputs.optimizer!)).toEqual(await readFile(whole.outputs.optimizer!));
    expect(JSON.parse(await readFile(rest.outputs.position!, 'utf8'))).toEqual({ step: 6 });

    const reset = await runStage(train, {
      params: { ...QUICK, steps: 3 },
      inputs: { weights: half.outputs.weights!, position: half.outputs.position!, optimizer: half.outputs.optimizer! },
    });
    expect(await readFile(reset.outputs.weights!)).not.toEqual(await readFile(whole.outputs.weights!));
  });

  it.each([
    ['constant', {}],
    ['with a warm-up and pruned weights', { schedule: 'warmup-constant', warmupSteps: 3 }],
    ['cosine', { schedule: 'warmup-cosine', warmupSteps: 2 }],
  ] as const)('goes on from any checkpoint to the bits of an uninterrupted training: %s', async (_, schedule) => {
    const setup = { params: { ...QUICK, ...schedule, steps: 9, curveEvery: 4 }, inputs: { weights: start, mask } };
    const checkpoints: { at: number; outputs: Record<string, string> }[] = [];
    const whole = await runStage(train, {
      ...setup,
      onCheckpoint: async (at, write) => void checkpoints.push({ at, outputs: await write() }),
    });
    expect(checkpoints.map(({ at }) => at)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    for (const resume of checkpoints.slice(1)) {
      const { outputs, metrics } = await runStage(train, { ...setup, resume });
      expect(metrics, `from ${resume.at}`).toEqual(whole.metrics);
      for (const [name, path] of Object.entries(outputs))
        expect((await readFile(path)).equals(await readFile(whole.outputs[name]!)), `${name} from ${resume.at}`).toBe(
          true,
        );
    }
  });

  it('says of moments that nobody wants the digest alone, which is that of the file', async () => {
    const params = { ...QUICK, steps: 3 };
    const [kept, sparing] = [
      await runStage(train, { params, inputs: { weights: start } }),
      await runStage(train, { params, inputs: { weights: start }, unwanted: ['optimizer'] }),
    ];
    expect(await readVirtualFile(sparing.outputs.optimizer!)).toMatchObject({
      ...(await digestFile(kept.outputs.optimizer!)),
      parts: {},
    });
    expect(await digestFile(sparing.outputs.weights!)).toEqual(await digestFile(kept.outputs.weights!));
  });

  it('goes on from a shorter training, whose last point of the curve is completed', async () => {
    const params = { ...QUICK, curveEvery: 4 };
    const [short, whole] = [
      await runStage(train, { params: { ...params, steps: 5 }, inputs: { weights: start } }),
      await runStage(train, { params: { ...params, steps: 11 }, inputs: { weights: start } }),
    ];
    const { outputs } = await runStage(train, {
      params: { ...params, steps: 11 },
      inputs: { weights: start },
      resume: { at: 5, outputs: short.outputs },
    });
    for (const [name, path] of Object.entries(outputs))
      expect((await readFile(path)).equals(await readFile(whole.outputs[name]!)), name).toBe(true);
    const { points } = JSON.parse(await readFile(outputs.curve!, 'utf8')) as LossCurve;
    expect(points.map(({ step }) => step)).toEqual([4, 8, 11]);
  });

  it('is on one trajectory with longer trainings unless its schedule depends on where it ends', () => {
    const settings = { steps: 10, warmupSteps: 3 } as never;
    const depends = (schedule: string, more = {}) =>
      train.trajectory!({ ...(settings as object), schedule, ...more } as never).dependsOnLength;
    expect(depends('constant')).toBe(false);
    expect(depends('warmup-constant')).toBe(false);
    expect(depends('warmup-constant', { steps: 2 })).toBe(true); // the warm-up is shortened to the steps there are
    expect(depends('warmup-cosine')).toBe(true);
    expect(depends('warmup-stable-decay')).toBe(true);
  });

  it('holds pruned weights and their moments at exactly zero', async () => {
    const { outputs } = await runStage(train, { params: { ...QUICK, steps: 4 }, inputs: { weights: start, mask } });
    const { tensors } = await readSafetensors(outputs.weights!);
    const moments = (await readSafetensors(outputs.optimizer!)).tensors;
    const weights = tensors.get(DOWN)!.data;
    for (let index = 0; index < weights.length; index += 4)
      expect(
        [weights[index], moments.get(`first.${DOWN}`)!.data[index], moments.get(`second.${DOWN}`)!.data[index]].every(
          (value) => value === 0,
        ),
      ).toBe(true);
    expect(weights.filter((value) => value === 0).length).toBe(weights.length / 4);
  });

  it('releases pruned weights where it is told to: they start from zero and grow, and no mask may say otherwise', async () => {
    const weights = await readWeights(start);
    const pruned = join(folder, 'pruned.safetensors');
    await writeSafetensors(pruned, applyMasks(weights, await readMasks(mask)));
    const { outputs } = await runStage(train, {
      params: { ...QUICK, steps: 4, mask: 'release' },
      inputs: { weights: pruned },
    });
    const released = (await readWeights(outputs.weights!)).get(DOWN)!.data.filter((_, index) => index % 4 === 0);
    expect(released.filter((value) => value !== 0).length).toBeGreaterThan(0.9 * released.length);
    expect(Math.max(...released.map(Math.abs))).toBeLessThan(4.5 * QUICK.learningRate); // four steps away from zero
    await expect(
      runStage(train, { params: { ...QUICK, steps: 4, mask: 'release' }, inputs: { weights: pruned, mask } }),
    ).rejects.toMatchObject({
      failure: { kind: 'usage', message: 'train.mask is "release", but the input `mask` is connected.' },
    });
  });

  it('logs a curve of means whose last point ends at the cumulative step', async () => {
    const position = join(folder, 'position.json');
    await writeFile(position, '{"step":100}');
    const { outputs, metrics, progress } = await runStage(train, {
      params: { ...QUICK, steps: 5 },
      inputs: { weights: start, position },
    });
    const curve = JSON.parse(await readFile(outputs.curve!, 'utf8')) as LossCurve;
    expect(curve.points.map(({ step }) => step)).toEqual([102, 104, 105]);
    expect(curve.firstStep).toBe(100);
    expect(metrics).toMatchObject({ steps: 5, cumulativeStep: 105, finalLoss: curve.finalLoss });
    expect(progress.at(-1)).toMatchObject({ done: 5, total: 5 });
    for (const { loss } of curve.points) expect(Math.abs(loss - Math.log(64))).toBeLessThan(0.2);
    // Beside each mean, what the language itself loses on the same batches: those of the run's steps 100 to 104.
    const corpus = corpusOf({ corpus: MODEL });
    const own = [100, 101, 102, 103, 104].map((step) => {
      const batch = corpus.batch(QUICK.seed, 'retrain-data', step, QUICK.batchSize, QUICK.sequenceLength);
      return corpus.surprisals(batch, QUICK.sequenceLength).reduce((sum, nats) => sum + nats / 64, 0);
    });
    const means = [(own[0]! + own[1]!) / 2, (own[2]! + own[3]!) / 2, own[4]!];
    for (const [point, { surprisal }] of curve.points.entries()) expect(surprisal).toBeCloseTo(means[point]!, 10);
  });

  it('names the learning rate when training diverges', async () => {
    await expect(
      runStage(train, { params: { ...QUICK, steps: 50, learningRate: 1e6, clipNorm: 0 }, inputs: { weights: start } }),
    ).rejects.toMatchObject({
      failure: {
        kind: 'not-finite',
        message: expect.stringMatching(/^The (loss|gradient's norm) became (NaN|Infinity) at step \d+$/),
        remedy: expect.stringMatching(
          /^The training has diverged, and nothing of it is kept: a lower train\.learningRate/,
        ),
      },
    });
  });

  it('publishes nothing of a training whose last step made weights that are not finite, and keeps no checkpoint', async () => {
    const optimizer = join(folder, 'overflowing.safetensors');
    const moments = [...(await readWeights(start))].flatMap(([name, { shape, data }]) => [
      [`first.${name}`, { shape, data: data.map(() => 1e38) }] as const,
      [`second.${name}`, { shape, data: data.map(() => 0) }] as const,
    ]);
    await writeSafetensors(optimizer, new Map(moments), { updates: '1' });
    for (const steps of [1, 2])
      await expect(
        runStage(train, {
          params: { ...QUICK, optimizerState: 'keep', epsilon: 1e-12, steps },
          inputs: { weights: start, optimizer },
          onCheckpoint: async (_, write) => void (await write()),
        }),
      ).rejects.toMatchObject({
        failure: {
          kind: 'not-finite',
          message: expect.stringMatching(
            /^\d+ of 75600 numbers are not finite: the first is -Infinity, at \[0, \d+\] of model\./,
          ),
          remedy: expect.stringContaining('train.learningRate'),
        },
      });
  });
});
