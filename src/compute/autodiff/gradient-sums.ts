/**
 * Adds up the gradients that reach each value from the nodes that use it. Slices are the special case: if they tile
 * the value, their gradients are concatenated in one copy; padding each with zeros and adding would take several passes
 * over the whole value.
 */
import type { Graph } from '../graph/graph.ts';
import type { Value } from '../graph/operation.ts';
import { Table } from '../graph/table.ts';
import { elementCount } from '../../base/element-count.ts';

interface SliceGradient {
  axis: number;
  start: number;
  end: number;
  gradient: Value;
}

export class GradientSums {
  readonly #graph: Graph;
  readonly #whole = new Map<number, Value>();
  readonly #slices = new Map<number, SliceGradient[]>();

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  add(value: Value, gradient: Value): void {
    const earlier = this.#whole.get(value.id);
    this.#whole.set(value.id, earlier === undefined ? gradient : this.#graph.add(earlier, gradient));
  }

  addSlice(value: Value, slice: SliceGradient): void {
    this.#slices.set(value.id, [...(this.#slices.get(value.id) ?? []), slice]);
  }

  /** The gradient of a value, once every node that uses it has been visited; undefined if none reaches it. */
  total(value: Value): Value | undefined {
    const slices = this.#slices.get(value.id);
    if (slices !== undefined) {
      this.#slices.delete(value.id);
      for (const part of this.#joined(value, slices)) this.add(value, part);
    }
    return this.#whole.get(value.id);
  }

  /** Full-size gradients whose sum the slices are: a single one if they tile the value. */
  #joined(value: Value, slices: SliceGradient[]): Value[] {
    const [{ axis }] = slices as [SliceGradient];
    const ordered = slices.toSorted((a, b) => a.start - b.start);
    const apart = ordered.every((slice, index) => slice.axis === axis && slice.start >= (ordered[index - 1]?.end ?? 0));
    if (!apart) return slices.map((slice) => this.#padded(value, [slice]));
    return [this.#padded(value, ordered)];
  }

  /** Slices that do not overlap, in order, with zeros in the gaps. */
  #padded(value: Value, slices: readonly SliceGradient[]): Value {
    const { axis } = slices[0]!;
    const parts: Value[] = [];
    let position = 0;
    for (const { start, end, gradient } of slices) {
      parts.push(...this.#zeros(value, axis, start - position), gradient);
      position = end;
    }
    parts.push(...this.#zeros(value, axis, value.shape[axis]! - position));
    return this.#graph.concat(parts, axis);
  }

  #zeros(value: Value, axis: number, length: number): Value[] {
    if (length === 0) return [];
    const shape = value.shape.map((other, index) => (index === axis ? length : other));
    return [this.#graph.constant(Table.filled(elementCount(shape), 0), shape)];
  }
}
