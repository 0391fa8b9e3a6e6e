/** The shape of every operator's result, and the error of operands that do not fit together. */
import { elementCount } from '../../base/element-count.ts';
import { MIX_VALUES, type MatmulAttributes, type Operation, type Value } from './operation.ts';

export class GraphError extends Error {
  override name = 'GraphError';
}

/** Numpy's broadcasting of two shapes. */
function broadcastShapes(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) throw new GraphError(`Shapes [${a}] and [${b}] do not broadcast.`);
    return left === 1 ? right : left;
  });
}

/** The shape of an operation's result. @throws GraphError if the operands do not fit the operation */
export function outputShape(operation: Operation, inputs: readonly Value[]): number[] {
  const [a, b] = inputs.map((input) => input.shape);
  switch (operation.op) {
    case 'input':
    case 'constant':
      throw new GraphError(`${operation.op} states its own shape.`);
    case 'add':
    case 'sub':
    case 'mul':
    case 'div':
    case 'maximum':
      return broadcastShapes(a!, b!);
    case 'affine':
    case 'exp':
    case 'log':
    case 'sqrt':
    case 'rsqrt':
    case 'square':
    case 'sigmoid':
    case 'silu':
    case 'gelu':
    case 'erf':
    case 'logSoftmax':
      return [...a!];
    case 'causalSoftmax':
      if (a!.at(-1) !== a!.at(-2)) throw new GraphError(`causalSoftmax needs [.., t, t], not [${a}].`);
      return [...a!];
    case 'matmul':
      return matmulShape(operation, a!, b!);
    case 'mixValues':
      return matmulShape(MIX_VALUES, a!, b!);
    case 'sum':
      return a!.map((length, axis) => (operation.axes.includes(axis) ? 1 : length));
    case 'expand':
      if (`${broadcastShapes(a!, operation.shape)}` !== `${operation.shape}`)
        throw new GraphError(`[${a}] does not expand to [${operation.shape}].`);
      return [...operation.shape];
    case 'reshape':
      if (elementCount(a!) !== elementCount(operation.shape))
        throw new GraphError(`[${a}] does not reshape to [${operation.shape}].`);
      return [...operation.shape];
    case 'transpose':
      return operation.permutation.map((axis) => a![axis]!);
    case 'slice':
      if (operation.start < 0 || operation.end > a![operation.axis]! || operation.start >= operation.end)
        throw new GraphError(`Slice ${operation.start}..${operation.end} is outside axis ${operation.axis} of [${a}].`);
      return a!.map((length, axis) => (axis === operation.axis ? operation.end - operation.start : length));
    case 'concat':
      return a!.map((length, axis) =>
        axis === operation.axis ? inputs.reduce((total, input) => total + input.shape[axis]!, 0) : length,
      );
    case 'pick':
      if (a!.length !== 2 || `${b}` !== `${a![0]}`)
        throw new GraphError(`pick needs [n, c] and [n], not [${a}] and [${b}].`);
      return [a![0]!];
    case 'subtractOneHot':
      if (a!.length !== 2 || `${b}` !== `${a![0]}`)
        throw new GraphError(`subtractOneHot needs [n, c] and [n], not [${a}] and [${b}].`);
      return [...a!];
    case 'oneHot':
      return [...a!, operation.depth];
    case 'gatherRows':
      return [b![0]!, a![1]!];
    case 'scatterAddRows':
      return [operation.rows, a![1]!];
    case 'argmax':
      return a!.slice(0, -1);
  }
}

/** [batch, rows, columns] of a matmul operand as the product sees it. */
function operandShape(
  shape: readonly number[],
  transposed: boolean,
  batch: MatmulAttributes['batchA'],
): [number, number, number] {
  const [first, second, third] = shape.length === 2 ? [1, ...shape] : shape;
  const [count, rows, columns] =
    shape.length === 3 && batch === 'inner' ? [second!, first!, third!] : [first!, second!, third!];
  return transposed ? [count, columns, rows] : [count, rows, columns];
}

function matmulShape(attributes: MatmulAttributes, a: readonly number[], b: readonly number[]): number[] {
  if (a.length !== b.length || (a.length !== 2 && a.length !== 3)) throw new GraphError(`matmul of [${a}] and [${b}].`);
  const [batchA, rows, inner] = operandShape(a, attributes.transA, attributes.batchA);
  const [batchB, innerB, columns] = operandShape(b, attributes.transB, attributes.batchB);
  if (inner !== innerB || batchA !== batchB)
    throw new GraphError(`matmul of [${a}] and [${b}] with ${JSON.stringify(attributes)}.`);
  return a.length === 2 ? [rows, columns] : [batchA, rows, columns];
}
