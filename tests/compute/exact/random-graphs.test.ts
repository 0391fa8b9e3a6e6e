/**
 * Random graphs of many operators, run once and once per sequence: the interpreted program and those of this machine's
 * generators give the bits of the scalar reference, and nearly the numbers of the float64 reference.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Graph } from '../../../src/compute/graph/graph.ts';
import { checkProgram } from '../../../src/compute/runtimes/exact/check-program.ts';
import { ExactSession } from '../../../src/compute/runtimes/exact/exact-session.ts';
import { generatorNamed, generatorsHere } from '../../../src/compute/runtimes/exact/generators.ts';
import type { Generator } from '../../../src/compute/runtimes/exact/language.ts';
import { lowerGraph } from '../../../src/compute/runtimes/exact/lowering/lower.ts';
import { evaluateReference } from '../../../src/compute/runtimes/reference/reference-runtime.ts';
import type { TensorData } from '../../../src/compute/runtimes/runtime.ts';
import { elementCount } from '../../../src/base/element-count.ts';
import { interpreter } from './interpreter.ts';
import { buildRandomGraph, feedsFor, recipes } from './random-graph.ts';
import { expectSameBits } from './same-bits.ts';
import { evaluateExactly } from './scalar-reference.ts';

type Feeds = Record<string, TensorData>;
type Built = ReturnType<typeof buildRandomGraph>;

/** Runs twice: sums begin anew, and nothing of the first run is left. */
async function run({ graph, advancing }: Built, feeds: Feeds, generator: Generator, times?: number): Promise<Feeds> {
  const program = lowerGraph(graph, times === undefined ? undefined : new Set(advancing));
  checkProgram(program);
  const session = new ExactSession(program, generator.compile(program), times ?? 1);
  for (const [name, data] of Object.entries(feeds)) session.feed(name, data);
  await session.run();
  const results = await session.run();
  await session.release();
  return results;
}

/** What the float64 reference makes of every repetition, summed up unless it is the same in all. */
function referenceSums({ graph, advancing }: Built, feeds: Feeds, times: number): Record<string, Float64Array> {
  const varying = new Set(advancing.map((name) => graph.inputs.get(name)!));
  for (const { inputs, output } of graph.nodes) if (inputs.some((input) => varying.has(input))) varying.add(output);
  const parts = Array.from({ length: times }, (_, index) =>
    evaluateReference(
      graph,
      Object.fromEntries(
        [...graph.inputs].map(([name, { shape }]) => {
          const length = elementCount(shape);
          const first = advancing.includes(name) ? index * length : 0;
          return [name, feeds[name]!.subarray(first, first + length)];
        }),
      ),
    ),
  );
  return Object.fromEntries(
    [...graph.outputs].map(([name, value]) => [
      name,
      varying.has(value)
        ? parts[0]![name]!.map((_, index) => parts.reduce((sum, part) => sum + part[name]![index]!, 0))
        : parts[0]![name]!,
    ]),
  );
}

function expectNear(actual: Feeds, expected: Record<string, Float64Array>): void {
  for (const [name, data] of Object.entries(expected)) {
    const largest = data.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
    if (largest > 1e6) continue; // float32 may not hold what leads there
    const distance = data.reduce((most, x, index) => Math.max(most, Math.abs(x - actual[name]![index]!)), 0);
    expect({ [name]: distance / largest }).toEqual({ [name]: expect.closeTo(0, 2) as number });
  }
}

const GENERATORS: [string, Generator][] = [
  ['interpreter', interpreter],
  ...generatorsHere().map((name): [string, Generator] => [name, generatorNamed(name)]),
];
const RUNS = 25;

it.each(GENERATORS)('%s: a graph that is run once', async (_, generator) => {
  await fc.assert(
    fc.asyncProperty(recipes, async (recipe) => {
      const built = buildRandomGraph(recipe);
      const feeds = feedsFor(built, recipe.seed, 1);
      const actual = await run(built, feeds, generator);
      expectNear(actual, referenceSums(built, feeds, 1));
      expectSameBits(actual, evaluateExactly(built.graph, feeds));
    }),
    { numRuns: RUNS },
  );
});

it.each(GENERATORS)('%s: a graph that is run once per sequence', async (_, generator) => {
  await fc.assert(
    fc.asyncProperty(recipes, async (recipe) => {
      const times = 3;
      const built = buildRandomGraph(recipe);
      const feeds = feedsFor(built, recipe.seed, times);
      const actual = await run(built, feeds, generator, times);
      expectNear(actual, referenceSums(built, feeds, times));
      expectSameBits(actual, evaluateExactly(built.graph, feeds, { advancing: built.advancing, times }));
    }),
    { numRuns: RUNS },
  );
});

it.each(GENERATORS)('%s: a product over the batch of masked weights, not over what is masked', async (_, generator) => {
  const graph = new Graph();
  const weights = graph.causalSoftmax(graph.input('scores', [20, 20, 20]));
  const a = graph.input('a', [20, 7, 20]);
  graph.output('product', graph.matmul(a, weights, { batchB: 'inner' }));
  const built = { graph, advancing: [], below: new Map<string, number>() };
  const feeds = feedsFor(built, 1, 1);
  expectSameBits(await run(built, feeds, generator), evaluateExactly(graph, feeds));
});
