/**
 * A static computation graph: operations in the order in which they were added, which is an order of execution.
 * Methods add one operation each and return its value. The graph knows neither gradients nor runtimes.
 */
import type { MatmulAttributes, Operation, OperationNode, Value } from './operation.ts';
import { elementCount } from '../../base/element-count.ts';
import { GraphError, outputShape } from './shape.ts';
import { Table } from './table.ts';

export class Graph {
  readonly nodes: OperationNode[] = [];
  readonly inputs = new Map<string, Value>();
  readonly outputs = new Map<string, Value>();
  readonly #producers = new Map<number, OperationNode>();
  #scope = '';

  input(name: string, shape: readonly number[], dtype: Value['dtype'] = 'float32'): Value {
    if (this.inputs.has(name)) throw new GraphError(`There are two inputs named ${name}.`);
    const value = this.#append({ op: 'input', name }, [], [...shape], dtype);
    this.inputs.set(name, value);
    return value;
  }

  constant(numbers: Table | Float32Array | Int32Array, shape: readonly number[]): Value {
    const table = numbers instanceof Table ? numbers : Table.written(numbers);
    if (table.length !== elementCount(shape))
      throw new GraphError(`${table.length} numbers are no constant of shape [${shape}].`);
    return this.#append({ op: 'constant', table }, [], [...shape], table.dtype);
  }

  scalar(value: number): Value {
    return this.constant(Float32Array.of(value), []);
  }

  output(name: string, value: Value): void {
    if (this.outputs.has(name)) throw new GraphError(`There are two outputs named ${name}.`);
    this.outputs.set(name, value);
  }

  /**
   * Names the part of the model to which the nodes belong that `build` adds, e.g. `model.layers.0.mlp`; scopes nest,
   * joined by a slash. Only for people who look at the graph (swp export): scopes change no result and enter no key.
   */
  scope<Result>(name: string, build: () => Result): Result {
    const outer = this.#scope;
    this.#scope = outer === '' ? name : `${outer}/${name}`;
    try {
      return build();
    } finally {
      this.#scope = outer;
    }
  }

  producer(value: Value): OperationNode {
    const node = this.#producers.get(value.id);
    if (node?.output !== value) throw new GraphError('The value belongs to another graph.');
    return node;
  }

  add = (a: Value, b: Value): Value => this.#broadcasting('add', a, b);
  sub = (a: Value, b: Value): Value => this.#broadcasting('sub', a, b);
  mul(a: Value, b: Value): Value {
    const shape = outputShape({ op: 'mul' }, [a, b]);
    const [factorA, factorB] = [this.#singleConstant(a), this.#singleConstant(b)];
    if (factorB !== undefined && sameShape(a.shape, shape)) return this.affine(a, factorB);
    if (factorA !== undefined && sameShape(b.shape, shape)) return this.affine(b, factorA);
    return this.#broadcasting('mul', a, b);
  }
  div = (a: Value, b: Value): Value => this.#broadcasting('div', a, b);
  maximum = (a: Value, b: Value): Value => this.#broadcasting('maximum', a, b);

  /** x * factor + offset; at once for a constant, and together with an earlier one. */
  affine(x: Value, factor: number, offset = 0): Value {
    if (factor === 1 && offset === 0) return x;
    const { operation, inputs } = this.producer(this.#unexpanded(x));
    if (operation.op === 'constant' && operation.table.length === 1)
      return this.expand(
        this.constant(Float32Array.of(operation.table.numbers()[0]! * factor + offset), this.#unexpanded(x).shape),
        x.shape,
      );
    if (operation.op === 'affine' && operation.offset === 0)
      return this.expand(this.affine(inputs[0]!, operation.factor * factor, offset), x.shape);
    return this.#unary({ op: 'affine', factor, offset }, x);
  }
  exp = (x: Value): Value => this.#unary({ op: 'exp' }, x);
  log = (x: Value): Value => this.#unary({ op: 'log' }, x);
  sqrt = (x: Value): Value => this.#unary({ op: 'sqrt' }, x);
  /** 1 / sqrt(x). */
  rsqrt = (x: Value): Value => this.#unary({ op: 'rsqrt' }, x);
  square = (x: Value): Value => this.#unary({ op: 'square' }, x);
  sigmoid = (x: Value): Value => this.#unary({ op: 'sigmoid' }, x);
  /** x * sigmoid(x). */
  silu = (x: Value): Value => this.#unary({ op: 'silu' }, x);
  /** GELU in its tanh form, x * sigmoid(sqrt(8 / pi) (x + 0.044715 x^3)): Hendrycks & Gimpel 2016. */
  gelu = (x: Value): Value => this.#unary({ op: 'gelu' }, x);
  /** The error function. */
  erf = (x: Value): Value => this.#unary({ op: 'erf' }, x);

  matmul(a: Value, b: Value, attributes: Partial<MatmulAttributes> = {}): Value {
    const defaults = { transA: false, transB: false, batchA: 'leading', batchB: 'leading', alpha: 1 } as const;
    const merged = { ...defaults, ...attributes };
    const [left, right] = [this.#unscaled(a), this.#unscaled(b)]; // a factor on an operand is a factor on the product
    return this.#derive({ op: 'matmul', ...merged, alpha: merged.alpha * left.factor * right.factor }, [
      left.value,
      right.value,
    ]);
  }

  /** Sum over axes, kept with length 1; no operation if they have length 1 already. */
  sum(x: Value, axes: readonly number[]): Value {
    const summed = axes.filter((axis) => x.shape[axis] !== 1);
    return summed.length === 0 ? x : this.#derive({ op: 'sum', axes: summed }, [x]);
  }

  expand(x: Value, shape: readonly number[]): Value {
    if (sameShape(x.shape, shape)) return x;
    return this.#derive({ op: 'expand', shape: [...shape] }, [this.#unexpanded(x)]);
  }

  reshape(x: Value, shape: readonly number[]): Value {
    if (sameShape(x.shape, shape)) return x;
    outputShape({ op: 'reshape', shape }, [x]); // throws if the numbers do not match
    const source = this.#unexpanded(x);
    if (elementCount(source.shape) === 1 && elementCount(x.shape) !== 1)
      return this.expand(
        this.reshape(
          source,
          shape.map(() => 1),
        ),
        shape,
      );
    const { operation, inputs } = this.producer(x);
    if (operation.op === 'constant') return this.constant(operation.table, shape);
    if (operation.op === 'reshape') return this.reshape(inputs[0]!, shape);
    return this.#derive({ op: 'reshape', shape: [...shape] }, [x]);
  }

  transpose(x: Value, permutation: readonly number[]): Value {
    return this.#derive({ op: 'transpose', permutation: [...permutation] }, [x]);
  }

  slice(x: Value, axis: number, start: number, end: number): Value {
    return start === 0 && end === x.shape[axis] ? x : this.#derive({ op: 'slice', axis, start, end }, [x], x.dtype);
  }

  concat(parts: readonly Value[], axis: number): Value {
    return this.#derive({ op: 'concat', axis }, parts, parts[0]!.dtype);
  }

  causalSoftmax = (x: Value): Value => this.#derive({ op: 'causalSoftmax', centredGradient: false }, [x]);

  /**
   * Causal attention: values mixed by the softmax of the scores.
   *
   * With P the softmax, O the result and D_i = sum_c dO_ic O_ic = sum_j dP_ij P_ij, the softmax's gradient is
   * dS = P (dP - D) (Dao et al. 2022, FlashAttention, appendix B.2). So `mixValues` hands back dP - D, which costs no
   * pass over the [t, t] matrices, and the softmax only multiplies.
   * @param scores [n, t, t]
   * @param values [c, n, t]
   * @returns [n, c, t]
   */
  attend(scores: Value, values: Value): Value {
    const weights = this.#derive({ op: 'causalSoftmax', centredGradient: true }, [scores]);
    return this.#derive({ op: 'mixValues' }, [values, weights]);
  }
  logSoftmax = (x: Value): Value => this.#derive({ op: 'logSoftmax' }, [x]);
  pick = (values: Value, index: Value): Value => this.#derive({ op: 'pick' }, [values, index]);
  oneHot = (index: Value, depth: number): Value => this.#derive({ op: 'oneHot', depth }, [index]);
  gatherRows = (table: Value, index: Value): Value => this.#derive({ op: 'gatherRows' }, [table, index]);
  scatterAddRows = (updates: Value, index: Value, rows: number): Value =>
    this.#derive({ op: 'scatterAddRows', rows }, [updates, index]);
  /** x with 1 subtracted at index[i] of row i: what a one-hot matrix would do in two passes. */
  subtractOneHot = (x: Value, index: Value): Value => this.#derive({ op: 'subtractOneHot' }, [x, index]);
  argmax = (x: Value): Value => this.#derive({ op: 'argmax' }, [x], 'int32');

  /** The operation of a node once more, on other values of the same shapes. */
  repeat({ operation, output }: OperationNode, inputs: readonly Value[]): Value {
    return this.#derive(operation, inputs, output.dtype);
  }

  /** The nodes on which the outputs depend, in order of execution. */
  reachable(): OperationNode[] {
    const wanted = new Set([...this.outputs.values()].map((value) => value.id));
    const kept: OperationNode[] = [];
    for (const node of this.nodes.toReversed()) {
      if (!wanted.has(node.output.id)) continue;
      kept.push(node);
      for (const input of node.inputs) wanted.add(input.id);
    }
    return kept.reverse();
  }

  /**
   * Element-wise operators read broadcast operands as they are, and an expansion of a unary's result is the unary's
   * result of the expansion: so a gradient that is the same for a whole axis is never written out at full size.
   */
  #broadcasting(op: 'add' | 'sub' | 'mul' | 'div' | 'maximum', a: Value, b: Value): Value {
    const shape = outputShape({ op }, [a, b]);
    const result = this.#derive({ op }, [this.#unexpanded(a), this.#unexpanded(b)]);
    return this.expand(result, shape);
  }

  #unary(operation: Operation, x: Value): Value {
    return this.expand(this.#derive(operation, [this.#unexpanded(x)]), x.shape);
  }

  /** The number that every element of a value is, if that is known. */
  #singleConstant(x: Value): number | undefined {
    const { operation } = this.producer(this.#unexpanded(x));
    return operation.op === 'constant' && operation.table.dtype === 'float32' && operation.table.length === 1
      ? operation.table.numbers()[0]
      : undefined;
  }

  #unscaled(x: Value): { value: Value; factor: number } {
    const { operation, inputs } = this.producer(x);
    return operation.op === 'affine' && operation.offset === 0 && sameShape(inputs[0]!.shape, x.shape)
      ? { value: inputs[0]!, factor: operation.factor }
      : { value: x, factor: 1 };
  }

  #unexpanded(x: Value): Value {
    const node = this.producer(x);
    return node.operation.op === 'expand' ? node.inputs[0]! : x;
  }

  #derive(operation: Operation, inputs: readonly Value[], dtype: Value['dtype'] = 'float32'): Value {
    for (const input of inputs) this.producer(input);
    return this.#append(operation, inputs, outputShape(operation, inputs), dtype);
  }

  #append(operation: Operation, inputs: readonly Value[], shape: number[], dtype: Value['dtype']): Value {
    const output: Value = { id: this.nodes.length, shape, dtype };
    const node: OperationNode = { operation, inputs, output, scope: this.#scope };
    this.nodes.push(node);
    this.#producers.set(output.id, node);
    return output;
  }
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((length, axis) => length === b[axis]);
}
