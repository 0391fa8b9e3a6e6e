/** Where the values of a graph are while a program is written: views of buffers, copies in other orders, sums. */
import { elementCount } from '../../../../base/element-count.ts';
import type { OperationNode, Value } from '../../../graph/operation.ts';
import { Emitter } from './emitter.ts';
import { MapCall } from './kernel-builder.ts';
import type { Kernel, Phase, Place } from '../language.ts';
import { viewed, type Structure } from './structure.ts';
import { dense, expanded, isPlain, orderOf, reshaped, rowMajor, sliced, type Order, type View } from './view.ts';

export class Values {
  readonly emitter = new Emitter();
  readonly structure: Structure;
  readonly #views = new Map<Value, View>();
  /** Sums over the repetitions. */
  readonly #sums = new Map<Value, View>();
  /** Copies that lie in another order, by what they are copies of (a value, or its sum) and innermost axis. */
  readonly #copies = new Map<View, Map<number, View>>();

  constructor(structure: Structure, advancing: ReadonlySet<string>) {
    this.structure = structure;
    for (const [name, value] of structure.graph.inputs) {
      const elements = elementCount(value.shape);
      const advances = advancing.has(name);
      const buffer = this.emitter.buffer({
        ...{ name, dtype: value.dtype, elements, kind: 'input' },
        ...(advances && { advances }),
      });
      this.#views.set(value, dense(buffer, value.shape));
    }
    for (const value of structure.phases.summed) this.#sums.set(value, this.#zeroes(value));
  }

  /** Where a value is, for a node that is computed in a phase. */
  view(value: Value, phase: Phase): View {
    if (phase === 'after') {
      const sum = this.#sums.get(value);
      if (sum !== undefined) return sum;
    }
    const known = this.#views.get(value);
    if (known !== undefined) return known;
    const node = this.structure.graph.producer(value);
    const view =
      node.operation.op === 'constant'
        ? dense(this.emitter.constant(node.operation.table), value.shape)
        : viewed(this.structure.graph, node, this.view(node.inputs[0]!, phase));
    if (view === undefined) throw new Error(`${node.operation.op} is read before it is computed.`);
    this.#views.set(value, view);
    return view;
  }

  /** The sum of a value over the repetitions, where it is needed. */
  sumOf(value: Value): View | undefined {
    return this.#sums.get(value);
  }

  /** Whether a value is read as it is in a repetition. */
  isRead(value: Value): boolean {
    const { structure } = this;
    if (!structure.phases.summed.has(value)) return true;
    return structure.readersOf(value).some((reader) => structure.phases.of(reader) === 'each');
  }

  /** Memory for a value, in the order in which it lies. */
  allocate(value: Value): View {
    const { shape, dtype } = value;
    const part = this.#partOfJoined(value);
    if (part !== undefined) {
      this.#views.set(value, part);
      return part;
    }
    const elements = elementCount(shape);
    const buffer =
      dtype === 'int32'
        ? this.emitter.buffer({ name: '', dtype, elements, kind: 'scratch' })
        : this.emitter.scratch(elements);
    const view = dense(buffer, shape, this.structure.orderOf(value));
    this.#views.set(value, view);
    return view;
  }

  /** Where several values are joined: memory that some of them may have been written into already. */
  joined(value: Value): View {
    return this.#views.get(value) ?? this.allocate(value);
  }

  /** Where in the joined values a value belongs that nothing reads but the joining. */
  #partOfJoined(value: Value): View | undefined {
    const { structure } = this;
    const reader = structure.onlyReader(value);
    if (
      reader?.operation.op !== 'concat' ||
      structure.phases.of(reader) !== structure.phases.of(structure.graph.producer(value))
    )
      return undefined;
    const { axis } = reader.operation;
    if (
      `${structure.orderOf(value)}` !== `${structure.orderOf(reader.output)}` ||
      reader.inputs.filter((input) => input === value).length > 1
    )
      return undefined;
    const before = reader.inputs.slice(0, reader.inputs.indexOf(value));
    const start = before.reduce((sum, { shape }) => sum + shape[axis]!, 0);
    const part = sliced(this.joined(reader.output), axis, start, start + value.shape[axis]!);
    const { operation, inputs } = structure.graph.producer(value);
    return operation.op === 'reshape' && reshaped(part, inputs[0]!.shape) === undefined ? undefined : part;
  }

  /** The one number that a value consists of, where it is a constant. */
  constantOf(value: Value): number | undefined {
    const { operation } = this.structure.graph.producer(value);
    return operation.op === 'constant' && operation.table.dtype === 'float32' && operation.table.length === 1
      ? operation.table.numbers()[0]
      : undefined;
  }

  /** A value with neighbours along an axis: as it is, or a copy. */
  withNeighbours(value: Value, phase: Phase, axis: number): View {
    const view = this.view(value, phase);
    if (view.strides[axis] === 1 || view.shape[axis] === 1) return view;
    const copies = this.#copies.get(view) ?? new Map<number, View>();
    this.#copies.set(view, copies);
    const copy = copies.get(axis) ?? this.#copied(value, view, phase, axis);
    copies.set(axis, copy);
    return copy;
  }

  /** A value as an operand of a larger shape, whose neighbours along an axis are neighbours or the same. */
  operand(value: Value, phase: Phase, shape: readonly number[], lane: number | undefined): View {
    const view = expanded(this.view(value, phase), shape);
    if (lane === undefined || view.strides[lane]! <= 1) return view;
    return expanded(this.withNeighbours(value, phase, lane - (shape.length - value.shape.length)), shape);
  }

  /** A view operator whose elements have to move. */
  emitCopy(phase: Phase, node: OperationNode): void {
    const source = this.view(node.inputs[0]!, phase);
    const target = this.allocate(node.output);
    const { operation } = node;
    if (operation.op === 'transpose') {
      const { permutation } = operation;
      this.copy(
        phase,
        { ...source, shape: node.output.shape, strides: permutation.map((axis) => source.strides[axis]!) },
        target,
      );
      return;
    }
    // Of a reshape: the elements in the order of the operand's shape.
    this.copy(phase, source, reshaped(target, source.shape)!);
  }

  /** Writes the elements of one view to the places of another one of the same shape. */
  copy(phase: Phase, source: View, target: View, dtype: Value['dtype'] = 'float32'): void {
    const order = orderOf(target);
    const lane = order.at(-1);
    const isDense = lane === undefined || target.strides[lane] === 1;
    if (isDense && (lane === undefined || source.strides[lane]! <= 1))
      return this.#copyLanes(phase, source, target, order, dtype);
    const row = rowMajor(source.shape).find((axis) => source.strides[axis] === 1);
    if (!isDense || row === undefined || dtype === 'int32')
      return this.#copyLanes(phase, source, target, [...order, -1], dtype);
    const batch = order.filter((axis) => axis !== lane && axis !== row);
    const along = ({ strides }: View) => batch.map((axis) => strides[axis]!);
    const kernel: Kernel = {
      kind: 'transpose',
      batch: batch.map((axis) => source.shape[axis]!),
      rows: source.shape[lane]!,
      columns: source.shape[row]!,
      source: { slot: 0, batch: along(source), row: source.strides[lane]! },
      target: { slot: 1, batch: along(target), column: target.strides[row]! },
    };
    this.emitter.call(phase, kernel, [place(source), place(target)]);
  }

  /** Adds what a repetition has computed to the sum over the repetitions, where that is needed. */
  addToSum(phase: Phase, value: Value): void {
    const sum = this.#sums.get(value);
    if (sum === undefined) return;
    const order = orderOf(sum);
    const source = this.operand(value, phase, value.shape, order.at(-1));
    const call = new MapCall(value.shape, order.slice(0, -1), order.at(-1));
    const { body } = call;
    const access = call.access(sum);
    body.store(body.add(body.load(access), body.load(call.access(source))), access);
    this.emitter.call(phase, call.kernel(), call.slots.places);
  }

  /** Multiplies the sum over the repetitions by a factor, once they are all done. */
  scaleSum(value: Value, factor: number): void {
    const sum = this.#sums.get(value)!;
    const call = new MapCall([elementCount(value.shape)], [], 0);
    const access = call.access({ ...sum, strides: [1] });
    const { body } = call;
    body.store(body.mul(body.load(access), body.constant(factor)), access);
    this.emitter.call('after', call.kernel(), call.slots.places);
  }

  /** Gives every output of the graph a buffer of its own, row-major. */
  writeOutputs(phase: Phase): void {
    for (const [name, value] of this.structure.graph.outputs) {
      const view = this.view(value, phase);
      const elements = elementCount(value.shape);
      if (isPlain(view) && this.emitter.isScratch(view.buffer) && this.emitter.elementsOf(view.buffer) === elements) {
        this.emitter.becomeOutput(view.buffer, name);
        continue;
      }
      const buffer = this.emitter.buffer({ name, dtype: value.dtype, elements, kind: 'output' });
      const target = dense(buffer, value.shape);
      this.copy(phase, view, target, value.dtype);
    }
  }

  #copied(value: Value, view: View, phase: Phase, axis: number): View {
    const order: Order = [...orderOf(view).filter((other) => other !== axis), axis];
    const target = dense(this.emitter.scratch(elementCount(value.shape)), value.shape, order);
    this.copy(this.#phaseOf(value, phase), view, target);
    return target;
  }

  /** A copy is made once, when the value is there. */
  #phaseOf(value: Value, phase: Phase): Phase {
    if (phase === 'after' && this.#sums.has(value)) return phase;
    return this.structure.phases.of(this.structure.graph.producer(value));
  }

  /** @param order the last axis is that of the lanes; -1 for a single lane */
  #copyLanes(phase: Phase, source: View, target: View, order: Order, dtype: Value['dtype'] = 'float32'): void {
    const lane = order.at(-1);
    const call = new MapCall(target.shape, order.slice(0, -1), lane === -1 ? undefined : lane);
    const [from, to] = [call.access(source), call.access(target)];
    const { body } = call;
    if (dtype === 'float32') body.store(body.load(from), to);
    else body.storeInteger(body.loadInteger(from), to);
    this.emitter.call(phase, call.kernel(), call.slots.places);
  }

  /** Memory for the sum of a value over the repetitions, which begins with zeros and lies as the value does. */
  #zeroes(value: Value): View {
    const { shape } = value;
    const view = dense(this.emitter.lasting(elementCount(shape)), shape, this.structure.orderOf(value));
    const call = new MapCall([elementCount(shape)], [], 0);
    call.body.store(call.body.constant(0), call.access({ ...view, strides: [1] }));
    this.emitter.call('before', call.kernel(), call.slots.places);
    return view;
  }
}

export function place({ buffer, offset }: View): Place {
  return { buffer, offset };
}
