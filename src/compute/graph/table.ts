/**
 * The numbers of a constant: written down, or computed from their places when a session needs them. A table of a batch
 * can take gigabytes, and planning, which only identifies graphs, must not make it.
 */
type DType = 'float32' | 'int32';

/** What a sample holds at most. */
const SAMPLE = 65_536;

export class Table {
  readonly length: number;
  readonly dtype: DType;
  readonly #at: (index: number) => number;
  readonly #written: Float32Array | Int32Array | undefined;

  private constructor(
    length: number,
    dtype: DType,
    at: (index: number) => number,
    written?: Float32Array | Int32Array,
  ) {
    this.length = length;
    this.dtype = dtype;
    this.#at = at;
    this.#written = written;
  }

  static written(numbers: Float32Array | Int32Array): Table {
    const dtype = numbers instanceof Float32Array ? 'float32' : 'int32';
    return new Table(numbers.length, dtype, (index) => numbers[index]!, numbers);
  }

  /** @param at the number at a place, a pure function; rounded to the type */
  static computed(length: number, at: (index: number) => number, dtype: DType = 'float32'): Table {
    return new Table(length, dtype, at);
  }

  static filled(length: number, value: number): Table {
    return Table.computed(length, () => value);
  }

  /** All of them. */
  numbers(): Float32Array | Int32Array {
    return this.#written ?? this.#make(this.length, (index) => index);
  }

  /** Some of them, spread evenly; of two tables of one length it is equal if their numbers follow one rule. */
  sample(): Float32Array | Int32Array {
    const count = Math.min(SAMPLE, this.length);
    const stride = this.length / count;
    const gap = Math.max(1, Math.floor(stride));
    // Shifted within each gap by another length, so that a rule with a period cannot hide.
    return this.#make(count, (index) => Math.floor(index * stride) + ((index * 7919) % gap));
  }

  #make(count: number, place: (index: number) => number): Float32Array | Int32Array {
    const numbers = this.dtype === 'float32' ? new Float32Array(count) : new Int32Array(count);
    for (let index = 0; index < count; index++) numbers[index] = this.#at(place(index));
    return numbers;
  }
}
