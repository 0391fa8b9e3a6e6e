/**
 * Builds one call of a map kernel: its loops are axes of a shape, its slots are the views that it reads and writes.
 */
import { Body } from '../body.ts';
import type { Access, Kernel, Place } from '../language.ts';
import type { View } from './view.ts';

/** The slots of a kernel, and their places: one per buffer and offset. */
export class Slots {
  readonly places: Place[] = [];

  of(buffer: number, offset: number): number {
    const known = this.places.findIndex((place) => place.buffer === buffer && place.offset === offset);
    return known >= 0 ? known : this.places.push({ buffer, offset }) - 1;
  }
}

export class MapCall {
  readonly slots = new Slots();
  readonly body: Body;
  readonly #shape: readonly number[];
  readonly #loops: readonly number[];
  readonly #lane: number | undefined;
  /** Numbers of the loops in the body, by axis. */
  readonly #inner = new Map<number, number>();
  /** Axes whose indices from `first` on are counted in chunks, and within a chunk by the lanes. */
  readonly #chunked = new Map<number, { first: number; width: number }>();

  /**
   * @param loops axes around the lanes, outermost first
   * @param lane axis of the lanes; undefined for a single lane
   */
  constructor(shape: readonly number[], loops: readonly number[], lane: number | undefined) {
    this.#shape = shape;
    this.#loops = loops;
    this.#lane = lane;
    this.body = new Body(loops.length);
  }

  /** Says that a loop in the body runs over an axis. */
  runsOver(axis: number, loop: number): void {
    this.#inner.set(axis, loop);
  }

  /** Says that an axis counts chunks of a width, from an index on; the lanes count within a chunk. */
  countsChunks(axis: number, first: number, width: number): void {
    this.#chunked.set(axis, { first, width });
  }

  /** The element of a view at the indices of all loops; the view has the kernel's shape, with strides of 0. */
  access({ buffer, offset, strides }: View): Access {
    const byLoop: number[] = this.#loops.map((axis) => strides[axis]!);
    for (const [axis, loop] of this.#inner) byLoop[loop] = strides[axis]!;
    return {
      slot: this.slots.of(buffer, offset),
      strides: Array.from(byLoop, (stride = 0) => stride),
      lane: this.#lane !== undefined && strides[this.#lane] === 1 ? 1 : 0,
    };
  }

  /** The index along an axis, as a float32. */
  coordinate(axis: number, body: Body = this.body): number {
    if (axis === this.#lane) return body.lane();
    const loop = this.#loops.indexOf(axis);
    if (loop >= 0) return body.index(loop);
    const inner = this.#inner.get(axis);
    const index = inner === undefined ? body.constant(0) : body.index(inner); // an axis of length 1 has no loop
    const chunked = this.#chunked.get(axis);
    if (chunked === undefined) return index;
    const start = body.add(body.mul(index, body.constant(chunked.width)), body.constant(chunked.first));
    return body.add(start, body.lane());
  }

  kernel(): Kernel {
    const lanes = this.#lane === undefined ? 1 : this.#shape[this.#lane]!;
    return this.body.kernel(
      this.#loops.map((axis) => this.#shape[axis]!),
      lanes,
    );
  }
}
