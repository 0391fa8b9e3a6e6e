/**
 * The numbers of a constant: written down, or given by a rule and made when a session needs them. A table of a batch
 * can take gigabytes, and planning, which only identifies graphs, must not make it.
 */
type DType = 'float32' | 'int32';
type Numbers = Float32Array | Int32Array;

/** Makes a table of fewer numbers. */
interface Rule {
  /** Tells the table from any other of its shape and type, together with the numbers that it is made of. */
  text: string;
  apply: (table: Numbers, from: Numbers) => void;
}

export class Table {
  readonly length: number;
  readonly dtype: DType;
  readonly #from: () => Numbers;
  readonly #rule: Rule | undefined;

  private constructor(length: number, dtype: DType, from: () => Numbers, rule?: Rule) {
    this.length = length;
    this.dtype = dtype;
    this.#from = from;
    this.#rule = rule;
  }

  static written(numbers: Numbers): Table {
    return new Table(numbers.length, numbers instanceof Float32Array ? 'float32' : 'int32', () => numbers);
  }

  static filled(length: number, value: number): Table {
    const apply = (table: Numbers) => table.fill(value);
    return new Table(length, 'float32', () => Float32Array.of(value), { text: 'filled', apply });
  }

  /** 0, 1, 2 and so on. */
  static counting(length: number, dtype: DType): Table {
    const apply = (table: Numbers) => table.forEach((_, index) => (table[index] = index));
    return new Table(length, dtype, () => new Float32Array(), { text: 'counting', apply });
  }

  /** A square matrix with ones on its diagonal. */
  static identity(size: number): Table {
    const apply = (table: Numbers) => {
      for (let row = 0; row < size; row++) table[row * size + row] = 1;
    };
    return new Table(size * size, 'float32', () => new Float32Array(), { text: 'identity', apply });
  }

  /** A square matrix with one value above its diagonal. */
  static aboveDiagonal(size: number, value: number): Table {
    const apply = (table: Numbers) => {
      for (let row = 0; row < size; row++) table.fill(value, row * size + row + 1, (row + 1) * size);
    };
    return new Table(size * size, 'float32', () => Float32Array.of(value), { text: 'above the diagonal', apply });
  }

  /**
   * A matrix that holds each row of another several times, one after the other.
   * @param at the number of the other matrix at a place, a pure function
   */
  static repeatedRows(
    rows: number,
    columns: number,
    times: number,
    at: (row: number, column: number) => number,
  ): Table {
    const make = () => {
      const numbers = new Float32Array(rows * columns);
      for (let row = 0; row < rows; row++)
        for (let column = 0; column < columns; column++) numbers[row * columns + column] = at(row, column);
      return numbers;
    };
    const apply = (table: Numbers, from: Numbers) => {
      for (let part = 0; part < rows * times; part++) {
        const row = Math.floor(part / times) * columns;
        table.set(from.subarray(row, row + columns), part * columns);
      }
    };
    return new Table(rows * columns * times, 'float32', make, { text: `each ${columns} ${times} times`, apply });
  }

  /** All of them. */
  numbers(): Numbers {
    if (this.#rule === undefined) return this.#from();
    const table = this.dtype === 'float32' ? new Float32Array(this.length) : new Int32Array(this.length);
    this.#rule.apply(table, this.#from());
    return table;
  }

  /**
   * What tells the table exactly from any other of its shape and type: the numbers that are written or that its rule
   * begins with, and the rule.
   */
  told(): { numbers: Numbers; rule: string | undefined } {
    return { numbers: this.#from(), rule: this.#rule?.text };
  }
}
