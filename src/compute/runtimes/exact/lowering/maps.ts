/** Kernels of element-wise nodes. */
import type { OperationNode, Value } from '../../../graph/operation.ts';
import type { Body } from '../body.ts';
import type { Phase, Variable } from '../language.ts';
import { compute, isElementwise } from './elementwise.ts';
import { MapCall } from './kernel-builder.ts';
import { sameShape } from './structure.ts';
import type { Values } from './values.ts';
import { expanded, type Order, type View } from './view.ts';

/** @param nodes over the same elements, in order */
export function emitMap(values: Values, phase: Phase, nodes: readonly OperationNode[]): void {
  const { output } = nodes[0]!;
  const order = values.structure.orderOf(output);
  const call = new MapCall(output.shape, order.slice(0, -1), order.at(-1));
  const expressions = new Expressions(values, phase, call, output.shape, order);
  for (const node of nodes) expressions.define(node);
  storeAll(values, call, nodes, expressions);
  values.emitter.call(phase, call.kernel(), call.slots.places);
}

/** Writes what others need of what a kernel has computed. */
export function storeAll(
  values: Values,
  call: MapCall,
  nodes: readonly OperationNode[],
  expressions: Expressions,
): void {
  const own = new Set(nodes);
  for (const node of nodes) {
    const { output } = node;
    const { structure } = values;
    const sum = values.sumOf(output);
    const { body } = call;
    if (sum !== undefined) {
      const access = call.access(sum);
      body.store(body.add(body.load(access), expressions.of(output)), access);
    }
    const isNeeded =
      (structure.isOutput(output) && sum === undefined) ||
      structure.readersOf(output).some((reader) => !own.has(reader) && structure.phases.of(reader) !== 'after') ||
      (sum === undefined && structure.readersOf(output).some((reader) => !own.has(reader)));
    if (isNeeded) body.store(expressions.of(output), call.access(values.allocate(output)));
  }
}

/** The values of nodes at the place where a kernel is, as variables. */
export class Expressions {
  readonly #values: Values;
  readonly #phase: Phase;
  readonly #call: MapCall;
  readonly #shape: readonly number[];
  readonly #lane: number | undefined;
  readonly #body: Body;
  readonly #variables = new Map<Value, Variable>();
  /** How a view is read, where it is not read as it is. */
  readonly #seen: (view: View) => View;

  constructor(
    values: Values,
    phase: Phase,
    call: MapCall,
    shape: readonly number[],
    order: Order,
    { body = call.body, seen = (view: View) => view }: { body?: Body; seen?: (view: View) => View } = {},
  ) {
    this.#values = values;
    this.#phase = phase;
    this.#call = call;
    this.#shape = shape;
    this.#lane = order.at(-1);
    this.#body = body;
    this.#seen = seen;
  }

  /** Says which variable a value is. */
  is(value: Value, variable: Variable): void {
    this.#variables.set(value, variable);
  }

  define(node: OperationNode): void {
    const { operation, inputs, output } = node;
    if (!isElementwise(operation)) throw new Error(`${operation.op} is not element-wise.`);
    const operands = inputs.map((input) =>
      input.dtype === 'int32' ? this.#index([...input.shape, 1], input) : this.of(input),
    );
    const last = this.#shape.length - 1;
    const result = compute(this.#body, operation, operands, () => this.#call.coordinate(last, this.#body));
    this.#variables.set(output, this.#hidden(node, result));
  }

  of(value: Value): Variable {
    const known = this.#variables.get(value);
    if (known !== undefined) return known;
    const constant = this.#values.constantOf(value);
    const variable =
      constant !== undefined
        ? this.#body.constant(constant)
        : this.#body.load(
            this.#call.access(this.#seen(this.#values.operand(value, this.#phase, this.#shape, this.#lane))),
          );
    this.#variables.set(value, variable);
    return variable;
  }

  /** +0 where a causal mask hides what is combined with the masked weights: it may be anything. */
  #hidden({ operation, inputs, output }: OperationNode, result: Variable): Variable {
    const { structure } = this.#values;
    if (operation.op !== 'mul' || !structure.isTriangular(output)) return result;
    if (inputs.every((input) => structure.isTriangular(input) && sameShape(input, output))) return result;
    const body = this.#body;
    const last = this.#shape.length - 1;
    const visible = body.lessOrEqual(this.#call.coordinate(last, body), this.#call.coordinate(last - 1, body));
    return body.select(visible, result, body.constant(0));
  }

  /** An index of each row, the same in all columns. */
  #index(shape: readonly number[], value: Value): Variable {
    const known = this.#variables.get(value);
    if (known !== undefined) return known;
    const view = this.#values.view(value, this.#phase);
    const column = expanded({ ...view, shape, strides: [...view.strides, 0] }, this.#shape);
    const variable = this.#body.loadInteger(this.#call.access(this.#seen(column)));
    this.#variables.set(value, variable);
    return variable;
  }
}
