/**
 * Translates a graph into an ONNX file for ONNX Runtime: one function, one case per operator.
 * Where several translations are right, the comment says why this one was chosen; `bench/train-step` measures them.
 */
import type { Graph } from '../../graph/graph.ts';
import type { OperationNode, OperationOf, Value } from '../../graph/operation.ts';
import { CPU_DIALECT, type Dialect } from './dialect.ts';
import { DATA_TYPE, OnnxModel, type OnnxDescription } from './onnx-model.ts';

/** Masked scores: exp of it is exactly 0 after the row's maximum is subtracted. */
const MASKED = -1e9;

/**
 * @param description names the nodes by their scopes, for people; without it names are short and scopes have no effect
 * @returns the bytes of an .onnx file: a pure function of the graph and the dialect, so its hash says what is computed
 */
export function lowerToOnnx(graph: Graph, description?: OnnxDescription, dialect: Dialect = CPU_DIALECT): Uint8Array {
  const model = new OnnxModel(description);
  for (const { operation, output } of graph.reachable())
    if (operation.op === 'input') model.input(operation.name, output.shape, output.dtype);
  const outputs = lowerInto(model, graph, (input) => input, dialect);
  model.place('', 'output');
  for (const [name, value] of graph.outputs) {
    model.node('Identity', [outputs.get(name)!], {}, { output: name });
    model.output(name, value.shape, value.dtype);
  }
  return model.serialize();
}

/**
 * Adds a graph's nodes to a model.
 * @param nameOf the value of the model that an input of the graph is
 * @returns the model's values that the graph's outputs are, by the outputs' names
 */
export function lowerInto(model: OnnxModel, graph: Graph, nameOf: (input: string) => string, dialect: Dialect): Map<string, string> {
  const names = new Map<number, string>();
  for (const node of graph.reachable()) {
    if (node.operation.op === 'input') {
      names.set(node.output.id, nameOf(node.operation.name));
    } else {
      model.place(node.scope, operationText(node));
      const name = lowerNode(model, node, node.inputs.map((input) => names.get(input.id)!), dialect);
      if (node.operation.op !== 'constant' && !graph.inputs.has(name)) model.value(name, node.output.shape, node.output.dtype);
      names.set(node.output.id, name);
    }
  }
  return new Map([...graph.outputs].map(([name, value]) => [name, names.get(value.id)!]));
}

/** E.g. `matmul [144, 48], [48, 1024] -> [144, 1024]`. */
function operationText({ operation, inputs, output }: OperationNode): string {
  const shapes = inputs.map(({ shape }) => `[${shape.join(', ')}]`);
  return `${operation.op} ${shapes.join(', ')} -> [${output.shape.join(', ')}]`;
}

const ELEMENTWISE = { add: 'Add', sub: 'Sub', mul: 'Mul', div: 'Div', maximum: 'Max', exp: 'Exp', log: 'Log', sqrt: 'Sqrt', sigmoid: 'Sigmoid' } as const;

function lowerNode(model: OnnxModel, { operation, inputs, output }: OperationNode, names: readonly string[], dialect: Dialect): string {
  const [a] = inputs as [Value];
  const [nameA, nameB] = names as [string, string];
  switch (operation.op) {
    case 'input':
      throw new Error('Inputs are declared, not lowered.');
    case 'constant':
      return model.constant(operation.data, output.shape);
    case 'add':
    case 'sub':
    case 'mul':
    case 'div':
    case 'maximum':
    case 'exp':
    case 'log':
    case 'sqrt':
    case 'sigmoid':
      return model.node(ELEMENTWISE[operation.op], names);
    case 'affine': {
      const scaled = operation.factor === 1 ? nameA : model.node('Mul', [nameA, scalar(model, operation.factor)]);
      return operation.offset === 0 ? scaled : model.node('Add', [scaled, scalar(model, operation.offset)]);
    }
    case 'rsqrt':
      return model.node('Reciprocal', [model.node('Sqrt', names)]);
    case 'square':
      return model.node('Mul', [nameA, nameA]);
    case 'silu': // one pass; Sigmoid and Mul would be two
      return model.node('QuickGelu', names, { alpha: { float: 1 } }, { contrib: true });
    case 'gelu':
      return model.node('FastGelu', names, {}, { contrib: true });
    case 'matmul':
      return lowerMatmul(model, operation, a.shape.length, names, dialect);
    case 'sum':
      // Summing columns as a product with ones uses the GEMM kernel, which is several times faster than ReduceSum.
      if (dialect.sumByProduct && a.shape.length === 2 && `${operation.axes}` === '0')
        return model.node('Gemm', [ones(model, a.shape[0]!), nameA]);
      return model.node('ReduceSum', [nameA, integers(model, operation.axes)], { keepdims: { int: 1 } });
    case 'expand':
      return model.node('Expand', [nameA, integers(model, operation.shape)]);
    case 'reshape':
      return reshape(model, nameA, operation.shape);
    case 'transpose':
      return model.node('Transpose', names, { perm: { ints: operation.permutation } });
    case 'slice':
      return model.node('Slice', [
        nameA,
        integers(model, [operation.start]),
        integers(model, [operation.end]),
        integers(model, [operation.axis]),
      ]);
    case 'concat':
      return model.node('Concat', names, { axis: { int: operation.axis } });
    case 'causalSoftmax':
      return model.node('Softmax', [model.node('Add', [nameA, causalMask(model, a.shape.at(-1)!)])], { axis: { int: -1 } });
    case 'logSoftmax':
      return dialect.logSoftmax ? model.node('LogSoftmax', names, { axis: { int: -1 } }) : composedLogSoftmax(model, nameA);
    case 'pick': {
      const [count] = a.shape as [number];
      const picked = model.node('GatherElements', [nameA, reshape(model, nameB, [count, 1])], { axis: { int: 1 } });
      return reshape(model, picked, [count]);
    }
    case 'oneHot':
      return oneHot(model, nameA, a.shape, operation.depth, dialect);
    case 'gatherRows':
      return model.node('Gather', names, { axis: { int: 0 } });
    case 'scatterAddRows': {
      const [count, width] = a.shape as [number, number];
      if (operation.rows <= dialect.scatterByProduct)
        return model.node('Gemm', [oneHot(model, nameB, [count], operation.rows, dialect), nameA], { transA: { int: 1 } });
      const zeros = model.constant(new Float32Array(operation.rows * width), [operation.rows, width]);
      const index = reshape(model, cast(model, nameB, 'int64'), [count, 1]);
      return model.node('ScatterND', [zeros, index, nameA], { reduction: { string: 'add' } });
    }
    case 'argmax': {
      const wide = model.node('ArgMax', names, { axis: { int: -1 }, keepdims: { int: 0 } });
      return cast(model, wide, 'int32');
    }
  }
}

function lowerMatmul(
  model: OnnxModel,
  operation: OperationOf<'matmul'>,
  rank: number,
  names: readonly string[],
  dialect: Dialect,
): string {
  const rounded = dialect.operands === 'bfloat16';
  const operands = rounded ? names.map((name) => cast(model, name, 'bfloat16')) : names;
  const product = matrixProduct(model, operation, rank, operands, dialect);
  return rounded ? cast(model, product, 'float32') : product;
}

function matrixProduct(
  model: OnnxModel,
  operation: OperationOf<'matmul'>,
  rank: number,
  names: readonly string[],
  { fusedMatmul }: Dialect,
): string {
  const transA = { int: Number(operation.transA) };
  const transB = { int: Number(operation.transB) };
  const alpha = { float: operation.alpha };
  if (rank === 2) return model.node('Gemm', names, { transA, transB, alpha });
  if (fusedMatmul) {
    const transBatchA = { int: Number(operation.batchA === 'inner') };
    const transBatchB = { int: Number(operation.batchB === 'inner') };
    return model.node('FusedMatMul', names, { transA, transB, transBatchA, transBatchB, alpha }, { contrib: true });
  }
  const [nameA, nameB] = names as [string, string];
  const product = model.node('MatMul', [
    batchLeading(model, nameA, operation.transA, operation.batchA),
    batchLeading(model, nameB, operation.transB, operation.batchB),
  ]);
  return operation.alpha === 1 ? product : model.node('Mul', [product, scalar(model, operation.alpha)]);
}

/** An operand of rank 3 as MatMul reads it: batch, rows, columns. */
function batchLeading(model: OnnxModel, name: string, transposed: boolean, batch: 'leading' | 'inner'): string {
  const [rows, columns] = batch === 'inner' ? [0, 2] : [1, 2];
  const perm = [batch === 'inner' ? 1 : 0, ...(transposed ? [columns, rows] : [rows, columns])];
  return `${perm}` === '0,1,2' ? name : model.node('Transpose', [name], { perm: { ints: perm } });
}

/** x - max - log(sum(exp(x - max))). */
function composedLogSoftmax(model: OnnxModel, name: string): string {
  const shifted = model.node('Sub', [name, model.node('ReduceMax', [name], { axes: { ints: [-1] }, keepdims: { int: 1 } })]);
  const sum = model.node('ReduceSum', [model.node('Exp', [shifted]), integers(model, [-1])], { keepdims: { int: 1 } });
  return model.node('Sub', [shifted, model.node('Log', [sum])]);
}

function cast(model: OnnxModel, name: string, type: keyof typeof DATA_TYPE): string {
  return model.node('Cast', [name], { to: { int: DATA_TYPE[type] } });
}

function reshape(model: OnnxModel, name: string, shape: readonly number[]): string {
  return model.node('Reshape', [name, integers(model, shape)]);
}

/** Rows of an identity matrix: cheaper than the OneHot operator while the matrix is small. */
function oneHot(model: OnnxModel, index: string, shape: readonly number[], depth: number, { oneHotByGather }: Dialect): string {
  if (depth > oneHotByGather) {
    const values = model.constant(Float32Array.of(0, 1), [2]);
    return model.node('OneHot', [index, model.constant(Int32Array.of(depth), [1]), values]);
  }
  const identity = new Float32Array(depth * depth);
  for (let row = 0; row < depth; row++) identity[row * depth + row] = 1;
  return model.node('Gather', [model.sharedConstant(`identity ${depth}`, identity, [depth, depth]), index], { axis: { int: 0 } });
}

function causalMask(model: OnnxModel, length: number): string {
  const mask = new Float32Array(length * length);
  for (let row = 0; row < length; row++) mask.fill(MASKED, row * length + row + 1, (row + 1) * length);
  return model.sharedConstant(`causal ${length}`, mask, [length, length]);
}

function ones(model: OnnxModel, length: number): string {
  return model.sharedConstant(`ones ${length}`, new Float32Array(length).fill(1), [1, length]);
}

function scalar(model: OnnxModel, value: number): string {
  return model.constant(Float32Array.of(value), []);
}

function integers(model: OnnxModel, values: readonly number[]): string {
  return model.constant(BigInt64Array.from(values, BigInt), [values.length]);
}
