/** What graphs are lowered to, executed by the plain interpreter: the contract of runtimes, and sums over sequences. */
import { describe, it } from 'vitest';
import { ExactSession } from '../../../src/compute/runtimes/exact/exact-session.ts';
import { checkProgram } from '../../../src/compute/runtimes/exact/check-program.ts';
import { lowerGraph } from '../../../src/compute/runtimes/exact/lowering/lower.ts';
import type { Graph } from '../../../src/compute/graph/graph.ts';
import { evaluateReference } from '../../../src/compute/runtimes/reference/reference-runtime.ts';
import { buildTrainingGraph } from '../../../src/model/decoder/decoder-graph.ts';
import { expectClose } from '../operator-cases.ts';
import { describeRuntime } from '../runtime-contract.ts';
import { KINDS_OF_DECODERS, trainingFeeds } from '../small-decoders.ts';
import { interpreter } from './interpreter.ts';

const BATCH_INPUTS = ['tokens', 'targets'];

function open(graph: Graph, repetitions?: number): ExactSession {
  const program = lowerGraph(graph, repetitions === undefined ? undefined : new Set(BATCH_INPUTS));
  checkProgram(program);
  return new ExactSession(program, interpreter.compile(program), repetitions ?? 1);
}

describeRuntime('exact, interpreted', (graph) => Promise.resolve(open(graph)));

describe('a graph that is computed once per sequence', () => {
  it.each(
    KINDS_OF_DECODERS.flatMap(([kind, config]) => [5, 16, 37].map((sequence) => [kind, sequence, config] as const)),
  )('gives loss and gradients of the whole batch: %s, %i tokens', async (_, sequence, plain) => {
    const config = 'positions' in plain ? { ...plain, positions: sequence } : plain;
    const batch = 3;
    const whole = buildTrainingGraph(config, { batch, sequence });
    const feeds = trainingFeeds(whole.graph);
    const { graph } = buildTrainingGraph(config, { batch: 1, sequence }, { repetitions: batch });
    const session = open(graph, batch);
    for (const [input, data] of Object.entries(feeds)) session.feed(input, data);
    await session.run();
    const actual = await session.run(); // sums begin anew
    for (const [output, expected] of Object.entries(evaluateReference(whole.graph, feeds)))
      expectClose(actual[output]!, expected, 1e-4, output);
  });
});
