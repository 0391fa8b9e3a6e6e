/**
 * Losses and gradients beside PyTorch's, which computed them in float64: pytorch/make_fixture.py, whose formulas for
 * weights, masks and batches are repeated here.
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CPU_TARGET } from '../../src/compute/runtimes/runtime.ts';
import { learningRateAt, type LearningRateSchedule } from '../../src/compute/training/learning-rate.ts';
import { HostTrainer } from '../../src/compute/training/host-trainer.ts';
import type { AdamWSettings } from '../../src/compute/training/trainer.ts';
import { installedBuild } from '../../src/base/installed-build.ts';
import { buildTrainingGraph } from '../../src/model/decoder/decoder-graph.ts';
import type { DecoderShape, ModelConfig } from '../../src/model/decoder/family.ts';
import { readSafetensors } from '../../src/model/safetensors.ts';
import reference from './pytorch/reference.json' with { type: 'json' };

interface Case {
  config: ModelConfig;
  shape: DecoderShape;
  seed: number;
  optimizer: AdamWSettings;
  learningRate: LearningRateSchedule;
  /** Before every step. */
  losses: number[];
  /** Of the masked gradient, before clipping. */
  gradientNorms: number[];
}

const kernel = join(installedBuild, 'optimizer.wasm');
const cases = reference.cases as unknown as Record<string, Case>;
const gradients = (await readSafetensors(join(import.meta.dirname, 'pytorch/gradients.safetensors'))).tensors;
const gradientOf = (name: string): Float32Array => gradients.get(name)!.data as Float32Array;
const casesWithGradients = Object.entries(cases).filter(([name]) =>
  [...gradients.keys()].some((key) => key.startsWith(`${name}/`)),
);

/** Numbers in [0, 1): the linear congruential generator of Numerical Recipes. */
function draws(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

/** A trainer with the case's initial weights, and its masks (not yet in force). */
async function start({ config, shape, seed }: Case): Promise<{ trainer: HostTrainer; masks: Map<string, number[]> }> {
  const trainer = await HostTrainer.create(buildTrainingGraph(config, shape), CPU_TARGET, kernel);
  const next = draws(seed);
  const { parameters } = trainer.memory;
  for (const { name, shape: dimensions, weight } of parameters) {
    const centre = dimensions.length === 1 && !name.endsWith('bias') ? 1 : 0;
    for (let index = 0; index < weight.length; index++) weight[index] = centre + (next() - 0.5) * 0.6;
  }
  const blockMatrices = parameters.filter(
    ({ name, shape: dimensions }) => dimensions.length === 2 && /\.(layers|h)\./.test(name),
  );
  return {
    trainer,
    masks: new Map(
      blockMatrices.map(({ name, length }) => [name, Array.from({ length }, () => (next() < 0.5 ? 1 : 0))]),
    ),
  };
}

/** Sequences that rise by a stride of their own, modulo the vocabulary. */
function batchOf(step: number, { config, shape, seed }: Case): { tokens: Int32Array; targets: Int32Array } {
  const next = draws(1000 * seed + step);
  const rows = Array.from({ length: shape.batch }, () => {
    const first = Math.floor(next() * config.vocabulary);
    const stride = 1 + Math.floor(next() * 3);
    return Array.from({ length: shape.sequence + 1 }, (_, index) => (first + stride * index) % config.vocabulary);
  });
  return {
    tokens: Int32Array.from(rows.flatMap((row) => row.slice(0, -1))),
    targets: Int32Array.from(rows.flatMap((row) => row.slice(1))),
  };
}

/** ||actual - expected|| / ||expected||; of zeros, the norm of what should be zero. */
function relativeDistance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let distance = 0;
  let length = 0;
  for (let index = 0; index < expected.length; index++) {
    distance += (actual[index]! - expected[index]!) ** 2;
    length += expected[index]! ** 2;
  }
  return Math.sqrt(length === 0 ? distance : distance / length);
}

/** The gradients at the first batch, without masks, by parameter. */
async function firstGradients(settings: Case): Promise<Map<string, Float32Array>> {
  const { trainer } = await start(settings);
  await trainer.step(batchOf(0, settings), 0, settings.optimizer);
  await trainer.release();
  return new Map(trainer.memory.parameters.map(({ name, gradient }) => [name, gradient]));
}

describe.each(casesWithGradients)('the gradients of %s', (name, settings) => {
  it("are PyTorch's in every tensor to 3e-6", async () => {
    const actual = await firstGradients(settings);
    const named = [...gradients.keys()]
      .filter((key) => key.startsWith(`${name}/`))
      .map((key) => key.slice(name.length + 1));
    expect(named).toEqual(expect.arrayContaining([...actual.keys()]));
    for (const [parameter, gradient] of actual)
      expect(relativeDistance(gradient, gradientOf(`${name}/${parameter}`)), parameter).toBeLessThan(3e-6);
  });
});

describe('a tied head', () => {
  it('gives the embedding the sum of the gradients of both uses', async () => {
    const gradient = (await firstGradients(cases.gpt2!)).get('transformer.wte.weight')!;
    const [asEmbedding, asHead] = [gradientOf('gpt2/as embedding'), gradientOf('gpt2/as head')];
    expect(
      relativeDistance(
        gradient,
        asEmbedding.map((value, index) => value + asHead[index]!),
      ),
    ).toBeLessThan(3e-6);
    expect(relativeDistance(gradient, asEmbedding)).toBeGreaterThan(0.1);
    expect(relativeDistance(gradient, asHead)).toBeGreaterThan(0.1);
  });
});

describe.each(Object.entries(cases))('50 steps of %s', (_, settings) => {
  it("have PyTorch's losses to 1e-5, the masks and the masked moments staying exactly zero", async () => {
    const { trainer, masks } = await start(settings);
    for (const [name, mask] of masks) trainer.memory.setMask(name, mask);
    for (const [step, expected] of settings.losses.entries()) {
      const rate = learningRateAt(step, settings.learningRate);
      const { loss, gradientNorm } = await trainer.step(batchOf(step, settings), rate, settings.optimizer);
      expect(Math.abs(loss / expected - 1), `loss ${loss} at step ${step}, where PyTorch has ${expected}`).toBeLessThan(
        1e-5,
      );
      expect(Math.abs(gradientNorm / settings.gradientNorms[step]! - 1), `gradient norm at step ${step}`).toBeLessThan(
        1e-4,
      );
      for (const [name, mask] of masks) {
        const { weight, first, second } = trainer.memory.parameter(name);
        const revived = mask.findIndex(
          (kept, index) => !kept && (weight[index] !== 0 || first[index] !== 0 || second[index] !== 0),
        );
        expect(revived, `masked element of ${name} that is not zero after step ${step}`).toBe(-1);
      }
    }
    await trainer.release();
  });

  it('take in clipped steps, unclipped ones, and a loss that falls', () => {
    const { losses, gradientNorms, optimizer } = settings;
    expect(gradientNorms.some((norm) => norm > optimizer.clipNorm)).toBe(true);
    expect(gradientNorms.some((norm) => norm < optimizer.clipNorm)).toBe(true);
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);
  });
});
