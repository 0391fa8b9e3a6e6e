/**
 * Every operator, on random shapes and data: the ONNX runtime computes what the float64 reference computes, and its
 * gradient is the central difference of the reference.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/compute/autodiff/gradients.ts';
import { Graph } from '../../src/compute/graph/graph.ts';
import type { Value } from '../../src/compute/graph/operation.ts';
import { openSession } from '../../src/compute/runtimes/open-session.ts';
import { CPU_TARGET } from '../../src/compute/runtimes/runtime.ts';
import { evaluateReference } from '../../src/compute/runtimes/reference/reference-runtime.ts';
import { buildDifferentiated, dataFor, differentiable, expectClose } from './operator-cases.ts';

describe.each(Object.entries(differentiable))('%s', (_, arbitrary) => {
  it('computes the same in ONNX Runtime as in the float64 reference, and its gradient is the finite difference', async () => {
    await fc.assert(
      fc.asyncProperty(arbitrary, fc.nat(1000), async (generated, seed) => {
        const graph = buildDifferentiated(generated);
        const data = generated.inputs.map((input, index) => dataFor(input, seed + index));
        const session = await openSession(graph, CPU_TARGET);
        data.forEach((values, index) => session.feed(`x${index}`, values));
        const actual = await session.run();
        await session.release();
        const feeds = Object.fromEntries(data.map((values, index) => [`x${index}`, values]));
        const expected = evaluateReference(graph, feeds);
        for (const name of Object.keys(expected)) expectClose(actual[name]!, expected[name]!, 2e-5, name);

        data.forEach((values, index) => {
          if (values instanceof Int32Array) return;
          const numeric = Float64Array.from(values, (_, element) => {
            const shifted = (by: number) => {
              const moved = Float64Array.from(values);
              moved[element]! += by;
              return evaluateReference(graph, { ...feeds, [`x${index}`]: moved }).loss![0]!;
            };
            return (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
          });
          expectClose(expected[`gradient${index}`]!, numeric, 1e-6, `finite difference of x${index}`);
        });
      }),
      { numRuns: 12 },
    );
  });
});

describe('operators without a gradient', () => {
  it('oneHot and argmax agree with the reference, the first of equal maxima winning', async () => {
    const graph = new Graph();
    const index = graph.input('index', [4], 'int32');
    const scores = graph.input('scores', [2, 3]);
    graph.output('oneHot', graph.oneHot(index, 3));
    graph.output('argmax', graph.argmax(scores));
    const session = await openSession(graph, CPU_TARGET);
    session.feed('index', Int32Array.of(2, 0, 1, 2));
    session.feed('scores', Float32Array.of(1, 3, 3, -1, -2, -1));
    const { oneHot, argmax } = await session.run();
    expect([...oneHot!]).toEqual([0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1]);
    expect([...argmax!]).toEqual([1, 0]);
    await session.release();
  });

  it('maximum agrees with the reference and broadcasts', async () => {
    const graph = new Graph();
    graph.output('larger', graph.maximum(graph.input('x', [2, 3]), graph.scalar(0.5)));
    const session = await openSession(graph, CPU_TARGET);
    const x = Float32Array.of(-1, 0.5, 2, 0.25, 7, -3);
    session.feed('x', x);
    const { larger } = await session.run();
    expect([...larger!]).toEqual([0.5, 0.5, 2, 0.5, 7, 0.5]);
    expect([...evaluateReference(graph, { x }).larger!]).toEqual([...larger!]);
    await session.release();
  });

  it('refuses a reshape that changes the number of elements, of an expanded value and of a constant too', () => {
    const graph = new Graph();
    const spread = graph.expand(graph.input('x', [1, 1]), [2, 3]);
    expect(() => graph.reshape(spread, [5])).toThrow('[2,3] does not reshape to [5].');
    expect(() => graph.reshape(graph.constant(new Float32Array(6), [2, 3]), [5])).toThrow(
      '[2,3] does not reshape to [5].',
    );
  });

  it('refuses to differentiate through them', () => {
    const graph = new Graph();
    const scores = graph.input('scores', [2, 3]);
    const picked = graph.mul(graph.sum(scores, [0, 1]), graph.reshape(graph.sum(graph.argmax(scores), [0]), [1, 1]));
    expect(() => gradients(graph, graph.reshape(picked, [1]), [scores])).toThrow('argmax has no gradient');
  });
});

describe('the gradient of a log-softmax', () => {
  const rows = 3;
  const columns = 4;
  const scores = Float64Array.from({ length: rows * columns }, (_, element) => Math.sin(3 * element));
  /** The largest difference to the finite differences of a scalar of the log-probabilities. */
  function error(scalarOf: (graph: Graph, logProbabilities: Value, index: Value) => Value): number {
    const graph = new Graph();
    const x = graph.input('x', [rows, columns]);
    const loss = scalarOf(graph, graph.logSoftmax(x), graph.input('index', [rows], 'int32'));
    graph.output('loss', graph.reshape(loss, [1]));
    graph.output('gradient', gradients(graph, loss, [x])[0]!);
    const at = (moved: Float64Array) => evaluateReference(graph, { x: moved, index: [2, 0, 3] });
    const exact = at(scores).gradient!;
    return Math.max(
      ...exact.map((value, element) => {
        const shifted = (by: number) =>
          at(scores.map((score, position) => score + (position === element ? by : 0))).loss![0]!;
        return Math.abs(value - (shifted(1e-5) - shifted(-1e-5)) / 2e-5);
      }),
    );
  }
  const weights = (graph: Graph, shape: number[]) =>
    graph.constant(
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, element) => element + 1),
      shape,
    );

  it('is right for the mean of what was picked', () => {
    expect(
      error((graph, logs, index) => graph.affine(graph.sum(graph.pick(logs, index), [0]), -1 / rows)),
    ).toBeLessThan(1e-8);
  });
  it('is right for a weighted sum of what was picked', () => {
    expect(
      error((graph, logs, index) => graph.sum(graph.mul(graph.pick(logs, index), weights(graph, [rows])), [0])),
    ).toBeLessThan(1e-8);
  });
  it('is right where a one-hot matrix is weighted element by element', () => {
    expect(
      error((graph, logs, index) =>
        graph.sum(graph.mul(logs, graph.mul(graph.oneHot(index, columns), weights(graph, [rows, columns]))), [0, 1]),
      ),
    ).toBeLessThan(1e-8);
  });
  it('is right where a one-hot row is spread over all rows', () => {
    const row = (graph: Graph) => graph.oneHot(graph.constant(Int32Array.of(1), [1]), columns);
    expect(
      error((graph, logs) => graph.sum(graph.mul(logs, graph.mul(row(graph), weights(graph, [rows, 1]))), [0, 1])),
    ).toBeLessThan(1e-8);
  });
  it('is right for more than two axes', () => {
    const marks = (graph: Graph, index: Value) => graph.oneHot(graph.reshape(index, [1, rows]), columns);
    expect(
      error((graph, logs, index) =>
        graph.affine(
          graph.sum(
            graph.mul(graph.logSoftmax(graph.reshape(logs, [1, rows, columns])), marks(graph, index)),
            [0, 1, 2],
          ),
          -0.25,
        ),
      ),
    ).toBeLessThan(1e-8);
  });
  it('is right where the log-probabilities are used besides', () => {
    expect(
      error((graph, logs, index) =>
        graph.add(
          graph.reshape(graph.sum(graph.pick(logs, index), [0]), [1, 1]),
          graph.sum(graph.square(logs), [0, 1]),
        ),
      ),
    ).toBeLessThan(1e-8);
  });
});

describe('wide vocabularies', () => {
  it('sum repeated rows when the table is too wide for a one-hot product', async () => {
    const graph = new Graph();
    const rows = 2000;
    graph.output(
      'sums',
      graph.scatterAddRows(graph.input('updates', [3, 2]), graph.input('index', [3], 'int32'), rows),
    );
    graph.output('marked', graph.oneHot(graph.inputs.get('index')!, rows));
    const session = await openSession(graph, CPU_TARGET);
    session.feed('updates', Float32Array.of(1, 2, 3, 4, 5, 6));
    session.feed('index', Int32Array.of(1999, 7, 1999));
    const { sums, marked } = (await session.run()) as Record<'sums' | 'marked', Float32Array>;
    expect([...sums.slice(14, 16), ...sums.slice(-2)]).toEqual([3, 4, 6, 8]);
    expect(sums.reduce((total, x) => total + x, 0)).toBe(21);
    expect([marked[1999], marked[rows + 7], marked.reduce((total, x) => total + x, 0)]).toEqual([1, 1, 3]);
    await session.release();
  });
});
