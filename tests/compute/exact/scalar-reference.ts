/**
 * docs/exact-arithmetic.md as plain scalar JavaScript, operator by operator over whole tensors, with Math.fround after
 * every operation: what every generator has to give bit for bit. From lowering it asks only what the arithmetic leaves
 * to it: which addition begins a product's sum, how values lie in memory (which decides the order of sums), and what is
 * summed over the repetitions.
 */
import type { Graph } from '../../../src/compute/graph/graph.ts';
import {
  MIX_VALUES,
  type MatmulAttributes,
  type OperationNode,
  type Value,
} from '../../../src/compute/graph/operation.ts';
import { ONE_PHASE, phasesOf } from '../../../src/compute/runtimes/exact/lowering/phases.ts';
import { Structure } from '../../../src/compute/runtimes/exact/lowering/structure.ts';
import type { TensorData } from '../../../src/compute/runtimes/runtime.ts';
import { elementCount } from '../../../src/base/element-count.ts';
import { erf, exp, gelu, log, rsqrt, sigmoid, silu } from './scalar-functions.ts';

const { fround } = Math;
const PARTIALS = 16;

/** @param repetition inputs that advance, and how often; then outputs are sums over the repetitions */
export function evaluateExactly(
  graph: Graph,
  feeds: Readonly<Record<string, TensorData>>,
  repetition?: { advancing: readonly string[]; times: number },
): Record<string, TensorData> {
  const advancing = new Set(repetition?.advancing);
  const structure = new Structure(graph, repetition === undefined ? ONE_PHASE : phasesOf(graph, advancing));
  const evaluation = new Evaluation(structure);
  const run = (phase: 'before' | 'each' | 'after', index = 0) => {
    evaluation.phase = phase;
    for (const node of structure.nodes) {
      const { operation, output } = node;
      if (structure.phases.of(node) !== phase) continue;
      if (operation.op === 'input') {
        const length = elementCount(output.shape);
        const data = feeds[operation.name]!;
        const first = advancing.has(operation.name) ? index * length : 0;
        evaluation.set(output, data.subarray(first, first + length));
        if (structure.phases.summed.has(output)) evaluation.addToTotal(output);
      } else if (!structure.isAbsorbed(node)) evaluation.compute(node);
    }
  };
  run('before');
  for (let index = 0; index < (repetition?.times ?? 1); index++) run('each', index);
  evaluation.finishSums();
  run('after');
  if (repetition === undefined) evaluation.phase = 'each';
  return Object.fromEntries([...graph.outputs].map(([name, value]) => [name, evaluation.data(value).slice()]));
}

/** A sum over the repetitions: of products and sums, what they go on with in the next one. */
interface Total {
  data: Float32Array;
  /** Of a sum along neighbours, its partial sums: a group of 16 per element. */
  partials?: Float32Array;
  scale: number;
}

class Evaluation {
  phase: 'before' | 'each' | 'after' = 'each';
  readonly #structure: Structure;
  readonly #data = new Map<Value, TensorData>();
  readonly #totals = new Map<Value, Total>();

  constructor(structure: Structure) {
    this.#structure = structure;
  }

  set(value: Value, data: TensorData): void {
    this.#data.set(value, data);
  }

  data(value: Value): TensorData {
    if (this.phase === 'after') {
      const total = this.#totals.get(value);
      if (total !== undefined) return total.data;
    }
    return this.#data.get(value)!;
  }

  compute(node: OperationNode): void {
    const { output } = node;
    const { phases } = this.#structure;
    if (!phases.summed.has(output)) return this.set(output, this.#evaluate(node));
    const isRead = this.#structure.readersOf(output).some((reader) => phases.of(reader) === 'each');
    if (!isRead && this.#goesOn(node, this.#totalOf(output))) return;
    this.set(output, this.#evaluate(node));
    this.addToTotal(output);
  }

  addToTotal(value: Value): void {
    const total = this.#totalOf(value).data;
    const data = this.#data.get(value)!;
    total.forEach((sum, index) => (total[index] = fround(sum + data[index]!)));
  }

  #totalOf(value: Value): Total {
    const total = this.#totals.get(value) ?? { data: new Float32Array(elementCount(value.shape)), scale: 1 };
    this.#totals.set(value, total);
    return total;
  }

  /** Joins partial sums and multiplies by factors, when all repetitions are done. */
  finishSums(): void {
    for (const total of this.#totals.values()) {
      if (total.partials) total.data.set(joined(total.partials));
      if (total.scale !== 1) total.data.forEach((sum, index) => (total.data[index] = fround(sum * total.scale)));
    }
  }

  /** Whether a node's own sums go on with those of the repetition before. */
  #goesOn(node: OperationNode, total: Total): boolean {
    const { operation, inputs, output } = node;
    switch (operation.op) {
      case 'matmul':
      case 'mixValues': {
        const isTurned =
          this.#structure.orderOf(output).at(-1) === output.shape.length - 2 && output.shape.at(-1) !== 1;
        if (isTurned) return false;
        const attributes = operation.op === 'mixValues' ? MIX_VALUES : operation;
        total.scale = fround(attributes.alpha);
        total.data = this.#product({ ...attributes, alpha: 1 }, inputs, output, total.data);
        return true;
      }
      case 'sum':
        if (this.#runsAlong(node)) total.partials = this.#partials(node, total.partials);
        else total.data = this.#sumAcross(node, total.data);
        return true;
      case 'scatterAddRows':
        total.data = scatter(this.data(inputs[0]!), this.data(inputs[1]!), total.data, output.shape[1]!);
        return true;
      default:
        return false;
    }
  }

  #evaluate(node: OperationNode): TensorData {
    const { operation, inputs, output } = node;
    const { shape } = output;
    const [a, b] = inputs.map((input) => this.data(input)) as [TensorData, TensorData];
    const [shapeA] = inputs.map((input) => input.shape) as [readonly number[]];
    const elementwise = (compute: (x: number, y: number) => number): Float32Array => {
      const [readA, readB] = inputs.map((input) => reader(input.shape, shape));
      return fill(shape, (index) => compute(a[readA!(index)]!, readB === undefined ? 0 : b[readB(index)]!));
    };
    const unary = (compute: (x: number) => number): Float32Array => Float32Array.from(a, compute);
    switch (operation.op) {
      case 'input':
        throw new Error('Inputs are fed.');
      case 'constant':
        return operation.table.numbers();
      case 'add': {
        const addition = this.#structure.additionOf(node);
        if (addition === undefined) return elementwise((x, y) => fround(x + y));
        const { product, base } = addition;
        const read = reader(base.shape, shape);
        const begins = fill(shape, (index) => this.data(base)[read(index)]!);
        const attributes = product.operation.op === 'mixValues' ? MIX_VALUES : (product.operation as MatmulAttributes);
        return this.#product(attributes, product.inputs, output, begins);
      }
      case 'sub':
        return elementwise((x, y) => fround(x - y));
      case 'mul': {
        const products = elementwise((x, y) => fround(x * y));
        return this.#structure.isTriangular(output) ? visible(products, shape) : products;
      }
      case 'div':
        return elementwise((x, y) => fround(x / y));
      case 'maximum':
        return elementwise((x, y) => (y > x ? y : x));
      case 'affine': {
        const [factor, offset] = [fround(operation.factor), fround(operation.offset)];
        const scaled = unary((x) => (operation.factor === 1 ? x : fround(x * factor)));
        return operation.offset === 0 ? scaled : scaled.map((x) => fround(x + offset));
      }
      case 'square':
        return unary((x) => fround(x * x));
      case 'sqrt':
        return unary((x) => fround(Math.sqrt(x)));
      case 'exp':
        return unary(exp);
      case 'log':
        return unary(log);
      case 'rsqrt':
        return unary(rsqrt);
      case 'sigmoid':
        return unary(sigmoid);
      case 'silu':
        return unary(silu);
      case 'gelu':
        return unary(gelu);
      case 'erf':
        return unary(erf);
      case 'matmul':
        return this.#product(operation, inputs, output);
      case 'mixValues':
        return this.#product(MIX_VALUES, inputs, output);
      case 'sum':
        return this.#runsAlong(node) ? joined(this.#partials(node)) : this.#sumAcross(node);
      case 'expand': {
        const read = reader(shapeA, shape);
        return fill(shape, (index) => a[read(index)]!);
      }
      case 'reshape':
        return a.slice();
      case 'transpose': {
        const strides = stridesOf(shapeA);
        return fill(
          shape,
          (index) =>
            a[operation.permutation.reduce((at, axis, position) => at + index[position]! * strides[axis]!, 0)]!,
        );
      }
      case 'slice': {
        const strides = stridesOf(shapeA);
        const start = operation.start * strides[operation.axis]!;
        return like(
          a,
          fill(shape, (index) => a[start + dot(index, strides)]!),
        );
      }
      case 'concat': {
        const result = new Float32Array(elementCount(shape));
        const strides = stridesOf(shape);
        let start = 0;
        for (const input of inputs) {
          const part = this.data(input);
          const from = start * strides[operation.axis]!;
          forEachIndex(input.shape, (index, flat) => (result[from + dot(index, strides)] = part[flat]!));
          start += input.shape[operation.axis]!;
        }
        return like(a, result);
      }
      case 'causalSoftmax':
        return rows(a, shape.at(-1)!, (row, position) => causalSoftmax(row, (position % row.length) + 1));
      case 'logSoftmax':
        return rows(a, shape.at(-1)!, logSoftmax);
      case 'pick':
        return Float32Array.from(b, (column, row) => a[row * shapeA[1]! + column]!);
      case 'oneHot':
        return fill(shape, (index) =>
          Number(a[index.slice(0, -1).reduce((at, i, axis) => at * shapeA[axis]! + i, 0)] === index.at(-1)),
        );
      case 'subtractOneHot':
        return fill(shape, ([row, column]) => {
          const x = a[row! * shape[1]! + column!]!;
          return b[row!] === column ? fround(x - 1) : x;
        });
      case 'gatherRows':
        return fill(shape, ([row, column]) => a[b[row!]! * shapeA[1]! + column!]!);
      case 'scatterAddRows':
        return scatter(a, b, new Float32Array(elementCount(shape)), shape[1]!);
      case 'argmax':
        return Int32Array.from({ length: elementCount(shape) }, (_, row) => {
          const width = shapeA.at(-1)!;
          let [best, found] = [-Infinity, 0];
          for (let column = 0; column < width; column++)
            if (a[row * width + column]! > best) [best, found] = [a[row * width + column]!, column];
          return found;
        });
    }
  }

  /** @param begins with what each sum begins; +0 if left out */
  #product(
    { transA, transB, batchA, batchB, alpha }: MatmulAttributes,
    [a, b]: readonly Value[],
    { shape }: Value,
    begins?: Float32Array,
  ): Float32Array {
    const [readA, readB] = [factor(a!.shape, transA, batchA), factor(b!.shape, transB, batchB)];
    const [dataA, dataB] = [this.data(a!), this.data(b!)];
    const scale = fround(alpha);
    return fill(shape, (index, flat) => {
      const [batch, row, column] = shape.length === 2 ? [0, index[0]!, index[1]!] : (index as [number, number, number]);
      let sum = begins?.[flat] ?? 0;
      for (let k = 0; k < readA.columns; k++)
        sum = fround(sum + fround(dataA[readA.at(batch, row, k)]! * dataB[readB.at(batch, k, column)]!));
      return scale === 1 ? sum : fround(sum * scale);
    });
  }

  /** Whether neighbours in memory are summed. */
  #runsAlong({ operation, inputs }: OperationNode): boolean {
    return operation.op === 'sum' && operation.axes.includes(this.#structure.orderOf(inputs[0]!).at(-1)!);
  }

  /** Sums in order of the summed axes. */
  #sumAcross(
    { inputs, output }: OperationNode,
    begins: Float32Array = new Float32Array(elementCount(output.shape)),
  ): Float32Array {
    const [x] = inputs as [Value];
    const read = reader(output.shape, x.shape);
    const sums = begins.slice();
    const data = this.data(x);
    forEachIndex(x.shape, (index, flat) => (sums[read(index)] = fround(sums[read(index)]! + data[flat]!)));
    return sums;
  }

  /** First the elements of whole chunks of 16, then the rest. */
  #partials({ inputs, output }: OperationNode, begins?: Float32Array): Float32Array {
    const [x] = inputs as [Value];
    const lane = this.#structure.orderOf(x).at(-1)!;
    const whole = Math.floor(x.shape[lane]! / PARTIALS) * PARTIALS;
    const read = reader(output.shape, x.shape);
    const sums = begins?.slice() ?? new Float32Array(PARTIALS * elementCount(output.shape));
    const data = this.data(x);
    const add = (index: readonly number[], flat: number) => {
      const at = PARTIALS * read(index) + (index[lane]! % PARTIALS);
      sums[at] = fround(sums[at]! + data[flat]!);
    };
    forEachIndex(x.shape, (index, flat) => void (index[lane]! < whole && add(index, flat)));
    forEachIndex(x.shape, (index, flat) => void (index[lane]! >= whole && add(index, flat)));
    return sums;
  }
}

/** The sum of each group of partial sums: the upper half is added to the lower half until one is left. */
function joined(partials: Float32Array): Float32Array {
  return Float32Array.from({ length: partials.length / PARTIALS }, (_, group) => {
    const own = partials.slice(group * PARTIALS, (group + 1) * PARTIALS);
    for (let width = PARTIALS / 2; width >= 1; width /= 2)
      for (let index = 0; index < width; index++) own[index] = fround(own[index]! + own[width + index]!);
    return own[0]!;
  });
}

function causalSoftmax(row: Float32Array, count: number): Float32Array {
  const shown = row.subarray(0, count);
  const largest = shown.reduce((most, x) => (x > most ? x : most), -Infinity);
  const weights = shown.map((x) => exp(fround(x - largest)));
  const reciprocal = fround(1 / weights.reduce((sum, weight) => fround(sum + weight), 0));
  const result = new Float32Array(row.length);
  result.set(weights.map((weight) => fround(weight * reciprocal)));
  return result;
}

function logSoftmax(row: Float32Array): Float32Array {
  const largest = row.reduce((most, x) => (x > most ? x : most), -Infinity);
  const logarithm = log(row.reduce((sum, x) => fround(sum + exp(fround(x - largest))), 0));
  return row.map((x) => fround(fround(x - largest) - logarithm));
}

function scatter(updates: TensorData, index: TensorData, begins: Float32Array, width: number): Float32Array {
  const sums = begins.slice();
  updates.forEach((x: number, flat: number) => {
    const at = index[Math.floor(flat / width)]! * width + (flat % width);
    sums[at] = fround(sums[at]! + x);
  });
  return sums;
}

/** +0 where a causal mask hides an element of [.., q, k]. */
function visible(data: Float32Array, shape: readonly number[]): Float32Array {
  const length = shape.at(-1)!;
  return data.map((x, flat) => (flat % length <= Math.floor(flat / length) % shape.at(-2)! ? x : 0));
}

function rows(
  data: TensorData,
  width: number,
  change: (row: Float32Array, position: number) => Float32Array,
): Float32Array {
  const result = new Float32Array(data.length);
  for (let start = 0; start < data.length; start += width)
    result.set(change(Float32Array.from(data.subarray(start, start + width)), start / width), start);
  return result;
}

function factor(shape: readonly number[], isTransposed: boolean, batch: MatmulAttributes['batchA']) {
  const [first, second, third] = (shape.length === 2 ? [1, ...shape] : shape) as [number, number, number];
  const isInner = shape.length === 3 && batch === 'inner';
  const at = (n: number, row: number, column: number) =>
    isInner ? (row * second + n) * third + column : (n * second + row) * third + column;
  return isTransposed
    ? { columns: isInner ? first : second, at: (n: number, row: number, column: number) => at(n, column, row) }
    : { columns: third, at };
}

function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((product, length) => product * length, 1));
}

/** Where the element of a smaller shape is that broadcasts to an index of a larger one. */
function reader(shape: readonly number[], target: readonly number[]): (index: readonly number[]) => number {
  const missing = target.length - shape.length;
  const strides = stridesOf(shape);
  const byTarget = target.map((_, axis) =>
    axis < missing || shape[axis - missing] === 1 ? 0 : strides[axis - missing]!,
  );
  return (index) => dot(index, byTarget);
}

function dot(index: readonly number[], strides: readonly number[]): number {
  return index.reduce((sum, each, axis) => sum + each * strides[axis]!, 0);
}

function like(original: TensorData, data: Float32Array): TensorData {
  return original instanceof Int32Array ? Int32Array.from(data) : data;
}

function fill(shape: readonly number[], at: (index: readonly number[], flat: number) => number): Float32Array {
  const result = new Float32Array(elementCount(shape));
  forEachIndex(shape, (index, flat) => (result[flat] = at(index, flat)));
  return result;
}

function forEachIndex(shape: readonly number[], visit: (index: readonly number[], flat: number) => void): void {
  const index = shape.map(() => 0);
  const count = elementCount(shape);
  for (let flat = 0; flat < count; flat++) {
    visit(index, flat);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
}
