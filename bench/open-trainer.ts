/**
 * A training step as the benchmarks time it: half of the block matrices masked by default, clipping, AdamW, fresh
 * random tokens.
 */
import { CPU_TARGET, type Engine } from '../src/compute/runtimes/runtime.ts';
import { HostTrainer } from '../src/compute/training/host-trainer.ts';
import { tensorsOf } from '../src/model/decoder/family-of.ts';
import { kernelFileOf } from '../src/model/training-session.ts';
import { trainingGraphFor } from '../src/model/training-graph.ts';
import type { BenchModel } from './models.ts';
import { fillWeights } from './random-weights.ts';

const SETTINGS = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 1 };

/**
 * @param masked whether half of the block matrices is masked, as is the default
 * @returns a function that takes one training step
 */
export async function openTrainer(
  { config, shape }: BenchModel,
  { masked = true, engine = 'onnx' }: { masked?: boolean | undefined; engine?: Engine | undefined } = {},
): Promise<() => Promise<unknown>> {
  const trainer = await HostTrainer.create(
    trainingGraphFor(engine, config, shape),
    { ...CPU_TARGET, engine },
    kernelFileOf(engine),
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
