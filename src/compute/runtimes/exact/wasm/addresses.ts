/**
 * Addresses of what a map kernel reads and writes. Each is held in a local that moves on with the loops around it, so
 * that no iteration multiplies; accesses that have moved in the same way so far share one.
 */
import type { Access, Instruction, Row } from '../language.ts';
import type { FunctionWriter, Local } from './function-writer.ts';

const BYTES = 4;
/** The loop of a row that is the same in all of them. */
const NO_LOOP = -1;
/** The lanes, which are a loop on which no row depends. */
export const LANES_LOOP = -2;

/** The addresses in one loop, by access. */
export class Addresses {
  readonly #writer: FunctionWriter;
  readonly #known: ReadonlyMap<string, Local>;

  private constructor(writer: FunctionWriter, known: ReadonlyMap<string, Local>) {
    this.#writer = writer;
    this.#known = known;
  }

  /** Before all loops. @param pointers of the slots: where those that a call names begin */
  static outside(writer: FunctionWriter, pointers: readonly Local[], body: readonly Instruction[]): Addresses {
    const known = new Map(accessesOf(body).map((access) => [textOf(access), pointers[access.slot]!]));
    return new Addresses(writer, known).#withRows(body, NO_LOOP);
  }

  of(access: Access): Local {
    return this.#known.get(textOf(access))!;
  }

  /**
   * The addresses in a loop, at its beginning: call it before the loop.
   * @param strideOf how far an access moves from one iteration to the next
   * @param first the local of the first iteration's number, where that is not 0
   */
  within(body: readonly Instruction[], strideOf: (access: Access) => number, first?: Local): AddressesInLoop {
    const writer = this.#writer;
    const known = new Map(this.#known);
    const moving = new Map<string, { local: Local; stride: number }>();
    for (const access of accessesOf(body)) {
      const text = textOf(access);
      const stride = strideOf(access);
      const address = this.#known.get(text)!;
      if (stride === 0) continue;
      const origin = `${address} ${stride}`;
      let move = moving.get(origin);
      if (move === undefined) {
        if (first === undefined) writer.get(address);
        else writer.indexed(address, first, stride * BYTES);
        move = { local: writer.keep('i32'), stride };
        moving.set(origin, move);
      }
      known.set(text, move.local);
    }
    return {
      begin: (loop) => new Addresses(writer, known).#withRows(body, loop),
      advance: (iterations) => {
        for (const { local, stride } of moving.values()) writer.advance(local, stride * BYTES * iterations);
      },
    };
  }

  /** Adds rows that are known from a loop on: those whose last stride is along it. */
  #withRows(body: readonly Instruction[], loop: number): Addresses {
    const known = new Map(this.#known);
    const read = new Map<string, Local>();
    for (const access of accessesOf(body)) {
      const { row } = access;
      if (row === undefined || lastLoop(row) !== loop) continue;
      const address = this.of(access);
      const origin = `${address} ${textOf(accessOf(row))} ${row.length}`;
      let local = read.get(origin);
      if (local === undefined) {
        const writer = this.#writer
          .get(address)
          .get(this.of(accessOf(row)))
          .loadInteger(0);
        local = writer
          .integer(row.length * BYTES)
          .integers('mul')
          .integers('add')
          .keep('i32');
        read.set(origin, local);
      }
      known.set(textOf(access), local);
    }
    return new Addresses(this.#writer, known);
  }
}

export interface AddressesInLoop {
  /** Those of an iteration: call it at the beginning of the loop's body. @param loop its number */
  begin(loop: number): Addresses;
  /** Moves them on: call it at the end of the body. */
  advance(iterations: number): void;
}

/** How a row is read: the numbers of rows are memory like any other. */
function accessOf({ slot, strides }: Row): Access {
  return { slot, strides, lane: 0 };
}

/** The innermost loop on which a row depends: loops are numbered from the outside. */
function lastLoop({ strides }: Row): number {
  return strides.findLastIndex((stride) => stride !== 0);
}

function textOf({ slot, strides, lane, row }: Access): string {
  const text = `${slot} ${lane} ${strides.join(' ')}`;
  return row === undefined ? text : `${text} row ${row.slot} ${row.length} ${row.strides.join(' ')}`;
}

/** Everything that a body reads or writes, in inner loops too. */
function accessesOf(body: readonly Instruction[]): Access[] {
  return body.flatMap((instruction) => {
    if (instruction.op === 'loop') return accessesOf(instruction.body);
    const access = 'from' in instruction ? instruction.from : 'to' in instruction ? instruction.to : undefined;
    if (typeof access !== 'object') return [];
    return access.row === undefined ? [access] : [accessOf(access.row), access];
  });
}
