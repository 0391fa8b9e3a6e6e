/**
 * A process that takes two training steps of a decoder: `RECOMPUTES`, true or false. It prints by how much that raised
 * its peak memory, in bytes.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { installedBuild } from '../../src/base/installed-build.ts';
import { CPU_TARGET } from '../../src/compute/runtimes/runtime.ts';
import { HostTrainer } from '../../src/compute/training/host-trainer.ts';
import { buildTrainingGraph } from '../../src/model/decoder/decoder-graph.ts';
import { LLAMA } from './small-decoders.ts';

/** Bytes. What Node tells counts what the parent had when it started this process. */
function peak(): number {
  return 1024 * Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
}

const config = { ...LLAMA, layers: 8, width: 64, feedForward: 256 };
const shape = { batch: 4, sequence: 256 };
const training = buildTrainingGraph(config, shape, { recomputes: process.argv[2] === 'true' });
const trainer = await HostTrainer.create(training, CPU_TARGET, join(installedBuild, 'optimizer.wasm'));
const [tokens, targets] = [0, 1].map((shift) =>
  Int32Array.from({ length: shape.batch * shape.sequence }, (_, index) => (index * index + shift) % config.vocabulary),
) as [Int32Array, Int32Array];
trainer.memory.parameters.forEach(({ weight, decay }, which) => {
  for (let index = 0; index < weight.length; index++) weight[index] = Number(!decay) + 0.1 * Math.sin(which + index);
});
const before = peak();
for (let step = 0; step < 2; step++)
  await trainer.step({ tokens, targets }, 0.01, {
    ...{ beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0, clipNorm: 0 },
  });
console.log(peak() - before);
