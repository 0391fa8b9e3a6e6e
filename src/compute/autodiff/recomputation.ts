/**
 * Values that the backward pass computes again, so that they need not be held since the forward pass: a graph is
 * divided into segments by values that are kept, and of a segment only those remain. Its nodes are added once more,
 * unchanged, when the gradient of its end is known. Every number is what it was.
 * Source: Chen et al., Training Deep Nets with Sublinear Memory Cost (2016), arXiv:1604.06174.
 */
import { elementCount } from '../../base/element-count.ts';
import type { Graph } from '../graph/graph.ts';
import type { OperationNode, Value } from '../graph/operation.ts';

export interface Segments {
  /** In the order of the graph: between two of them everything is computed again. */
  kept: readonly Value[];
  /** What is differentiated by. */
  variables: readonly Value[];
}

export class Recomputation {
  readonly #graph: Graph;
  readonly #kept: readonly Value[];
  /** By index of a segment: the variables that it is the first to read. */
  readonly #variables: readonly Value[][];
  readonly #gradientOf: (variable: Value) => Value | undefined;
  /** What stands for a value since its segment was added again. */
  readonly #again = new Map<Value, Value>();

  /** @param gradientOf a variable, asked for when all nodes that read it have been visited */
  constructor(graph: Graph, { kept, variables }: Segments, gradientOf: (variable: Value) => Value | undefined) {
    this.#graph = graph;
    this.#kept = kept;
    this.#variables = variablesOf(graph, kept, variables);
    this.#gradientOf = gradientOf;
  }

  /**
   * A node as the rule of its gradient reads it. Nodes are asked for backwards.
   * @param gradient of the node's output
   */
  node(node: OperationNode, gradient: Value): OperationNode {
    const index = this.#kept.indexOf(node.output);
    if (index > 0) this.#addAgain(index - 1, gradient);
    return {
      ...node,
      inputs: node.inputs.map((input) => this.#again.get(input) ?? input),
      output: index < 0 ? (this.#again.get(node.output) ?? node.output) : node.output,
    };
  }

  /**
   * What begins the segment waits for the gradient of its end, and for those that the segment after it has given.
   * Without that, a runtime that orders nodes by itself, as ONNX Runtime does from the outputs back, would compute all
   * segments at once, or hold them all for the gradients of their variables; and the nodes, being the same on the same
   * values, would be merged with those of the forward pass.
   * @param gradient of the segment's end
   */
  #addAgain(segment: number, gradient: Value): void {
    const [start, end] = this.#kept.slice(segment, segment + 2) as [Value, Value];
    const given = (this.#variables[segment + 1] ?? []).flatMap((variable) => this.#gradientOf(variable) ?? []);
    const zero = [gradient, ...given]
      .map((value) => this.#zeroAfter(value))
      .reduce((sum, each) => this.#graph.add(sum, each));
    this.#again.set(start, this.#waiting(start, zero));
    for (const node of this.#graph.nodes.slice(start.id + 1, end.id)) {
      const { op } = node.operation;
      if (op === 'input' || op === 'constant' || node.inputs.every((input) => this.#isConstant(input))) continue;
      let inputs = node.inputs.map((input) => this.#again.get(input) ?? input);
      if (inputs.every((input, index) => input === node.inputs[index])) {
        if (op === 'reshape') continue; // of a parameter: it takes no memory
        inputs = this.#withOneWaiting(inputs, zero);
      }
      this.#again.set(node.output, this.#graph.repeat(node, inputs));
    }
  }

  #isConstant(value: Value): boolean {
    return this.#graph.producer(value).operation.op === 'constant';
  }

  /** Of a node that reads parameters only: the smallest of them. */
  #withOneWaiting(inputs: readonly Value[], zero: Value): Value[] {
    const sizes = inputs.map(({ shape, dtype }) => (dtype === 'float32' ? elementCount(shape) : Infinity));
    const smallest = sizes.indexOf(Math.min(...sizes));
    return inputs.map((input, index) => (index === smallest ? this.#waiting(input, zero) : input));
  }

  /** The same numbers, which are there when the zero is: +0 taken away changes no number, not even -0. */
  #waiting(value: Value, zero: Value): Value {
    return this.#graph.sub(
      value,
      this.#graph.reshape(
        zero,
        value.shape.map(() => 1),
      ),
    );
  }

  /** +0 [1, 1], computed of one number of a value; NaN if that is not finite, and then the training fails anyway. */
  #zeroAfter(value: Value): Value {
    const first = value.shape.reduce((part, _, axis) => this.#graph.slice(part, axis, 0, 1), value);
    return this.#graph.square(this.#graph.affine(this.#graph.reshape(first, [1, 1]), 0));
  }
}

function variablesOf(graph: Graph, kept: readonly Value[], variables: readonly Value[]): Value[][] {
  const firstReader = new Map<Value, number>();
  for (const { inputs, output } of graph.nodes)
    for (const input of inputs) if (!firstReader.has(input)) firstReader.set(input, output.id);
  return kept
    .slice(1)
    .map(({ id: end }, segment) =>
      variables.filter((each) => firstReader.get(each)! > kept[segment]!.id && firstReader.get(each)! <= end),
    );
}
