/** Subnormal numbers are zeros in graphs and in the optimizer, and nowhere else. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { computesAsIeee } from '../../src/base/ieee-arithmetic.ts';
import { installedBuild } from '../../src/base/installed-build.ts';
import { Graph } from '../../src/compute/graph/graph.ts';
import { packageRuntime } from '../../src/compute/runtimes/onnx/onnx-runtime.ts';
import { openSession } from '../../src/compute/runtimes/open-session.ts';
import { CPU_TARGET } from '../../src/compute/runtimes/runtime.ts';
import { canFlushSubnormals, flushingSubnormals } from '../../src/compute/runtimes/subnormals.ts';
import { HostTrainer } from '../../src/compute/training/host-trainer.ts';
import { gradients } from '../../src/compute/autodiff/gradients.ts';

const SUBNORMAL = 2 ** -130;

describe('work that flushes subnormal numbers', () => {
  it('has zeros in their place, and leaves the thread as it was, also if it throws', () => {
    expect(canFlushSubnormals()).toBe(true);
    const numbers = Float32Array.of(SUBNORMAL, 1);
    const product = () => numbers[0]! * numbers[1]!;
    expect([flushingSubnormals(computesAsIeee), computesAsIeee()]).toEqual([false, true]);
    expect([flushingSubnormals(product) === 0 || product() !== 0, product()]).toEqual([true, SUBNORMAL]);
    const failing = () =>
      flushingSubnormals(() => {
        throw new Error('no luck');
      });
    expect(failing).toThrow('no luck');
    expect(computesAsIeee()).toBe(true);
  });
});

/** The loss is 2^-70 x w, so that the second moment is subnormal. */
async function trainer(): Promise<HostTrainer> {
  const graph = new Graph();
  graph.input('batch', [1], 'int32');
  const weight = graph.input('w', [4]);
  const loss = graph.affine(graph.sum(weight, [0]), 2 ** -70);
  graph.output('loss', loss);
  graph.output('gradient:w', gradients(graph, loss, [weight])[0]!);
  const parameters = [{ name: 'w', shape: [4], decay: false }];
  return HostTrainer.create({ graph, parameters, batchInputs: [] }, CPU_TARGET, join(installedBuild, 'optimizer.wasm'));
}

describe('the arithmetic of a training', () => {
  it('is the same in graphs of the first session of a process and of later ones', async () => {
    for (let session = 0; session < 2; session++) {
      const graph = new Graph();
      const x = graph.input('x', [2]);
      graph.output('y', graph.mul(x, x));
      graph.output('doubled', graph.affine(x, 2));
      const opened = await openSession(graph, CPU_TARGET);
      opened.feed('x', Float32Array.of(SUBNORMAL, 2 ** -70));
      for (let run = 0; run < 2; run++) {
        const { y, doubled } = await opened.run();
        expect([[...y!], [...doubled!]]).toEqual([
          [0, 0],
          [0, 2 ** -69],
        ]);
        expect(computesAsIeee()).toBe(true);
      }
      await opened.release();
    }
  });

  it('has subnormal numbers in sessions of the package, which nothing can switch for a run alone', async () => {
    const graph = new Graph();
    graph.output('doubled', graph.affine(graph.input('x', [1]), 2));
    const session = await packageRuntime.open(graph, CPU_TARGET);
    session.feed('x', Float32Array.of(SUBNORMAL));
    expect([...(await session.run()).doubled!]).toEqual([2 * SUBNORMAL]);
    await session.release();
  });

  it('is the same in the optimizer, from the first training step on', async () => {
    const training = await trainer();
    const settings = { beta1: 0.9, beta2: 0.5, epsilon: 1e-30, weightDecay: 0, clipNorm: 0 };
    const [memory] = training.memory.parameters;
    memory!.weight.set([1, 1, 1, SUBNORMAL]);
    for (let step = 0; step < 2; step++) {
      await training.steps([{ batch: {}, learningRate: 1e-9 }], settings);
      expect([...memory!.second]).toEqual([0, 0, 0, 0]); // 2^-141 with subnormal numbers
      expect(memory!.first[0]).toBeGreaterThan(0);
      expect(computesAsIeee()).toBe(true);
    }
    await training.release();
  });
});
