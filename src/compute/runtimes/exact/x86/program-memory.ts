/** Memory of a program's buffers, outside of the JavaScript heap, and the addresses that its kernels are given. */
import type { Phase, Program } from '../language.ts';
import { PHASES } from '../language.ts';
import { addressOf } from './executable-memory.ts';
import { ELEMENT } from './kernel-code.ts';

export type Numbers = Float32Array | Int32Array;
/** Gives zeros that stay where they are. */
export type Allocate = (elements: number) => Float32Array;

const ALIGNMENT = 64;

/** At a multiple of a cache line's length. */
export const allocateAligned: Allocate = (elements) => {
  const memory = new ArrayBuffer(elements * ELEMENT + ALIGNMENT);
  const past = addressOf(new Uint8Array(memory)) % ALIGNMENT;
  return new Float32Array(memory, (ALIGNMENT - past) % ALIGNMENT, elements);
};

/** A place in the table of addresses. */
interface Entry {
  index: number;
  /** Bytes behind the buffer's beginning. */
  offset: number;
}

/** One that each repetition finds elsewhere. */
interface MovingEntry extends Entry {
  buffer: number;
  /** Bytes from one repetition's to the next one's. */
  step: number;
}

export class ProgramMemory {
  readonly #program: Program;
  /** Held as long as code refers to them. */
  readonly #buffers: (Numbers | undefined)[];
  readonly #bases: number[];
  readonly #entries: Entry[][];
  readonly #moving: MovingEntry[] = [];
  /** Addresses of 64 bits, in halves. */
  readonly #table: Uint32Array;
  readonly #tableAddress: number;
  /** Of each call: where its entries begin. */
  readonly #firsts: Readonly<Record<Phase, number[]>> = { before: [], each: [], after: [] };

  constructor(program: Program, allocate: Allocate) {
    this.#program = program;
    this.#entries = program.buffers.map(() => []);
    let length = 0;
    for (const phase of PHASES)
      for (const call of program.phases[phase]) {
        this.#firsts[phase].push(length);
        for (const { buffer, offset } of call.places) {
          const entry = { index: length++, offset: offset * ELEMENT };
          const { advances, elements } = program.buffers[buffer]!;
          this.#entries[buffer]!.push(entry);
          if (phase === 'each' && advances) this.#moving.push({ ...entry, buffer, step: elements * ELEMENT });
        }
      }
    this.#table = new Uint32Array(new ArrayBuffer(2 * ELEMENT * Math.max(1, length)));
    this.#tableAddress = addressOf(this.#table);
    this.#bases = program.buffers.map(() => 0);
    this.#buffers = program.buffers.map(() => undefined);
    program.buffers.forEach(({ kind, elements, dtype, table }, index) => {
      if (kind !== 'scratch' && kind !== 'constant') return;
      const memory = allocate(elements);
      const numbers = dtype === 'float32' ? memory : new Int32Array(memory.buffer, memory.byteOffset, elements);
      if (table !== undefined) numbers.set(table.numbers());
      this.bind(index, numbers);
    });
  }

  bind(buffer: number, data: Numbers): void {
    this.#buffers[buffer] = data;
    this.#bases[buffer] = addressOf(data);
    for (const { index, offset } of this.#entries[buffer]!) this.#write(index, this.#bases[buffer]! + offset);
  }

  /** @throws Error if an input or output is not bound */
  checkBound(): void {
    this.#program.buffers.forEach(({ name }, index) => {
      if (this.#buffers[index] === undefined && this.#entries[index]!.length > 0)
        throw new Error(`${name} is not bound to memory.`);
    });
  }

  /** Gives each repetition its part of what advances. */
  advanceTo(repetition: number): void {
    for (const { index, buffer, offset, step } of this.#moving)
      this.#write(index, this.#bases[buffer]! + offset + repetition * step);
  }

  /** Where the addresses are that a call's kernel is given. */
  placesOf(phase: Phase, call: number): number {
    return this.#tableAddress + 2 * ELEMENT * this.#firsts[phase][call]!;
  }

  #write(index: number, address: number): void {
    this.#table[2 * index] = address % 2 ** 32;
    this.#table[2 * index + 1] = Math.floor(address / 2 ** 32);
  }
}
