/**
 * Finds out whether a target really works: a graph with what a training step needs (look-ups, products, a softmax, the
 * gradients of all of it) is executed there, and every number is compared with the float64 reference.
 */
import { gradients } from '../autodiff/gradients.ts';
import { Graph } from '../graph/graph.ts';
import { openSession } from './open-session.ts';
import { evaluateReference } from './reference/reference-runtime.ts';
import type { ExecutionTarget, GraphSession, Precision } from './runtime.ts';

/** The largest deviation from float64, as a share of an output's largest number, that arithmetic explains. */
const TOLERANCE: Record<Precision, number> = { float32: 1e-5, tf32: 1e-2, bf16: 5e-2 };

const [VOCABULARY, WIDTH, TOKENS] = [32, 16, 24];

export interface ProbeResult {
  /** Whether every output is what the reference gives, within the tolerance. */
  agrees: boolean;
  /** Largest difference from the reference, as a share of the output's largest number. */
  deviation: number;
  tolerance: number;
}

/** @throws UnavailableTarget if this machine cannot execute graphs that way */
export async function probeTarget(target: ExecutionTarget): Promise<ProbeResult> {
  const { graph, feeds } = trainingLike();
  const expected = evaluateReference(graph, feeds);
  const session = await openSession(graph, target);
  for (const [name, data] of Object.entries(feeds)) session.feed(name, data);
  await session.run(); // a second run must give the same: buffers are reused
  const results = await session.run();
  await session.release();
  const deviation = Math.max(
    ...Object.entries(expected).map(([name, numbers]) => largestDeviation(results[name]!, numbers)),
  );
  const tolerance = TOLERANCE[target.precision];
  return { agrees: deviation <= tolerance, deviation, tolerance };
}

/** Whether graphs have zeros in the place of subnormal numbers (subnormals.ts). */
export async function flushesSubnormals(target: ExecutionTarget): Promise<boolean> {
  const graph = new Graph();
  graph.output('doubled', graph.affine(graph.input('x', [1]), 2));
  const session = await openSession(graph, target);
  session.feed('x', Float32Array.of(2 ** -130));
  const { doubled } = await session.run();
  await session.release();
  return doubled![0] === 0;
}

/**
 * Billions of floating-point operations per second in a product of square matrices, the best of repeated runs: on the
 * CPU, what one core can reach.
 * @param seconds to spend, after a first run
 */
export async function measureGemm(open: (graph: Graph) => Promise<GraphSession>, seconds: number): Promise<number> {
  const size = 512;
  const graph = new Graph();
  const square = [size, size];
  graph.output('product', graph.matmul(graph.input('a', square), graph.input('b', square)));
  const session = await open(graph);
  session.feed('a', new Float32Array(size * size).fill(0.5));
  session.feed('b', new Float32Array(size * size).fill(0.25));
  session.fetch('product', new Float32Array(size * size));
  await session.run();
  let best = Infinity;
  for (const end = performance.now() + 1000 * seconds; performance.now() < end;) {
    const start = performance.now();
    await session.run();
    best = Math.min(best, performance.now() - start);
  }
  await session.release();
  return (2 * size ** 3) / best / 1e6;
}

function trainingLike() {
  const graph = new Graph();
  const table = graph.input('table', [VOCABULARY, WIDTH]);
  const weight = graph.input('weight', [WIDTH, WIDTH]);
  const tokens = graph.input('tokens', [TOKENS], 'int32');
  const targets = graph.input('targets', [TOKENS], 'int32');
  const x = graph.gatherRows(table, tokens);
  const attention = graph.causalSoftmax(graph.matmul(x, x, { transB: true, alpha: WIDTH ** -0.5 }));
  const hidden = graph.silu(graph.matmul(graph.matmul(attention, x), weight));
  const logits = graph.matmul(hidden, table, { transB: true });
  const loss = graph.affine(graph.sum(graph.pick(graph.logSoftmax(logits), targets), [0]), -1 / TOKENS);
  graph.output('loss', loss);
  gradients(graph, loss, [table, weight]).forEach((gradient, index) => graph.output(`gradient:${index}`, gradient));
  const waves = (length: number, frequency: number) =>
    Float32Array.from({ length }, (_, index) => Math.sin(frequency * (index + 1)));
  const indices = (factor: number) => Int32Array.from({ length: TOKENS }, (_, index) => (factor * index) % VOCABULARY);
  const feeds = {
    table: waves(VOCABULARY * WIDTH, 1.7),
    weight: waves(WIDTH * WIDTH, 2.3),
    tokens: indices(5),
    targets: indices(11),
  };
  return { graph, feeds };
}

function largestDeviation(numbers: ArrayLike<number>, expected: Float64Array): number {
  if (numbers.length !== expected.length) return Infinity;
  const largest = expected.reduce((peak, value) => Math.max(peak, Math.abs(value)), 0);
  const differences = expected.map((value, index) => Math.abs(value - numbers[index]!));
  return differences.some(Number.isNaN) ? Infinity : Math.max(...differences) / largest;
}
