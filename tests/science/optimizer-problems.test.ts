/** Numbers of a training that are others in float32 are refused beforehand; those that are accepted train. */
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { installedBuild } from '../../src/base/installed-build.ts';
import { Graph } from '../../src/compute/graph/graph.ts';
import { CPU_TARGET } from '../../src/compute/runtimes/runtime.ts';
import { HostTrainer } from '../../src/compute/training/host-trainer.ts';
import { optimizerProblems } from '../../src/science/optimizer-problems.ts';

const SOUND = {
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  learningRate: 0.002,
  weightDecay: 0.1,
  clipNorm: 1,
  schedule: 'warmup-constant',
  steps: 1000,
  warmupSteps: 100,
  floor: 0.1,
} as const;

describe('a training is refused whose', () => {
  it.each([
    [{ beta1: 0.99999999 }, 'train.beta1 0.99999999 is 1 in float32: the moment would stay 0'],
    [
      { beta2: 0.9999999 },
      'train.beta2 0.9999999 is 1 in float32, but for 1.19209e-7: a gradient would count that in place of 1e-7',
    ],
    [{ beta1: 1e-40 }, 'train.beta1 1e-40 is 0 in float32'],
    [{ epsilon: 1e-46 }, 'train.epsilon 1e-46 is 0 in float32: a weight without a gradient would become NaN'],
    [
      { epsilon: 1e-30 },
      'train.epsilon 1e-30 is below gradients whose square is 0 in float32: they would move weights without a bound',
    ],
    [{ clipNorm: 1e-30 }, 'train.clipNorm 1e-30 makes gradients of which the square is 0 in float32'],
    [
      { learningRate: 1e-36, weightDecay: 0 },
      'train.learningRate 1e-36, 1e-38 at the first step of the warm-up, is 0 in float32',
    ],
    [{ learningRate: 5e-324, weightDecay: 0, warmupSteps: 0 }, 'train.learningRate 5e-324 is 0 in float32'],
    [{ schedule: 'warmup-cosine', floor: 1e-40 }, 'train.floor 1e-40 of train.learningRate 0.002 is 0 in float32'],
    [
      { learningRate: 1e-6, weightDecay: 0.01 },
      'train.weightDecay 0.01 times train.learningRate 0.000001 is 1e-8, and 1 minus that is 1 in float32: no weight would decay',
    ],
  ] as const)('%j', (changes, message) => {
    const [, param] = /^train\.(\w+)/.exec(message)!;
    expect(optimizerProblems({ ...SOUND, ...changes })).toMatchObject([{ param, message }]);
  });

  it('nothing else: the defaults, and what switches something off', () => {
    expect(optimizerProblems(SOUND)).toEqual([]);
    expect(optimizerProblems({ ...SOUND, beta1: 0, beta2: 0, weightDecay: 0, clipNorm: 0, floor: 0 })).toEqual([]);
    expect(optimizerProblems({ ...SOUND, beta2: 0.99999 })).toEqual([]);
  });
});

describe('a training that is not refused', () => {
  /** How far three training steps with a constant gradient move four weights of 0. */
  async function distances(gradient: number, settings: typeof SETTINGS): Promise<Float32Array> {
    const graph = new Graph();
    graph.input('batch', [1], 'int32');
    graph.output('loss', graph.sum(graph.input('w', [4]), [0]));
    graph.output('gradient:w', graph.constant(new Float32Array(4).fill(gradient), [4]));
    const training = { graph, parameters: [{ name: 'w', shape: [4], decay: true }], batchInputs: [] };
    const trainer = await HostTrainer.create(training, CPU_TARGET, join(installedBuild, 'optimizer.wasm'));
    const { learningRate } = settings;
    await trainer.steps(Array(3).fill({ batch: {}, learningRate }), settings);
    await trainer.release();
    return trainer.memory.parameter('w').weight.map(Math.abs);
  }
  const SETTINGS = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, learningRate: 0.002, weightDecay: 0, clipNorm: 0 };

  it('moves weights by its learning rate and no more, whatever the gradient', async () => {
    const magnitude = (least: number, most: number) =>
      fc.double({ min: least, max: most, noNaN: true }).map((x) => 10 ** x);
    const beta = fc.oneof(
      fc.constantFrom(0, 0.9, 0.999),
      magnitude(-9, 0).map((rest) => 1 - rest),
    );
    const settings = fc.record({
      ...{
        beta1: beta,
        beta2: beta,
        weightDecay: fc.constant(0),
        clipNorm: fc.oneof(fc.constant(0), magnitude(-50, 2)),
      },
      ...{ epsilon: magnitude(-50, 2), learningRate: magnitude(-50, 2) },
    });
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(magnitude(-45, 18), settings, async (gradient, settings) => {
        if (optimizerProblems({ ...SOUND, ...settings, schedule: 'constant' }).length > 0) return;
        accepted += 1;
        const { learningRate, clipNorm, epsilon } = settings;
        for (const distance of await distances(gradient, settings)) {
          expect(distance).toBeLessThan(3.1 * learningRate);
          if (clipNorm === 0 && gradient > 10 * epsilon && learningRate > 1e-37)
            expect(distance).toBeGreaterThan(2 * learningRate);
        }
      }),
      { numRuns: 100, seed: 1 },
    );
    expect(accepted).toBeGreaterThan(10);
  });

  it('without the refusal, would not train, or would make NaN', async () => {
    expect([...(await distances(1, { ...SETTINGS, beta1: 0.99999999 }))]).toEqual([0, 0, 0, 0]);
    expect([...(await distances(0, { ...SETTINGS, epsilon: 1e-46 }))]).toEqual([NaN, NaN, NaN, NaN]);
    expect((await distances(1e-20, { ...SETTINGS, epsilon: 1e-30 }))[0]).toBeGreaterThan(1e6);
  });
});
