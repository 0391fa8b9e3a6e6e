/**
 * Kernels of sums. Where the innermost axis is kept, elements are added in order of the summed axes. Where it is
 * summed, they are added up in 16 partial sums, which are joined in pairs: an order that no width of vectors changes.
 */
import type { OperationNode, Value } from '../../../graph/operation.ts';
import type { Body } from '../body.ts';
import type { Phase, Variable } from '../language.ts';
import type { Groups } from './groups.ts';
import { MapCall } from './kernel-builder.ts';
import { Expressions, storeAll } from './maps.ts';
import type { Values } from './values.ts';
import { dense, type Order, type View } from './view.ts';

const PARTIALS = 16;

interface Sum {
  node: OperationNode;
  /** What is summed. */
  input: Value;
  /** How its elements lie. */
  order: Order;
  /** The summed axes of more than one element, in order. */
  axes: readonly number[];
}

/** @param tail element-wise nodes that go on with the result */
export function emitSum(
  values: Values,
  groups: Groups,
  phase: Phase,
  node: OperationNode,
  tail: readonly OperationNode[],
): void {
  const { operation } = node;
  if (operation.op !== 'sum') throw new Error(`${operation.op} is no sum.`);
  const input = node.inputs[0]!;
  const axes = operation.axes.filter((axis) => input.shape[axis] !== 1).toSorted((a, b) => a - b);
  const sum = { node, input, order: values.structure.orderOf(input), axes };
  if (axes.includes(sum.order.at(-1)!)) emitAlongLanes(values, groups, phase, sum);
  else emitAcrossLanes(values, groups, phase, sum, tail);
}

/** Lanes are kept. */
function emitAcrossLanes(
  values: Values,
  groups: Groups,
  phase: Phase,
  { node, input, order, axes }: Sum,
  tail: readonly OperationNode[],
): void {
  const kept = order.filter((axis) => !axes.includes(axis));
  const call = new MapCall(input.shape, kept.slice(0, -1), kept.at(-1));
  const { body } = call;
  const total = values.sumOf(node.output);
  const goesOn = total !== undefined && !values.isRead(node.output);
  const initial = goesOn ? body.load(call.access(total)) : body.constant(0);
  const result = summed(call, body, axes, input.shape, initial, (inside) => {
    const expressions = new Expressions(values, phase, call, input.shape, order, { body: inside });
    return valueOf(groups, values, expressions, input);
  });
  if (goesOn) body.store(result, call.access(total));
  else {
    const expressions = new Expressions(values, phase, call, node.output.shape, kept);
    expressions.is(node.output, result);
    for (const each of tail) expressions.define(each);
    storeAll(values, call, [node, ...tail], expressions);
  }
  values.emitter.call(phase, call.kernel(), call.slots.places);
}

/** The value that is summed: computed here, if nobody else needs it. */
function valueOf(groups: Groups, values: Values, expressions: Expressions, input: Value): Variable {
  const node = values.structure.graph.producer(input);
  if (groups.isInlined(node)) expressions.define(node);
  return expressions.of(input);
}

/** Loops over the axes, the first outermost, that add up a value. */
function summed(
  call: MapCall,
  body: Body,
  [axis, ...others]: readonly number[],
  shape: readonly number[],
  initial: Variable,
  value: (body: Body) => Variable,
): Variable {
  if (axis === undefined) return body.add(initial, value(body));
  const [result] = body.loop(shape[axis]!, [initial], (inside, loop, [before]) => {
    call.runsOver(axis, loop);
    return [summed(call, inside, others, shape, before!, value)];
  });
  return result!;
}

/** Lanes are summed: element i is added to partial sum i mod 16. */
function emitAlongLanes(values: Values, groups: Groups, phase: Phase, { node, input, order, axes }: Sum): void {
  const { shape } = input;
  const lane = order.at(-1)!;
  const kept = order.filter((axis) => !axes.includes(axis));
  const outer = axes.filter((axis) => axis !== lane);
  const rank = shape.length;
  const chunks = Math.floor(shape[lane]! / PARTIALS);
  const rest = shape[lane]! % PARTIALS;
  const total = values.sumOf(node.output);
  const lasts = total !== undefined && !values.isRead(node.output);

  // Partial sums have the input's axes, of which only the kept ones are left, and one of their own.
  const partialShape = [...shape.map((length, axis) => (kept.includes(axis) ? length : 1)), PARTIALS];
  const elements = partialShape.reduce((product, length) => product * length, 1);
  const buffer = lasts ? values.emitter.lasting(elements) : values.emitter.scratch(elements);
  const partials = dense(buffer, partialShape, [...kept, rank]);

  /** Adds the part of the input whose indices along the lanes are from `first` on, in as many chunks of as many. */
  const add = (first: number, count: number, width: number, begins: boolean) => {
    // The axis of the lanes counts chunks; another one behind all counts within a chunk.
    const split = ({ strides, ...view }: View): View => ({
      ...view,
      offset: view.offset + first * strides[lane]!,
      shape: [...shape.map((length, axis) => (axis === lane ? count : length)), width],
      strides: [...strides.map((stride, axis) => (axis === lane ? width * stride : stride)), strides[lane]!],
    });
    const splitShape = [...shape.map((length, axis) => (axis === lane ? count : length)), width];
    const call = new MapCall(splitShape, kept, rank);
    call.countsChunks(lane, first, width);
    const { body } = call;
    const access = call.access(partials);
    const loops = [...outer, ...(count > 1 ? [lane] : [])];
    const result = summed(call, body, loops, splitShape, begins ? body.constant(0) : body.load(access), (inside) =>
      valueOf(groups, values, new Expressions(values, phase, call, shape, order, { body: inside, seen: split }), input),
    );
    body.store(result, access);
    values.emitter.call(phase, call.kernel(), call.slots.places);
  };
  if (lasts) zero(values, 'before', partials, elements);
  else if (chunks === 0) zero(values, phase, partials, elements);
  if (chunks > 0) add(0, chunks, PARTIALS, !lasts);
  if (rest > 0) add(chunks * PARTIALS, 1, rest, false);

  const target = lasts ? total : values.allocate(node.output);
  join(values, lasts ? 'after' : phase, partials, kept, {
    ...target,
    shape: [...target.shape, 1],
    strides: [...target.strides, 0],
  });
  if (!lasts) values.addToSum(phase, node.output);
}

function zero(values: Values, phase: Phase, { buffer }: View, elements: number): void {
  const call = new MapCall([elements], [], 0);
  call.body.store(call.body.constant(0), call.access({ buffer, offset: 0, shape: [elements], strides: [1] }));
  values.emitter.call(phase, call.kernel(), call.slots.places);
}

/** Adds the upper half of the partial sums to the lower half, until one is left. */
function join(values: Values, phase: Phase, partials: View, kept: Order, target: View): void {
  const rank = partials.shape.length - 1;
  for (let width = PARTIALS / 2; width >= 1; width /= 2) {
    const lower = { ...partials, shape: [...partials.shape.slice(0, rank), width] };
    const call = new MapCall(lower.shape, kept, width === 1 ? undefined : rank);
    const upper = { ...lower, offset: lower.offset + width };
    const { body } = call;
    const result = body.add(body.load(call.access(lower)), body.load(call.access(upper)));
    body.store(result, call.access(width === 1 ? target : lower));
    values.emitter.call(phase, call.kernel(), call.slots.places);
  }
}
