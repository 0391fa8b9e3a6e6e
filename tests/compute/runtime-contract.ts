/** The tests that every runtime must pass, whatever it computes on. */
import { MessageChannel } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { computesAsIeee } from '../../src/base/ieee-arithmetic.ts';
import { Graph } from '../../src/compute/graph/graph.ts';
import { evaluateReference } from '../../src/compute/runtimes/reference/reference-runtime.ts';
import type { GraphSession, TensorData } from '../../src/compute/runtimes/runtime.ts';
import { buildTrainingGraph } from '../../src/model/decoder/decoder-graph.ts';
import {
  buildDifferentiated,
  buildForward,
  dataFor,
  differentiable,
  expectClose,
  undifferentiable,
  type Case,
} from './operator-cases.ts';
import { KINDS_OF_DECODERS, LLAMA, trainingFeeds } from './small-decoders.ts';

/** Declares the tests for one runtime. */
export function describeRuntime(name: string, open: (graph: Graph) => Promise<GraphSession>): void {
  describe(name, () => {
    /** Feeds a new session, runs it once and releases it. */
    async function evaluate(graph: Graph, feeds: Record<string, TensorData>): Promise<Record<string, TensorData>> {
      const session = await open(graph);
      for (const [input, data] of Object.entries(feeds)) session.feed(input, data);
      const outputs = await session.run();
      await session.release();
      return outputs;
    }

    const operators: [string, fc.Arbitrary<Case>, (generated: Case) => Graph][] = [
      ...Object.entries(differentiable).map(([operator, cases]): [string, typeof cases, typeof buildDifferentiated] => [
        operator,
        cases,
        buildDifferentiated,
      ]),
      ...Object.entries(undifferentiable).map(([operator, cases]): [string, typeof cases, typeof buildForward] => [
        operator,
        cases,
        buildForward,
      ]),
    ];
    it.each(operators)('computes %s and its gradient as the float64 reference does', async (_, cases, build) => {
      await fc.assert(
        fc.asyncProperty(cases, fc.nat(1000), async (generated, seed) => {
          const graph = build(generated);
          const feeds = Object.fromEntries(
            generated.inputs.map((input, index) => [`x${index}`, dataFor(input, seed + index)]),
          );
          const actual = await evaluate(graph, feeds);
          const expected = evaluateReference(graph, feeds);
          expect(Object.keys(actual).toSorted()).toEqual(Object.keys(expected).toSorted());
          for (const output of Object.keys(expected)) expectClose(actual[output]!, expected[output]!, 2e-5, output);
        }),
        { numRuns: 5 },
      );
    });

    const parts: [string, Parameters<typeof buildTrainingGraph>[2]][] = [
      ['all logits at once', {}],
      ['the logits of five tokens at a time', { logitsAtOnce: 5 * LLAMA.vocabulary }],
      ['blocks computed twice', { recomputes: true }],
    ];
    it.each(KINDS_OF_DECODERS.flatMap(([kind, config]) => parts.map((part) => [kind, ...part, config] as const)))(
      'takes loss and gradients of a %s with %s as the float64 reference does',
      async (_, __, options, config) => {
        const { graph } = buildTrainingGraph(config, { batch: 3, sequence: 6 }, options);
        const feeds = trainingFeeds(graph);
        const actual = await evaluate(graph, feeds);
        for (const [output, expected] of Object.entries(evaluateReference(graph, feeds)))
          expectClose(actual[output]!, expected, 1e-4, output);
      },
    );

    it('reads what is fed anew at each run', async () => {
      const graph = new Graph();
      graph.output('doubled', graph.affine(graph.input('x', [2]), 2));
      const x = Float32Array.of(1, 2);
      const session = await open(graph);
      session.feed('x', x);
      expect([...(await session.run()).doubled!]).toEqual([2, 4]);
      x.set([3, 4]);
      expect([...(await session.run()).doubled!]).toEqual([6, 8]);
      session.feed('x', Float32Array.of(5, 6)); // bound to other memory from here on
      expect([...(await session.run()).doubled!]).toEqual([10, 12]);
      await session.release();
    });

    it('writes into the memory that an output is bound to, at every run', async () => {
      const graph = new Graph();
      const x = graph.input('x', [2]);
      graph.output('negated', graph.affine(x, -1));
      graph.output('largest', graph.argmax(x));
      const [data, negated, largest] = [Float32Array.of(1, 2), new Float32Array(2), new Int32Array(1)];
      const session = await open(graph);
      session.feed('x', data);
      session.fetch('negated', negated);
      session.fetch('largest', largest);
      const outputs = await session.run();
      expect([[...negated], [...largest]]).toEqual([[-1, -2], [1]]);
      expect([[...outputs.negated!], [...outputs.largest!]]).toEqual([[-1, -2], [1]]);
      data.set([8, 7]);
      await session.run();
      expect([[...negated], [...largest]]).toEqual([[-8, -7], [0]]);
      await session.release();
    });

    it('gives inputs, constants, views and one value under two names as outputs, none of them the memory of an input', async () => {
      const graph = new Graph();
      const x = graph.input('x', [2, 2]);
      const sum = graph.add(x, graph.scalar(1));
      graph.output('itself', x);
      graph.output('flat', graph.reshape(x, [4]));
      graph.output('constant', graph.constant(Int32Array.of(3, 4), [2]));
      graph.output('first', sum);
      graph.output('second', sum);
      const data = Float32Array.of(1, 2, 3, 4);
      const outputs = await evaluate(graph, { x: data });
      data.fill(0);
      expect(Object.fromEntries(Object.entries(outputs).map(([output, values]) => [output, [...values]]))).toEqual({
        itself: [1, 2, 3, 4],
        flat: [1, 2, 3, 4],
        constant: [3, 4],
        first: [2, 3, 4, 5],
        second: [2, 3, 4, 5],
      });
    });

    it('says which input or output there is not', async () => {
      const graph = new Graph();
      graph.output('y', graph.exp(graph.input('x', [2])));
      const session = await open(graph);
      expect(() => session.feed('y', new Float32Array(2))).toThrow(new Error('The graph has no input y.'));
      expect(() => session.fetch('x', new Float32Array(2))).toThrow(new Error('The graph has no output x.'));
      await session.release();
    });

    it('does not run with an input unfed, nor take data of another size or type', async () => {
      const graph = new Graph();
      graph.output('y', graph.exp(graph.input('x', [2])));
      const session = await open(graph);
      await expect(session.run()).rejects.toThrow(/\bx\b/);
      const feeding = async (data: TensorData) => {
        session.feed('x', data);
        return session.run();
      };
      await expect(feeding(new Float32Array(3))).rejects.toThrow();
      await expect(feeding(new Int32Array(2))).rejects.toThrow();
      await session.release();
    });

    it('leaves the thread as it was: JavaScript goes on with subnormal numbers', async () => {
      const graph = new Graph();
      graph.output('y', graph.exp(graph.affine(graph.input('x', [2]), 2)));
      const session = await open(graph);
      session.feed('x', new Float32Array(2));
      expect(computesAsIeee()).toBe(true);
      for (let run = 0; run < 2; run++) {
        await session.run();
        expect(computesAsIeee()).toBe(true);
      }
      await session.release();
      expect(computesAsIeee()).toBe(true);
    });

    it('gives the same bits again: the run, and another session', async () => {
      const { graph } = buildTrainingGraph(LLAMA, { batch: 2, sequence: 5 });
      const feeds = trainingFeeds(graph);
      const session = await open(graph);
      for (const [input, data] of Object.entries(feeds)) session.feed(input, data);
      const first = bits(await session.run());
      expect(bits(await session.run())).toEqual(first);
      await session.release();
      expect(bits(await evaluate(graph, feeds))).toEqual(first);
    });

    it('runs sessions side by side without mixing them up', async () => {
      const sessions = await Promise.all(
        [1, 2, 3].map(async (factor) => {
          const graph = new Graph();
          graph.output('scaled', graph.affine(graph.input('x', [2]), factor));
          const session = await open(graph);
          session.feed('x', Float32Array.of(1, 10));
          return session;
        }),
      );
      const results = await Promise.all(sessions.map((session) => session.run()));
      expect(results.map(({ scaled }) => [...scaled!])).toEqual([
        [1, 10],
        [2, 20],
        [3, 30],
      ]);
      await Promise.all(sessions.map((session) => session.release()));
    });

    it('leaves timers and messages their turn between runs', async () => {
      const graph = new Graph();
      graph.output('doubled', graph.affine(graph.input('x', [2]), 2));
      const session = await open(graph);
      session.feed('x', Float32Array.of(1, 2));
      let heard = false;
      const { port1, port2 } = new MessageChannel();
      port2.on('message', () => (heard = true));
      port1.postMessage('stop');
      for (let run = 0; run < 1000 && !heard; run++) await session.run();
      expect(heard).toBe(true);
      port1.close();
      await session.release();
    });

    it('does not run once it is released', async () => {
      const graph = new Graph();
      graph.output('y', graph.exp(graph.input('x', [2])));
      const session = await open(graph);
      session.feed('x', new Float32Array(2));
      await session.release();
      await expect(session.run()).rejects.toThrow();
    });
  });
}

function bits(outputs: Record<string, TensorData>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, data]) => [
      name,
      Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'),
    ]),
  );
}
