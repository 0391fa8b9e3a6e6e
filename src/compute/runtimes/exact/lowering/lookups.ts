/** Kernels of operators that look up rows or columns, and of joining values. */
import type { OperationNode, Value } from '../../../graph/operation.ts';
import type { Access, Phase, Row } from '../language.ts';
import { MapCall } from './kernel-builder.ts';
import type { Values } from './values.ts';
import { sliced, type View } from './view.ts';

/** Row i of the result is row index[i] of the table. */
export function emitGather(values: Values, phase: Phase, { inputs, output }: OperationNode): void {
  const [table, index] = inputs as [Value, Value];
  const source = values.withNeighbours(table, phase, 1);
  const target = values.allocate(output);
  const call = new MapCall(output.shape, output.shape[0] === 1 ? [] : [0], output.shape[1] === 1 ? undefined : 1);
  const { body } = call;
  const from: Access = {
    ...call.access({ ...source, shape: output.shape, strides: [0, source.strides[1]!] }),
    row: rowOf(values, phase, call, index, source.strides[0]!, table.shape[0]!),
  };
  body.store(body.load(from), call.access(target));
  values.emitter.call(phase, call.kernel(), call.slots.places);
  values.addToSum(phase, output);
}

/** Adds row i of the updates to row index[i] of the result, in order. */
export function emitScatter(values: Values, phase: Phase, { inputs, output }: OperationNode): void {
  const [updates, index] = inputs as [Value, Value];
  const source = values.withNeighbours(updates, phase, 1);
  const total = values.sumOf(output);
  const goesOn = total !== undefined && !values.isRead(output);
  const target = goesOn ? total : values.allocate(output);
  if (!goesOn) {
    const zeroing = new MapCall(output.shape, [0], 1);
    zeroing.body.store(zeroing.body.constant(0), zeroing.access(target));
    values.emitter.call(phase, zeroing.kernel(), zeroing.slots.places);
  }
  const { shape } = updates;
  const call = new MapCall(shape, shape[0] === 1 ? [] : [0], shape[1] === 1 ? undefined : 1);
  const { body } = call;
  const to: Access = {
    ...call.access({ ...target, shape, strides: [0, target.strides[1]!] }),
    row: rowOf(values, phase, call, index, target.strides[0]!, output.shape[0]!),
  };
  body.store(body.add(body.load(to), body.load(call.access(source))), to);
  values.emitter.call(phase, call.kernel(), call.slots.places);
  if (!goesOn) values.addToSum(phase, output);
}

/** Element i of the result is element [i, index[i]] of the operand. */
export function emitPick(values: Values, phase: Phase, { inputs, output }: OperationNode): void {
  const [operand, index] = inputs as [Value, Value];
  const source = values.view(operand, phase);
  const target = values.allocate(output);
  const call = new MapCall(output.shape, output.shape[0] === 1 ? [] : [0], undefined);
  const { body } = call;
  const from: Access = {
    ...call.access({ ...source, shape: output.shape, strides: [source.strides[0]!] }),
    row: rowOf(values, phase, call, index, source.strides[1]!, operand.shape[1]!),
  };
  body.store(body.load(from), call.access(target));
  values.emitter.call(phase, call.kernel(), call.slots.places);
  values.addToSum(phase, output);
}

/** The first index of the largest element along the last axis. */
export function emitArgmax(values: Values, phase: Phase, { inputs, output }: OperationNode): void {
  const [operand] = inputs as [Value];
  const { shape } = operand;
  const last = shape.length - 1;
  const order = values.structure.orderOf(operand);
  const lane = order.filter((axis) => axis !== last).at(-1);
  const source = lane === undefined ? values.view(operand, phase) : values.withNeighbours(operand, phase, lane);
  const target = values.allocate(output);
  const loops = [...shape.keys()].filter((axis) => axis !== last && axis !== lane && shape[axis] !== 1);
  const call = new MapCall(shape, loops, lane);
  const { body } = call;
  const initials = [body.constant(-Infinity), body.constant(0)];
  const [, found] = body.loop(shape[last]!, initials, (inside, loop, [best, at]) => {
    call.runsOver(last, loop);
    const element = inside.load(call.access(source));
    const larger = inside.less(best!, element);
    return [inside.select(larger, element, best!), inside.select(larger, inside.index(loop), at!)];
  });
  body.storeInteger(found!, call.access({ ...target, shape, strides: [...target.strides, 0] }));
  values.emitter.call(phase, call.kernel(), call.slots.places);
}

/** The operands one after the other along an axis. */
export function emitConcat(values: Values, phase: Phase, { operation, inputs, output }: OperationNode): void {
  if (operation.op !== 'concat') throw new Error(`${operation.op} joins nothing.`);
  const target = values.joined(output);
  let start = 0;
  for (const input of inputs) {
    const end = start + input.shape[operation.axis]!;
    const [from, to] = [values.view(input, phase), sliced(target, operation.axis, start, end)];
    if (from.buffer !== to.buffer) values.copy(phase, from, to, output.dtype); // it is there already otherwise
    start = end;
  }
  values.addToSum(phase, output);
}

/** Moves an access by rows that an index leads to. */
function rowOf(values: Values, phase: Phase, call: MapCall, index: Value, length: number, rows: number): Row {
  const view: View = values.view(index, phase);
  values.emitter.leadsToRows(view.buffer, rows);
  const { slot, strides } = call.access(view.shape.length === 1 ? padded(view) : view);
  return { slot, strides, length };
}

/** An index of rows as the kernel's loops see it: it does not vary along the columns. */
function padded(view: View): View {
  return { ...view, shape: [...view.shape, 1], strides: [...view.strides, 0] };
}
