/**
 * Milliseconds per training step (drawing the batch, forward, backward, clip, AdamW) of the built-in model on one thread, beside the
 * core's GEMM speed measured in the same run. Rounds alternate, so that a noisy machine disturbs both alike; medians.
 *
 *   npm run bench:train            # pin it for steadier figures: taskset -c 1 npm run bench:train
 */
import { countMatmulFlops } from '../src/compute/graph/flops.ts';
import { Graph } from '../src/compute/graph/graph.ts';
import { openSession } from '../src/compute/runtimes/open-session.ts';
import { CPU_TARGET, type GraphSession } from '../src/compute/runtimes/runtime.ts';
import { buildTrainingGraph } from '../src/model/decoder/decoder-graph.ts';
import { checkpointPath, readModelConfig } from '../src/model/model-config.ts';
import { openTrainingSession } from '../src/model/training-session.ts';

const MODEL = 'marker-retrieval';
const BATCH = 16;
const SEQUENCE = 64;
const ROUNDS = 30;
const STEPS_PER_ROUND = 10;
const GEMM_SIZE = 768;
const SETTINGS = { stream: 'retrain-data', seed: 0, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 1 };

const shape = { batch: BATCH, sequence: SEQUENCE };
const flops = countMatmulFlops(buildTrainingGraph(await readModelConfig(MODEL), shape).graph);
const session = await openTrainingSession(MODEL, shape, CPU_TARGET);
await session.load({ weights: checkpointPath(MODEL, 0) });
const gemm = await createGemm();

const stepTimes: number[] = [];
const gemmTimes: number[] = [];
for (let round = -2; round < ROUNDS; round++) {
  const step = await meanTime(STEPS_PER_ROUND, (index) => session.step(SETTINGS, (round + 2) * STEPS_PER_ROUND + index, 0.001));
  const product = await meanTime(3, () => gemm.run());
  if (round < 0) continue; // warm-up
  stepTimes.push(step);
  gemmTimes.push(product);
}

const step = median(stepTimes);
const stepRate = flops / step / 1e6;
const gemmRate = (2 * GEMM_SIZE ** 3) / median(gemmTimes) / 1e6;
console.log(`built-in model, batch ${BATCH} x ${SEQUENCE}, ${ROUNDS} rounds of ${STEPS_PER_ROUND} steps, one thread`);
console.log(`  step        ${step.toFixed(2)} ms (fastest round ${Math.min(...stepTimes).toFixed(2)}, slowest ${Math.max(...stepTimes).toFixed(2)})`);
console.log(`  products    ${(flops / 1e6).toFixed(0)} MFLOP per step: ${stepRate.toFixed(0)} GFLOP/s over the whole step`);
console.log(`  GEMM peak   ${gemmRate.toFixed(0)} GFLOP/s (${GEMM_SIZE} cubed): the step reaches ${((100 * stepRate) / gemmRate).toFixed(0)} % of it`);

async function createGemm(): Promise<GraphSession> {
  const graph = new Graph();
  const square = [GEMM_SIZE, GEMM_SIZE];
  graph.output('product', graph.matmul(graph.input('a', square), graph.input('b', square)));
  const session = await openSession(graph, CPU_TARGET);
  session.feed('a', new Float32Array(GEMM_SIZE ** 2).fill(0.5));
  session.feed('b', new Float32Array(GEMM_SIZE ** 2).fill(0.25));
  return session;
}

/** Milliseconds per repetition. */
async function meanTime(repetitions: number, work: (index: number) => Promise<unknown>): Promise<number> {
  const start = performance.now();
  for (let index = 0; index < repetitions; index++) await work(index);
  return (performance.now() - start) / repetitions;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
