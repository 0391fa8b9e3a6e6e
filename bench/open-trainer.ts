/**
 * A training step as the benchmarks time it: half of the block matrices masked, clipping, AdamW, fresh random tokens.
 */
import { join } from 'node:path';
import { CPU_TARGET } from '../src/compute/runtimes/runtime.ts';
import { HostTrainer } from '../src/compute/training/host-trainer.ts';
import { installedBuild } from '../src/base/installed-build.ts';
import { buildTrainingGraph } from '../src/model/decoder/decoder-graph.ts';
import { tensorsOf } from '../src/model/decoder/family-of.ts';
import type { BenchModel } from './models.ts';

const SETTINGS = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 1 };

/** @returns a function that takes one training step */
export async function openTrainer({ config, shape }: BenchModel): Promise<() => Promise<unknown>> {
  const trainer = await HostTrainer.create(
    buildTrainingGraph(config, shape),
    CPU_TARGET,
    join(installedBuild, 'optimizer.wasm'),
  );
  const tensors = tensorsOf(config);
  for (const { name, weight, length } of trainer.memory.parameters) {
    const { role } = tensors.get(name)!;
    const [centre, spread] = role === 'gain' ? [1, 0] : role === 'bias' ? [0, 0] : [0, 0.07];
    for (let index = 0; index < length; index++) weight[index] = centre + (Math.random() - 0.5) * spread;
    if (role === 'block')
      trainer.memory.setMask(
        name,
        Uint8Array.from({ length }, (_, index) => index & 1),
      );
  }
  const count = shape.batch * shape.sequence;
  const draw = () => Int32Array.from({ length: count }, () => Math.floor(Math.random() * config.vocabulary));
  return () => trainer.step({ tokens: draw(), targets: draw() }, 0.001, SETTINGS);
}
