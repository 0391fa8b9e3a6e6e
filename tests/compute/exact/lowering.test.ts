/** Graphs that are computed once per sequence give the loss and the gradients of the whole batch. */
import { describe, it } from 'vitest';
import { openSession } from '../../../src/compute/runtimes/open-session.ts';
import { CPU_TARGET } from '../../../src/compute/runtimes/runtime.ts';
import { evaluateReference } from '../../../src/compute/runtimes/reference/reference-runtime.ts';
import { buildTrainingGraph } from '../../../src/model/decoder/decoder-graph.ts';
import { expectClose } from '../operator-cases.ts';
import { KINDS_OF_DECODERS, trainingFeeds } from '../small-decoders.ts';

const BATCH = 3;
const SHAPES: [string, { logitsAtOnce?: number; recomputes?: boolean }, number][] = [
  ['', {}, 16],
  [', blocks computed twice', { recomputes: true }, 19],
  [', the logits of five tokens at a time', { logitsAtOnce: 35 }, 19],
];

describe('a graph that is computed once per sequence', () => {
  it.each(KINDS_OF_DECODERS.flatMap(([kind, config]) => SHAPES.map((shape) => [kind, ...shape, config] as const)))(
    'gives loss and gradients of the whole batch: %s%s',
    async (_, __, options, sequence, plain) => {
      const config = 'positions' in plain ? { ...plain, positions: sequence } : plain;
      const whole = buildTrainingGraph(config, { batch: BATCH, sequence });
      const feeds = trainingFeeds(whole.graph);
      const { graph, batchInputs } = buildTrainingGraph(
        config,
        { batch: 1, sequence },
        { repetitions: BATCH, ...options },
      );
      const repetition = { advancing: batchInputs, times: BATCH };
      const session = await openSession(graph, { ...CPU_TARGET, engine: 'exact' }, repetition);
      for (const [input, data] of Object.entries(feeds)) session.feed(input, data);
      await session.run();
      const actual = await session.run(); // sums begin anew
      await session.release();
      for (const [output, expected] of Object.entries(evaluateReference(whole.graph, feeds)))
        expectClose(actual[output]!, expected, 1e-4, output);
    },
  );
});
