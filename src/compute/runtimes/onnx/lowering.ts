/**
 * Translates a graph into an ONNX file for ONNX Runtime: one function, one case per operator.
 * Where several translations are right, the comment says why this one was chosen; `bench/train-step` measures them.
 */
import type { Graph } from '../../graph/graph.ts';
import { MIX_VALUES, type OperationNode, type OperationOf, type Value } from '../../graph/operation.ts';
import { Table } from '../../graph/table.ts';
import { elementCount } from '../../../base/element-count.ts';
import { composeArgmax, composeFusedMatmul, composeLogSoftmax, composeOneHot } from './compositions.ts';
import { CPU_DIALECT, type Dialect } from './dialect.ts';
import { findFusedAdditions } from './fused-additions.ts';
import { cast, integers, scalar } from './model-parts.ts';
import { OnnxModel, type OnnxDescription, type TablesWritten } from './onnx-model.ts';

/** Masked scores: exp of it is exactly 0 after the row's maximum is subtracted. */
const MASKED = -1e9;

/**
 * @param description names the nodes by their scopes, for people; without it names are short and scopes have no effect
 * @param tables of a file that is only hashed: `told`
 * @returns the bytes of an .onnx file: a pure function of the graph and the dialect, so its hash says what is computed
 */
export function lowerToOnnx(
  graph: Graph,
  description?: OnnxDescription,
  dialect: Dialect = CPU_DIALECT,
  tables?: TablesWritten,
): Uint8Array {
  const model = new OnnxModel(description);
  for (const { operation, output } of graph.reachable())
    if (operation.op === 'input') model.input(operation.name, output.shape, output.dtype);
  const outputs = lowerInto(model, graph, (input) => input, dialect);
  model.place('', 'output');
  for (const [name, value] of graph.outputs) {
    model.node('Identity', [outputs.get(name)!], {}, { output: name });
    model.output(name, value.shape, value.dtype);
  }
  return model.serialize(tables);
}

/**
 * Adds a graph's nodes to a model.
 * @param nameOf the value of the model that an input of the graph is
 * @returns the model's values that the graph's outputs are, by the outputs' names
 */
export function lowerInto(
  model: OnnxModel,
  graph: Graph,
  nameOf: (input: string) => string,
  dialect: Dialect,
): Map<string, string> {
  const names = new Map<number, string>();
  const nameOfValue = ({ id }: Value) => names.get(id)!;
  const { bases, absorbed } = findFusedAdditions(graph, (node) => startsFromBase(node, dialect));
  for (const node of graph.reachable()) {
    if (absorbed.has(node.output.id)) continue;
    if (node.operation.op === 'input') {
      names.set(node.output.id, nameOf(node.operation.name));
    } else {
      model.place(node.scope, operationText(node));
      const addition = bases.get(node.output.id);
      const name = addition
        ? lowerNode(model, addition.into, addition.into.inputs.map(nameOfValue), dialect, nameOfValue(addition.base))
        : lowerNode(model, node, node.inputs.map(nameOfValue), dialect);
      if (node.operation.op !== 'constant' && !graph.inputs.has(name))
        model.value(name, node.output.shape, node.output.dtype);
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

const ELEMENTWISE = {
  add: 'Add',
  sub: 'Sub',
  mul: 'Mul',
  div: 'Div',
  maximum: 'Max',
  exp: 'Exp',
  log: 'Log',
  sqrt: 'Sqrt',
  sigmoid: 'Sigmoid',
  erf: 'Erf',
} as const;

/** Whether the node's translation can start from a value instead of from zero. */
function startsFromBase({ operation, output }: OperationNode, dialect: Dialect): boolean {
  if (operation.op === 'scatterAddRows') return dialect.operands === 'float32';
  return operation.op === 'matmul' && output.shape.length === 2 && dialect.operands === 'float32';
}

/** @param base what the result is added to, where `startsFromBase` */
function lowerNode(
  model: OnnxModel,
  { operation, inputs, output }: OperationNode,
  names: readonly string[],
  dialect: Dialect,
  base?: string,
): string {
  const [a] = inputs as [Value];
  const [nameA, nameB] = names as [string, string];
  switch (operation.op) {
    case 'input':
      throw new Error('Inputs are declared, not lowered.');
    case 'constant':
      return model.constant(operation.table, output.shape);
    case 'add':
    case 'sub':
    case 'mul':
    case 'div':
    case 'maximum':
    case 'exp':
    case 'log':
    case 'sqrt':
    case 'sigmoid':
    case 'erf':
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
      return lowerMatmul(model, operation, inputs, base === undefined ? names : [...names, base], dialect);
    case 'mixValues':
      return lowerMatmul(model, { op: 'matmul', ...MIX_VALUES }, inputs, names, dialect);
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
      return model.node('Softmax', [model.node('Add', [nameA, causalMask(model, a.shape.at(-1)!)])], {
        axis: { int: -1 },
      });
    case 'logSoftmax':
      return dialect.lacks.has('LogSoftmax')
        ? composeLogSoftmax(model, nameA)
        : model.node('LogSoftmax', names, { axis: { int: -1 } });
    case 'pick': {
      const [count] = a.shape as [number];
      const picked = model.node('GatherElements', [nameA, reshape(model, nameB, [count, 1])], { axis: { int: 1 } });
      return reshape(model, picked, [count]);
    }
    case 'oneHot':
      return oneHot(model, nameA, a.shape, operation.depth, dialect);
    case 'subtractOneHot': {
      const [count, columns] = a.shape as [number, number];
      if (!dialect.scatterElements) return model.node('Sub', [nameA, oneHot(model, nameB, [count], columns, dialect)]);
      const minusOne = model.sharedConstant(`-1 x ${count}`, Table.filled(count, -1), [count, 1]);
      return model.node('ScatterElements', [nameA, reshape(model, nameB, [count, 1]), minusOne], {
        axis: { int: 1 },
        reduction: { string: 'add' },
      });
    }
    case 'gatherRows':
      return model.node('Gather', names, { axis: { int: 0 } });
    case 'scatterAddRows': {
      const [count, width] = a.shape as [number, number];
      if (operation.rows <= dialect.scatterByProduct)
        return model.node(
          'Gemm',
          [oneHot(model, nameB, [count], operation.rows, dialect), nameA, ...(base === undefined ? [] : [base])],
          { transA: { int: 1 } },
        );
      const start = base ?? model.node('ConstantOfShape', [integers(model, [operation.rows, width])]);
      const index = reshape(model, cast(model, nameB, 'int64'), [count, 1]);
      return model.node('ScatterND', [start, index, nameA], { reduction: { string: 'add' } });
    }
    case 'argmax': {
      if (dialect.lacks.has('CastInt64')) return composeArgmax(model, nameA, a.shape.at(-1)!);
      const wide = model.node('ArgMax', names, { axis: { int: -1 }, keepdims: { int: 0 } });
      return cast(model, wide, 'int32');
    }
  }
}

function lowerMatmul(
  model: OnnxModel,
  operation: OperationOf<'matmul'>,
  [a, b]: readonly Value[],
  names: readonly string[],
  dialect: Dialect,
): string {
  const rounded = dialect.operands === 'bfloat16';
  const operands = rounded ? names.map((name) => cast(model, name, 'bfloat16')) : [...names];
  const rank = a!.shape.length;
  const transposed =
    rank === 2 && operation.transA && elementCount(a!.shape) * dialect.transposeFirst <= elementCount(b!.shape);
  if (transposed) operands[0] = model.node('Transpose', [operands[0]!], { perm: { ints: [1, 0] } });
  const product = matrixProduct(
    model,
    transposed ? { ...operation, transA: false } : operation,
    rank,
    operands,
    dialect,
  );
  return rounded ? cast(model, product, 'float32') : product;
}

function matrixProduct(
  model: OnnxModel,
  operation: OperationOf<'matmul'>,
  rank: number,
  names: readonly string[],
  { lacks }: Dialect,
): string {
  const transA = { int: Number(operation.transA) };
  const transB = { int: Number(operation.transB) };
  const alpha = { float: operation.alpha };
  if (rank === 2) return model.node('Gemm', names, { transA, transB, alpha });
  if (lacks.has('FusedMatMul')) return composeFusedMatmul(model, operation, names);
  const transBatchA = { int: Number(operation.batchA === 'inner') };
  const transBatchB = { int: Number(operation.batchB === 'inner') };
  return model.node('FusedMatMul', names, { transA, transB, transBatchA, transBatchB, alpha }, { contrib: true });
}

function reshape(model: OnnxModel, name: string, shape: readonly number[]): string {
  return model.node('Reshape', [name, integers(model, shape)]);
}

/** Rows of an identity matrix: cheaper than the OneHot operator while the matrix is small. */
function oneHot(
  model: OnnxModel,
  index: string,
  shape: readonly number[],
  depth: number,
  { oneHotByGather, lacks }: Dialect,
): string {
  if (depth > oneHotByGather) {
    if (lacks.has('OneHot')) return composeOneHot(model, index, shape, depth);
    const values = model.constant(Float32Array.of(0, 1), [2]);
    return model.node('OneHot', [index, model.constant(Int32Array.of(depth), [1]), values]);
  }
  const identity = model.sharedConstant(`identity ${depth}`, Table.identity(depth), [depth, depth]);
  return model.node('Gather', [identity, index], { axis: { int: 0 } });
}

function causalMask(model: OnnxModel, length: number): string {
  return model.sharedConstant(`causal ${length}`, Table.aboveDiagonal(length, MASKED), [length, length]);
}

function ones(model: OnnxModel, length: number): string {
  return model.sharedConstant(`ones ${length}`, Table.filled(length, 1), [1, length]);
}
