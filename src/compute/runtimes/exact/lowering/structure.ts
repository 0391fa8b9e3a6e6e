/**
 * What lowering knows of a graph before it emits anything: who reads what, in which phase each node is computed, which
 * additions begin a product's sum, which values a causal mask hides the half of, and how each value lies in memory.
 */
import type { Graph } from '../../../graph/graph.ts';
import type { OperationNode, Value } from '../../../graph/operation.ts';
import { isElementwise } from './elementwise.ts';
import type { Phases } from './phases.ts';
import { dense, expanded, orderOf, reshaped, rowMajor, sliced, transposed, type Order, type View } from './view.ts';

/** Operators along the last axis that are faster if it is not the innermost one in memory. */
const DOWN_COLUMNS = ['causalSoftmax', 'logSoftmax', 'argmax'];
const VIEW_OPERATORS = ['reshape', 'transpose', 'slice', 'expand'];

export class Structure {
  readonly graph: Graph;
  readonly nodes: readonly OperationNode[];
  readonly phases: Phases;
  readonly #readers = new Map<Value, OperationNode[]>();
  readonly #outputs: ReadonlySet<Value>;
  readonly #additions = new Map<OperationNode, { product: OperationNode; base: Value }>();
  readonly #absorbed = new Set<OperationNode>();
  readonly #triangular = new Set<Value>();
  /** How values lie in memory, as views of buffers that are not there yet. */
  readonly #layouts = new Map<Value, View>();

  constructor(graph: Graph, phases: Phases) {
    this.graph = graph;
    this.nodes = graph.reachable();
    this.phases = phases;
    this.#outputs = new Set(graph.outputs.values());
    for (const node of this.nodes)
      for (const input of node.inputs) this.#readers.set(input, [...this.readersOf(input), node]);
    for (const node of this.nodes) this.#findAddition(node);
    for (const node of this.nodes) if (this.#makesTriangular(node)) this.#triangular.add(node.output);
    for (const node of this.nodes) this.#layouts.set(node.output, this.#layoutOf(node));
  }

  readersOf(value: Value): readonly OperationNode[] {
    return this.#readers.get(value) ?? [];
  }

  isOutput(value: Value): boolean {
    return this.#outputs.has(value);
  }

  /** The product whose sum an addition's other operand begins. */
  additionOf(node: OperationNode): { product: OperationNode; base: Value } | undefined {
    return this.#additions.get(node);
  }

  /** Whether a product is computed as part of an addition. */
  isAbsorbed(node: OperationNode): boolean {
    return this.#absorbed.has(node);
  }

  /** Whether elements of [.., q, k] with k > q are +0. */
  isTriangular(value: Value): boolean {
    return this.#triangular.has(value);
  }

  orderOf(value: Value): Order {
    return orderOf(this.#layouts.get(value)!);
  }

  /** Whether a value is where another one is, seen in another way. */
  isView(node: OperationNode): boolean {
    if (!VIEW_OPERATORS.includes(node.operation.op)) return false;
    return viewed(this.graph, node, this.#layouts.get(node.inputs[0]!)!) !== undefined;
  }

  /** The only node that reads a value, if there is one and nothing else needs the value. */
  onlyReader(value: Value): OperationNode | undefined {
    const readers = this.readersOf(value);
    return readers.length === 1 && !this.isOutput(value) && !this.phases.summed.has(value) ? readers[0] : undefined;
  }

  /** Whether elements that a causal mask hides are not needed, since the only reader hides them. */
  isHalfNeeded(value: Value): boolean {
    const reader = this.onlyReader(value);
    if (reader?.operation.op === 'causalSoftmax') return true;
    return (
      reader?.operation.op === 'mul' &&
      reader.inputs.some((input) => input !== value && this.isTriangular(input) && sameShape(input, value))
    );
  }

  #findAddition(node: OperationNode): void {
    if (node.operation.op !== 'add' || this.phases.summed.has(node.output)) return;
    const [a, b] = node.inputs as [Value, Value];
    for (const [value, base] of a.id > b.id ? [[a, b] as const, [b, a] as const] : [[b, a] as const, [a, b] as const]) {
      const product = this.graph.producer(value);
      const { op } = product.operation;
      if (
        value === base ||
        (op !== 'matmul' && op !== 'mixValues') ||
        (op === 'matmul' && product.operation.alpha !== 1) ||
        this.onlyReader(value) !== node ||
        !sameShape(value, node.output) ||
        this.phases.of(product) !== this.phases.of(node)
      )
        continue;
      this.#additions.set(node, { product, base });
      this.#absorbed.add(product);
      return;
    }
  }

  #makesTriangular({ operation, inputs, output }: OperationNode): boolean {
    if (operation.op === 'causalSoftmax') return true;
    return operation.op === 'mul' && inputs.some((input) => this.isTriangular(input) && sameShape(input, output));
  }

  #layoutOf(node: OperationNode): View {
    const { operation, inputs, output } = node;
    const { shape } = output;
    const [first] = inputs;
    switch (operation.op) {
      case 'reshape':
      case 'transpose':
      case 'slice':
      case 'expand':
        return viewed(this.graph, node, this.#layouts.get(first!)!) ?? dense(0, shape);
      case 'matmul':
      case 'mixValues':
        return dense(0, shape, this.#orderOfProduct(node));
      case 'sum': {
        const { axes } = operation;
        return dense(
          0,
          shape,
          this.orderOf(first!).filter((axis) => !axes.includes(axis)),
        );
      }
      case 'causalSoftmax':
        return dense(0, shape, swapped(shape));
      case 'logSoftmax': {
        const order = this.orderOf(first!);
        const last = shape.length - 1;
        return dense(0, shape, order.at(-1) === last ? [last, ...order.slice(0, -1)] : order);
      }
      case 'concat':
        return dense(0, shape, completeOrder(shape, this.orderOf(first!)));
      default:
        return dense(0, shape, isElementwise(operation) ? this.#orderOfOperands(node) : rowMajor(shape));
    }
  }

  /** That of the first operand which has all elements. */
  #orderOfOperands(node: OperationNode): Order {
    const { inputs, output } = node;
    const absorbed = this.#additions.get(node)?.product.output;
    const whole = [...inputs.filter((input) => input !== absorbed), ...inputs].find(
      (input) =>
        sameShape(input, output) &&
        this.#layouts.get(input)!.strides.every((stride, axis) => stride > 0 || output.shape[axis] === 1),
    );
    return whole === undefined ? rowMajor(output.shape) : this.orderOf(whole);
  }

  /**
   * Scores lie with the queries innermost and logits with the tokens, so that their softmax runs down columns; what is
   * combined with another value lies as that one does.
   */
  #orderOfProduct({ output }: OperationNode): Order {
    for (const reader of this.readersOf(output)) {
      if (DOWN_COLUMNS.includes(reader.operation.op)) return swapped(output.shape);
      if (!isElementwise(reader.operation)) continue;
      const other = reader.inputs.find(
        (input) => input !== output && sameShape(input, output) && this.#layouts.has(input),
      );
      if (other !== undefined && this.graph.producer(other).operation.op !== 'input') return this.orderOf(other);
    }
    return rowMajor(output.shape);
  }
}

/** What a view operator makes of the view of its operand; undefined where elements have to move. */
export function viewed(graph: Graph, { operation, inputs, output }: OperationNode, source: View): View | undefined {
  switch (operation.op) {
    case 'reshape':
      return reshaped(source, output.shape);
    case 'transpose':
      // Rows of a table come one after the other; all that follows runs across them.
      return graph.producer(inputs[0]!).operation.op === 'gatherRows'
        ? undefined
        : transposed(source, operation.permutation);
    case 'slice':
      return sliced(source, operation.axis, operation.start, operation.end);
    case 'expand':
      return expanded(source, output.shape);
    default:
      return undefined;
  }
}

export function sameShape(a: Value, b: Value): boolean {
  return `${a.shape}` === `${b.shape}`;
}

/** An order of all axes of more than one element, which begins with those that are missing in another one. */
function completeOrder(shape: readonly number[], order: Order): Order {
  const all = rowMajor(shape);
  return [...all.filter((axis) => !order.includes(axis)), ...order.filter((axis) => shape[axis] !== 1)];
}

/** Row-major with the last two axes exchanged. */
function swapped(shape: readonly number[]): Order {
  const last = shape.length - 1;
  const axes = [...shape.keys()].slice(0, -2);
  return [...axes, last, last - 1].filter((axis) => shape[axis] !== 1);
}
