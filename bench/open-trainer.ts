/**
 * A training step as the benchmarks time it: half of the block matrices masked by default, clipping, AdamW, fresh
 * random tokens.
 */
import { join } from 'node:path';
import { CPU_TARGET } from '../src/compute/runtimes/runtime.ts';
import { HostTrainer } from '../src/compute/training/host-trainer.ts';
import { installedBuild } from '../src/base/installed-build.ts';
import { buildTrainingGraph } from '../src/model/decoder/decoder-graph.ts';
import { tensorsOf } from '../src/model/decoder/family-of.ts';
import type { BenchModel } from './models.ts';
import { fillWeights } from './random-weights.ts';

const SETTINGS = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 1 };

/**
 * @param masked whether half of the block matrices is masked
 * @returns a function that takes one training step
 */
export async function openTrainer({ config, shape }: BenchModel, masked = true): Promise<() => Promise<unknown>> {
  const trainer = await HostTrainer.create(
    buildTrainingGraph(config, shape),
    CPU_TARGET,
    join(installedBuild, 'optimizer.wasm'),
  );
  const tensors = tensorsOf(config);
  for (const { name, weight, length } of trainer.memory.parameters) {
    fillWeights(config, name, weight);
    if (masked && tensors.get(name)!.role === 'block')
      trainer.memory.setMask(
        name,
        Uint8Array.from({ length }, (_, index) => index & 1),
      );
  }
  const count = shape.batch * shape.sequence;
  const draw = () => Int32Array.from({ length: count }, () => Math.floor(Math.random() * config.vocabulary));
  return () => trainer.step({ tokens: draw(), targets: draw() }, 0.001, SETTINGS);
}
