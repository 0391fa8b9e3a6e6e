/**
 * Every operator on random shapes and data: what the suites of operators and of runtimes generate their graphs from.
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import { gradients } from '../../src/compute/autodiff/gradients.ts';
import { Graph } from '../../src/compute/graph/graph.ts';
import type { OperatorName, Value } from '../../src/compute/graph/operation.ts';
import { elementCount } from '../../src/base/element-count.ts';

/** A generated case: inputs (with the range of their data) and the operator applied to them. */
export interface Case {
  inputs: { shape: number[]; low?: number; high?: number; integers?: number }[];
  apply(graph: Graph, inputs: Value[]): Value;
}

const length = fc.integer({ min: 1, max: 5 });
const shape = fc.array(length, { minLength: 1, maxLength: 3 });

/** Two shapes that broadcast: some axes of either are 1, leading ones of the second may be missing. */
const broadcastPair = fc
  .tuple(
    fc.array(fc.tuple(length, fc.constantFrom('both', 'left', 'right')), { minLength: 1, maxLength: 3 }),
    fc.nat(2),
  )
  .map(([axes, dropped]) => ({
    left: axes.map(([n, which]) => (which === 'right' ? 1 : n)),
    right: axes.map(([n, which]) => (which === 'left' ? 1 : n)).slice(Math.min(dropped, axes.length - 1)),
  }));

const binary = (name: 'add' | 'sub' | 'mul' | 'div') =>
  broadcastPair.map(({ left, right }): Case => ({
    inputs: [{ shape: left }, { shape: right, low: 0.5, high: 2 }],
    apply: (graph, [a, b]) => graph[name](a!, b!),
  }));

const unary = (
  name: 'exp' | 'sigmoid' | 'silu' | 'gelu' | 'erf' | 'square' | 'log' | 'sqrt' | 'rsqrt',
  low = -2,
  high = 2,
) =>
  shape.map((dimensions): Case => ({
    inputs: [{ shape: dimensions, low, high }],
    apply: (graph, [x]) => graph[name](x!),
  }));

const matmul = fc
  .record({
    rank: fc.constantFrom(2, 3),
    batch: length,
    m: length,
    k: length,
    n: length,
    transA: fc.boolean(),
    transB: fc.boolean(),
    innerA: fc.boolean(),
    innerB: fc.boolean(),
  })
  .map(({ rank, batch, m, k, n, transA, transB, innerA, innerB }): Case => {
    const operand = (rows: number, columns: number, transposed: boolean, inner: boolean) => {
      const [first, second] = transposed ? [columns, rows] : [rows, columns];
      return rank === 2 ? [first, second] : inner ? [first, batch, second] : [batch, first, second];
    };
    return {
      inputs: [{ shape: operand(m, k, transA, innerA) }, { shape: operand(k, n, transB, innerB) }],
      apply: (graph, [a, b]) =>
        graph.matmul(a!, b!, {
          transA,
          transB,
          alpha: 0.7,
          ...(rank === 3 ? { batchA: innerA ? 'inner' : 'leading', batchB: innerB ? 'inner' : 'leading' } : {}),
        }),
    };
  });

const indexed = fc.record({ count: length, columns: fc.integer({ min: 2, max: 6 }) });

type WithoutGradient = 'oneHot' | 'argmax' | 'maximum';

export const differentiable: Record<
  Exclude<OperatorName, 'input' | 'constant' | WithoutGradient>,
  fc.Arbitrary<Case>
> = {
  add: binary('add'),
  sub: binary('sub'),
  mul: binary('mul'),
  div: binary('div'),
  affine: shape.map((dimensions): Case => ({
    inputs: [{ shape: dimensions }],
    apply: (graph, [x]) => graph.affine(x!, -1.7, 0.3),
  })),
  exp: unary('exp'),
  sigmoid: unary('sigmoid'),
  silu: unary('silu'),
  gelu: unary('gelu', -3, 3),
  erf: unary('erf', -3, 3),
  square: unary('square'),
  log: unary('log', 0.5, 3),
  sqrt: unary('sqrt', 0.5, 3),
  rsqrt: unary('rsqrt', 0.5, 3),
  matmul,
  sum: fc.tuple(shape, fc.array(fc.nat(2))).map(([dimensions, axes]): Case => ({
    inputs: [{ shape: dimensions }],
    apply: (graph, [x]) => graph.sum(x!, [...new Set(axes.filter((axis) => axis < dimensions.length))]),
  })),
  expand: broadcastPair.map(({ left }): Case => ({
    inputs: [{ shape: left }],
    apply: (graph, [x]) =>
      graph.expand(
        x!,
        left.map((n) => (n === 1 ? 3 : n)),
      ),
  })),
  reshape: shape.map((dimensions): Case => ({
    inputs: [{ shape: dimensions }],
    apply: (graph, [x]) => graph.reshape(x!, [1, elementCount(dimensions)]),
  })),
  transpose: fc
    .tuple(fc.tuple(length, length, length), fc.shuffledSubarray([0, 1, 2], { minLength: 3 }))
    .map(([dimensions, permutation]): Case => ({
      inputs: [{ shape: [...dimensions] }],
      apply: (graph, [x]) => graph.transpose(x!, permutation),
    })),
  slice: fc.tuple(shape, fc.nat(2), fc.nat(4), fc.nat(4)).map(([dimensions, axisSeed, from, size]): Case => {
    const axis = axisSeed % dimensions.length;
    const start = from % dimensions[axis]!;
    const end = start + 1 + (size % (dimensions[axis]! - start));
    return { inputs: [{ shape: dimensions }], apply: (graph, [x]) => graph.slice(x!, axis, start, end) };
  }),
  concat: fc.tuple(shape, fc.nat(2), length, length).map(([dimensions, axisSeed, first, second]): Case => {
    const axis = axisSeed % dimensions.length;
    const part = (n: number) => dimensions.map((old, index) => (index === axis ? n : old));
    return {
      inputs: [{ shape: part(first) }, { shape: part(second) }],
      apply: (graph, parts) => graph.concat(parts, axis),
    };
  }),
  causalSoftmax: fc.tuple(length, length).map(([batch, size]): Case => ({
    inputs: [{ shape: [batch, size, size] }],
    apply: (graph, [x]) => graph.causalSoftmax(x!),
  })),
  // Its gradient for the weights is right only behind a softmax.
  mixValues: fc.tuple(length, length, length).map(([channels, batch, size]): Case => ({
    inputs: [{ shape: [batch, size, size] }, { shape: [channels, batch, size] }],
    apply: (graph, [scores, values]) => graph.attend(scores!, values!),
  })),
  logSoftmax: shape.map((dimensions): Case => ({
    inputs: [{ shape: dimensions }],
    apply: (graph, [x]) => graph.logSoftmax(x!),
  })),
  pick: indexed.map(({ count, columns }): Case => ({
    inputs: [{ shape: [count, columns] }, { shape: [count], integers: columns }],
    apply: (graph, [x, index]) => graph.pick(x!, index!),
  })),
  subtractOneHot: indexed.map(({ count, columns }): Case => ({
    inputs: [{ shape: [count, columns] }, { shape: [count], integers: columns }],
    apply: (graph, [x, index]) => graph.subtractOneHot(x!, index!),
  })),
  gatherRows: indexed.map(({ count, columns }): Case => ({
    inputs: [{ shape: [columns, 3] }, { shape: [count], integers: columns }],
    apply: (graph, [table, index]) => graph.gatherRows(table!, index!),
  })),
  scatterAddRows: indexed.map(({ count, columns }): Case => ({
    inputs: [{ shape: [count, 3] }, { shape: [count], integers: columns }],
    apply: (graph, [x, index]) => graph.scatterAddRows(x!, index!, columns),
  })),
};

export const undifferentiable: Record<WithoutGradient, fc.Arbitrary<Case>> = {
  oneHot: fc.record({ count: length, depth: length }).map(({ count, depth }): Case => ({
    inputs: [{ shape: [count], integers: depth }],
    apply: (graph, [index]) => graph.oneHot(index!, depth),
  })),
  argmax: shape.map((dimensions): Case => ({
    inputs: [{ shape: dimensions }],
    apply: (graph, [x]) => graph.argmax(x!),
  })),
  maximum: broadcastPair.map(({ left, right }): Case => ({
    inputs: [{ shape: left }, { shape: right }],
    apply: (graph, [a, b]) => graph.maximum(a!, b!),
  })),
};

/** Pseudo-random data that shrinking keeps stable. */
export function dataFor(
  { shape: dimensions, low = -1, high = 1, integers }: Case['inputs'][number],
  seed: number,
): Float32Array | Int32Array {
  let state = (seed * 2654435761) >>> 0;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const count = elementCount(dimensions);
  return integers === undefined
    ? Float32Array.from({ length: count }, () => Math.fround(low + (high - low) * next()))
    : Int32Array.from({ length: count }, () => Math.floor(next() * integers));
}

/** The operator's result as the one output. */
export function buildForward({ inputs, apply }: Case): Graph {
  const graph = new Graph();
  graph.output('result', apply(graph, declare(graph, inputs)));
  return graph;
}

/** y = f(inputs); loss = sum(y * weights) with fixed weights, so that every element of the gradient is exercised. */
export function buildDifferentiated({ inputs, apply }: Case): Graph {
  const graph = new Graph();
  const values = declare(graph, inputs);
  const result = apply(graph, values);
  const weights = graph.constant(
    Float32Array.from({ length: elementCount(result.shape) }, (_, index) => Math.sin(index + 1)),
    result.shape,
  );
  const weighted = graph.mul(result, weights);
  const loss = graph.sum(graph.reshape(weighted, [elementCount(result.shape)]), [0]);
  graph.output('result', result);
  graph.output('loss', loss);
  const variables = values.filter((value) => value.dtype === 'float32');
  gradients(graph, loss, variables).forEach((gradient, index) =>
    graph.output(`gradient${values.indexOf(variables[index]!)}`, gradient),
  );
  return graph;
}

/** Inputs x0, x1, ... */
function declare(graph: Graph, inputs: Case['inputs']): Value[] {
  return inputs.map((input, index) =>
    graph.input(`x${index}`, input.shape, input.integers === undefined ? 'float32' : 'int32'),
  );
}

export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  expect(actual.length, what).toBe(expected.length);
  for (let index = 0; index < expected.length; index++)
    expect(
      Math.abs(actual[index]! - expected[index]!),
      `${what}[${index}]: ${actual[index]} against ${expected[index]}`,
    ).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(expected[index]!)));
}
