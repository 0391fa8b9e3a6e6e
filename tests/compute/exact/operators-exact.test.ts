/**
 * Every operator, forwards and backwards, and whole decoders: every generator of this machine gives the bits of the
 * plain scalar reference, for random shapes and for zeros of both signs, subnormal numbers and infinities.
 */
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { checkProgram } from '../../../src/compute/runtimes/exact/check-program.ts';
import { ExactSession } from '../../../src/compute/runtimes/exact/exact-session.ts';
import { generatorNamed, generatorsHere } from '../../../src/compute/runtimes/exact/generators.ts';
import { lowerGraph } from '../../../src/compute/runtimes/exact/lowering/lower.ts';
import type { Graph } from '../../../src/compute/graph/graph.ts';
import type { TensorData } from '../../../src/compute/runtimes/runtime.ts';
import { buildTrainingGraph } from '../../../src/model/decoder/decoder-graph.ts';
import {
  buildDifferentiated,
  buildForward,
  dataFor,
  differentiable,
  undifferentiable,
  type Case,
} from '../operator-cases.ts';
import { KINDS_OF_DECODERS, trainingFeeds } from '../small-decoders.ts';
import { expectSameBits } from './same-bits.ts';
import { evaluateExactly } from './scalar-reference.ts';

type Feeds = Record<string, TensorData>;

const BATCH_INPUTS = ['tokens', 'targets'];
/** Zeros, subnormal numbers, the least and the largest normal ones. */
const FINITE = [0, -0, 2 ** -149, -(2 ** -149), 2 ** -130, -1.5 * 2 ** -127, 2 ** -126, 3.4e38, -1e30];
const INFINITE = [Infinity, -Infinity];
/** Terms that a causal mask hides are left out, or are zero times a value: the same as long as that is finite. */
const MASKED = ['causalSoftmax', 'mixValues'];

async function run(graph: Graph, feeds: Feeds, generator: (typeof here)[number], times?: number): Promise<Feeds> {
  const program = lowerGraph(graph, times === undefined ? undefined : new Set(BATCH_INPUTS));
  checkProgram(program);
  const session = new ExactSession(program, generatorNamed(generator).compile(program), times ?? 1);
  for (const [name, data] of Object.entries(feeds)) session.feed(name, data);
  const results = await session.run();
  await session.release();
  return results;
}

/** Puts special values at some places. */
function withSpecialValues(feeds: Feeds, values: readonly number[], places: readonly [number, number][]): Feeds {
  const floats = Object.values(feeds).filter((data) => data instanceof Float32Array);
  for (const data of floats)
    for (const [place, value] of places) data[place % data.length] = values[value % values.length]!;
  return feeds;
}

const here = generatorsHere();
const operators: [string, fc.Arbitrary<Case>, (generated: Case) => Graph][] = [
  ...Object.entries(differentiable).map(([name, cases]): [string, typeof cases, typeof buildForward] => [
    name,
    cases,
    buildDifferentiated,
  ]),
  ...Object.entries(undifferentiable).map(([name, cases]): [string, typeof cases, typeof buildForward] => [
    name,
    cases,
    buildForward,
  ]),
];
const places = fc.array(fc.tuple(fc.nat(200), fc.nat(20)), { maxLength: 6 });

describe.each(here)('on %s', (generator) => {
  it.each(operators)('%s and its gradient have the bits of the scalar reference', async (name, cases, build) => {
    const values = MASKED.includes(name) ? FINITE.slice(0, -2) : [...FINITE, ...INFINITE];
    await fc.assert(
      fc.asyncProperty(cases, fc.nat(1000), places, async (generated, seed, special) => {
        const graph = build(generated);
        const feeds = withSpecialValues(
          Object.fromEntries(generated.inputs.map((input, index) => [`x${index}`, dataFor(input, seed + index)])),
          values,
          special,
        );
        expectSameBits(await run(graph, feeds, generator), evaluateExactly(graph, feeds));
      }),
      { numRuns: 5 },
    );
  });

  it.each(KINDS_OF_DECODERS.flatMap(([kind, config]) => [5, 19].map((sequence) => [kind, sequence, config] as const)))(
    'a training step of a %s on sequences of %i tokens has the bits of the scalar reference',
    async (_, sequence, plain) => {
      const config = 'positions' in plain ? { ...plain, positions: sequence } : plain;
      const times = 3;
      const whole = buildTrainingGraph(config, { batch: times, sequence }).graph;
      const feeds = trainingFeeds(whole);
      expectSameBits(await run(whole, feeds, generator), evaluateExactly(whole, feeds));
      const { graph } = buildTrainingGraph(config, { batch: 1, sequence }, { repetitions: times });
      const repetition = { advancing: BATCH_INPUTS, times };
      expectSameBits(await run(graph, feeds, generator, times), evaluateExactly(graph, feeds, repetition));
    },
  );
});
