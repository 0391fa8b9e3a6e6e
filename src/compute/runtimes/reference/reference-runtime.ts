/**
 * Executes a graph in float64 with plain loops: slow and simple on purpose. It is the oracle of the tests (finite
 * differences, agreement of runtimes) and knows nothing of speed.
 */
import normalCdf from '@stdlib/stats-base-dists-normal-cdf';
import type { Graph } from '../../graph/graph.ts';
import { GELU, MIX_VALUES, type MatmulAttributes, type OperationNode } from '../../graph/operation.ts';
import { elementCount } from '../../../base/element-count.ts';

type Numbers = Float64Array;

interface Evaluated {
  shape: readonly number[];
  data: Numbers;
}

/**
 * @param feeds data of every input, in row-major order
 * @returns data of every output
 */
export function evaluateReference(
  graph: Graph,
  feeds: Record<string, ArrayLike<number>>,
): Record<string, Float64Array> {
  const values = new Map<number, Evaluated>();
  for (const node of graph.reachable()) {
    const { operation, output } = node;
    const data =
      operation.op === 'input'
        ? Float64Array.from(feeds[operation.name] ?? missing(operation.name))
        : evaluate(
            node,
            node.inputs.map((input) => values.get(input.id)!),
          );
    if (data.length !== elementCount(output.shape))
      throw new Error(`${operation.op}: ${data.length} numbers for [${output.shape}].`);
    values.set(output.id, { shape: output.shape, data });
  }
  return Object.fromEntries([...graph.outputs].map(([name, value]) => [name, values.get(value.id)!.data]));
}

function missing(name: string): never {
  throw new Error(`The input ${name} was not fed.`);
}

function evaluate({ operation, output }: OperationNode, inputs: readonly Evaluated[]): Numbers {
  const [a, b] = inputs as [Evaluated, Evaluated];
  const { shape } = output;
  switch (operation.op) {
    case 'input':
      throw new Error('Inputs are fed.');
    case 'constant':
      return Float64Array.from(operation.table.numbers());
    case 'add':
      return combine(a, b, shape, (x, y) => x + y);
    case 'sub':
      return combine(a, b, shape, (x, y) => x - y);
    case 'mul':
      return combine(a, b, shape, (x, y) => x * y);
    case 'div':
      return combine(a, b, shape, (x, y) => x / y);
    case 'maximum':
      return combine(a, b, shape, Math.max);
    case 'affine':
      return a.data.map((x) => x * operation.factor + operation.offset);
    case 'exp':
      return a.data.map(Math.exp);
    case 'log':
      return a.data.map(Math.log);
    case 'sqrt':
      return a.data.map(Math.sqrt);
    case 'rsqrt':
      return a.data.map((x) => 1 / Math.sqrt(x));
    case 'square':
      return a.data.map((x) => x * x);
    case 'sigmoid':
      return a.data.map(sigmoid);
    case 'silu':
      return a.data.map((x) => x * sigmoid(x));
    case 'gelu':
      return a.data.map((x) => x * sigmoid(GELU.scale * (x + GELU.cubic * x ** 3)));
    case 'erf':
      return a.data.map((x) => 2 * normalCdf(x * Math.SQRT2, 0, 1) - 1);
    case 'matmul':
      return matmul(operation, a, b, shape);
    case 'mixValues':
      return matmul(MIX_VALUES, a, b, shape);
    case 'sum': {
      const result = new Float64Array(elementCount(shape));
      const target = strides(shape, a.shape);
      forEachIndex(a.shape, (index, flat) => (result[dot(index, target)]! += a.data[flat]!));
      return result;
    }
    case 'expand':
      return combine(a, a, shape, (x) => x);
    case 'reshape':
      return a.data.slice();
    case 'transpose': {
      const result = new Float64Array(a.data.length);
      const source = strides(a.shape, a.shape);
      forEachIndex(shape, (index, flat) => {
        let from = 0;
        operation.permutation.forEach((axis, position) => (from += index[position]! * source[axis]!));
        result[flat] = a.data[from]!;
      });
      return result;
    }
    case 'slice': {
      const result = new Float64Array(elementCount(shape));
      const source = strides(a.shape, a.shape);
      forEachIndex(shape, (index, flat) => {
        result[flat] = a.data[dot(index, source) + operation.start * source[operation.axis]!]!;
      });
      return result;
    }
    case 'concat': {
      const result = new Float64Array(elementCount(shape));
      const target = strides(shape, shape);
      let start = 0;
      for (const part of inputs) {
        const from = start;
        forEachIndex(part.shape, (index, flat) => {
          result[dot(index, target) + from * target[operation.axis]!] = part.data[flat]!;
        });
        start += part.shape[operation.axis]!;
      }
      return result;
    }
    case 'causalSoftmax':
      return rows(a, (row, position) => softmax(row, (position % row.length) + 1));
    case 'logSoftmax':
      return rows(a, (row) => softmax(row, row.length).map(Math.log));
    case 'pick':
      return Float64Array.from(b.data, (column, row) => a.data[row * a.shape[1]! + column]!);
    case 'oneHot': {
      const result = new Float64Array(elementCount(shape));
      a.data.forEach((column, row) => (result[row * operation.depth + column] = 1));
      return result;
    }
    case 'subtractOneHot':
      return a.data.map((x, flat) => x - Number(b.data[Math.floor(flat / a.shape[1]!)] === flat % a.shape[1]!));
    case 'gatherRows': {
      const width = a.shape[1]!;
      const result = new Float64Array(elementCount(shape));
      b.data.forEach((row, position) => result.set(a.data.subarray(row * width, (row + 1) * width), position * width));
      return result;
    }
    case 'scatterAddRows': {
      const width = a.shape[1]!;
      const result = new Float64Array(elementCount(shape));
      a.data.forEach((x, flat) => (result[b.data[Math.floor(flat / width)]! * width + (flat % width)]! += x));
      return result;
    }
    case 'argmax': {
      const width = a.shape.at(-1)!;
      return Float64Array.from({ length: elementCount(shape) }, (_, row) => {
        const values = a.data.subarray(row * width, (row + 1) * width);
        return values.indexOf(Math.max(...values));
      });
    }
  }
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Softmax of the first `visible` entries; the others get 0. */
function softmax(row: Numbers, visible: number): Numbers {
  const largest = Math.max(...row.subarray(0, visible));
  const weights = row.map((x, index) => (index < visible ? Math.exp(x - largest) : 0));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

function rows(x: Evaluated, change: (row: Numbers, position: number) => Numbers): Numbers {
  const width = x.shape.at(-1)!;
  const result = new Float64Array(x.data.length);
  for (let start = 0; start < x.data.length; start += width)
    result.set(change(x.data.slice(start, start + width), start / width), start);
  return result;
}

function combine(
  a: Evaluated,
  b: Evaluated,
  shape: readonly number[],
  operator: (x: number, y: number) => number,
): Numbers {
  const result = new Float64Array(elementCount(shape));
  const [stridesA, stridesB] = [strides(a.shape, shape), strides(b.shape, shape)];
  forEachIndex(
    shape,
    (index, flat) => (result[flat] = operator(a.data[dot(index, stridesA)]!, b.data[dot(index, stridesB)]!)),
  );
  return result;
}

function matmul(attributes: MatmulAttributes, a: Evaluated, b: Evaluated, shape: readonly number[]): Numbers {
  const [batch, rowCount, columns] =
    shape.length === 2 ? ([1, ...shape] as [number, number, number]) : (shape as [number, number, number]);
  const readA = operand(a, attributes.transA, attributes.batchA);
  const readB = operand(b, attributes.transB, attributes.batchB);
  const inner = readA.columns;
  const result = new Float64Array(batch * rowCount * columns);
  for (let n = 0; n < batch; n++)
    for (let i = 0; i < rowCount; i++)
      for (let j = 0; j < columns; j++) {
        let total = 0;
        for (let k = 0; k < inner; k++) total += readA.at(n, i, k) * readB.at(n, k, j);
        result[(n * rowCount + i) * columns + j] = attributes.alpha * total;
      }
  return result;
}

function operand({ shape, data }: Evaluated, transposed: boolean, batch: MatmulAttributes['batchA']) {
  const [first, second, third] =
    shape.length === 2 ? ([1, ...shape] as [number, number, number]) : (shape as [number, number, number]);
  const inner = shape.length === 3 && batch === 'inner';
  const [rowCount, columnCount] = [inner ? first : second, third];
  const at = (n: number, row: number, column: number) =>
    data[inner ? (row * second + n) * third + column : (n * second + row) * third + column]!;
  return transposed
    ? { columns: rowCount, at: (n: number, row: number, column: number) => at(n, column, row) }
    : { columns: columnCount, at };
}

/** Strides of `shape` read at indices of `target`, 0 where it is broadcast. */
function strides(shape: readonly number[], target: readonly number[]): number[] {
  const result = new Array<number>(target.length).fill(0);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1) result[axis + target.length - shape.length] = stride;
    stride *= shape[axis]!;
  }
  return result;
}

function dot(index: readonly number[], weights: readonly number[]): number {
  let total = 0;
  for (let axis = 0; axis < weights.length; axis++) total += index[axis]! * weights[axis]!;
  return total;
}

function forEachIndex(shape: readonly number[], visit: (index: readonly number[], flat: number) => void): void {
  const index = new Array<number>(shape.length).fill(0);
  const count = elementCount(shape);
  for (let flat = 0; flat < count; flat++) {
    visit(index, flat);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
}
