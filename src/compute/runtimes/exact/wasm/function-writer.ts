/** Writes the instructions of a WebAssembly function. Addresses and offsets are in bytes. */
import { signed, unsigned, type ValueType, type WasmFunction } from './module.ts';

export type Local = number;

const BYTES_OF_FLOAT = 4;
/** Of memory instructions: the logarithm of the alignment that they may count on. */
const ALIGNED = 2;
const NO_RESULT = 0x40;

const INTEGER_OPS = { add: 0x6a, sub: 0x6b, mul: 0x6c, div: 0x6e, and: 0x71, less: 0x49, notEqual: 0x47 } as const;

/** After the prefix of vector instructions. */
const VECTOR_OPS = {
  ...{ equal: 65, less: 67, lessOrEqual: 69 },
  ...{ and: 78, or: 80, xor: 81, select: 82 },
  ...{ splatInteger: 17, splatFloat: 19, shiftLeft: 171, shiftRight: 173, addInteger: 174, subInteger: 177 },
  ...{ sqrt: 227, add: 228, sub: 229, mul: 230, div: 231, max: 235, toInteger: 248, toFloat: 250 },
} as const;

const MEMORY_OPS = { load: 0, loadSplat: 9, store: 11, loadOne: 92, loadTwo: 93 } as const;
const LANE_OPS = { loadLane: 86, storeLane: 90, storeTwoLanes: 91 } as const;

export class FunctionWriter {
  readonly #parameters: number;
  readonly #locals: ValueType[] = [];
  readonly #code: number[] = [];

  constructor(parameters: number) {
    this.#parameters = parameters;
  }

  /** The function that was written. */
  done(name?: string): WasmFunction {
    return {
      parameters: this.#parameters,
      locals: this.#locals,
      code: this.#code,
      ...(name !== undefined && { export: name }),
    };
  }

  local(type: ValueType): Local {
    return this.#parameters + this.#locals.push(type) - 1;
  }

  get(local: Local): this {
    return this.#write(0x20, unsigned(local));
  }

  set(local: Local): this {
    return this.#write(0x21, unsigned(local));
  }

  tee(local: Local): this {
    return this.#write(0x22, unsigned(local));
  }

  /** Takes what is on the stack into a new local. */
  keep(type: ValueType): Local {
    const local = this.local(type);
    this.set(local);
    return local;
  }

  integer(value: number): this {
    return this.#write(0x41, signed(value));
  }

  integers(op: keyof typeof INTEGER_OPS): this {
    return this.#write(INTEGER_OPS[op]);
  }

  /** local + bytes, on the stack. */
  moved(local: Local, bytes: number): this {
    this.get(local);
    return bytes === 0 ? this : this.integer(bytes).integers('add');
  }

  /** local + index * bytes, on the stack. */
  indexed(local: Local, index: Local, bytes: number): this {
    return this.get(local).get(index).integer(bytes).integers('mul').integers('add');
  }

  advance(local: Local, bytes: number): this {
    return bytes === 0 ? this : this.moved(local, bytes).set(local);
  }

  /** The lesser of two unsigned integers, of which the second is a constant. */
  atMost(local: Local, most: number): this {
    return this.get(local).integer(most).get(local).integer(most).integers('less').#write(0x1b);
  }

  loadInteger(offset: number): this {
    return this.#write(0x28, [ALIGNED, ...unsigned(offset)]);
  }

  integerToFloat(): this {
    return this.#write(0xb2);
  }

  call(index: number): this {
    return this.#write(0x10, unsigned(index));
  }

  vectors(op: keyof typeof VECTOR_OPS): this {
    return this.#vector(VECTOR_OPS[op]);
  }

  /** The same bits in all lanes. */
  splat(bits: number): this {
    return this.lanes([bits, bits, bits, bits]);
  }

  lanes(bits: readonly [number, number, number, number]): this {
    return this.#vector(12, [...new Uint8Array(Uint32Array.from(bits, (lane) => lane >>> 0).buffer)]);
  }

  memory(op: keyof typeof MEMORY_OPS, offset: number): this {
    return this.#vector(MEMORY_OPS[op], [ALIGNED, ...unsigned(offset)]);
  }

  #lane(op: keyof typeof LANE_OPS, offset: number, lane: number): this {
    return this.#vector(LANE_OPS[op], [ALIGNED, ...unsigned(offset), lane]);
  }

  /** Reads 1 to 4 neighbours at an address and an offset; what is above them is 0. */
  loadLanes(address: Local, offset: number, width: number): this {
    this.get(address);
    if (width === 4) return this.memory('load', offset);
    if (width === 1) return this.memory('loadOne', offset);
    this.memory('loadTwo', offset);
    if (width === 2) return this;
    const two = this.keep('v128');
    return this.get(address)
      .get(two)
      .#lane('loadLane', offset + 2 * BYTES_OF_FLOAT, 2);
  }

  /** Writes the first 1 to 4 lanes of a local. */
  storeLanes(address: Local, offset: number, width: number, value: Local): this {
    this.get(address).get(value);
    if (width === 4) return this.memory('store', offset);
    if (width === 1) return this.#lane('storeLane', offset, 0);
    this.#lane('storeTwoLanes', offset, 0);
    if (width === 2) return this;
    return this.get(address)
      .get(value)
      .#lane('storeLane', offset + 2 * BYTES_OF_FLOAT, 2);
  }

  /** Of two vectors, in which lanes are numbered 0 to 7. */
  shuffle(lanes: readonly [number, number, number, number]): this {
    const bytes = lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * BYTES_OF_FLOAT + byte));
    return this.#vector(13, bytes);
  }

  /** Runs the body at least once, and again as long as it leaves something other than 0 on the stack. */
  loop(body: () => void): this {
    this.#write(0x03, [NO_RESULT]);
    body();
    return this.#write(0x0d, [0]).#write(0x0b);
  }

  /** Runs the body if what is on the stack is not 0. */
  when(body: () => void): this {
    this.#write(0x04, [NO_RESULT]);
    body();
    return this.#write(0x0b);
  }

  /** Runs the body a number of times. One time takes no loop. @param body is given the local with the index, if any */
  times(count: number, body: (index: Local | undefined) => void): this {
    if (count === 1) body(undefined);
    if (count < 2) return this;
    const index = this.integer(0).keep('i32');
    return this.loop(() => {
      body(index);
      this.moved(index, 1).tee(index).integer(count).integers('notEqual');
    });
  }

  #vector(op: number, immediates: readonly number[] = []): this {
    return this.#write(0xfd, [...unsigned(op), ...immediates]);
  }

  #write(op: number, immediates: readonly number[] = []): this {
    this.#code.push(op, ...immediates);
    return this;
  }
}
