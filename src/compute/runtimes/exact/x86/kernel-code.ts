/**
 * What the kernels' code has in common. A kernel is a function that is given, in rdi, the address of its places: one
 * address of 64 bits per slot. It may change every register but rsp, and the driver that calls it keeps what its own
 * caller wants to find again.
 */
import { ProgramTooLarge } from '../language.ts';
import { Label } from './code-buffer.ts';
import { type Encoder, type Lanes, type Memory, RCX, type Register, RSP } from './encoder.ts';

export interface KernelCode {
  code: Encoder;
  /** Numbers in the widest vector. */
  width: 8 | 16;
  /** How many vector registers there are. With 32, there are mask registers too. */
  registers: 16 | 32;
}

/** Bytes of an element. */
export const ELEMENT = 4;
/** Its logarithm. */
export const ELEMENT_BITS = 2;

/** The stack pointer is 8 bytes before a multiple of this where a kernel begins. */
const STACK_ALIGNMENT = 64;

/** Numbers of 64 bits, and vectors behind them, that a kernel keeps on the stack. */
export class Frame {
  readonly #code: Encoder;
  /** Where the code has the length of the frame, which is known at the end. */
  readonly #length: number;
  /** Bytes of the numbers, of what is in use, and of the most that was. */
  readonly #numbers: number;
  #bytes: number;
  #mostBytes: number;
  #slots = 0;

  /** @param slots at most so many numbers */
  constructor(code: Encoder, slots: number) {
    this.#code = code;
    this.#numbers = Math.ceil((slots * 8) / STACK_ALIGNMENT) * STACK_ALIGNMENT;
    this.#bytes = this.#numbers;
    this.#mostBytes = this.#numbers;
    code.address(RSP, { base: RSP, displacement: 0x7fffffff });
    this.#length = code.position - 4;
  }

  slot(): Memory {
    if (8 * this.#slots >= this.#numbers) throw new Error('A kernel keeps more numbers than it has said.');
    return { base: RSP, displacement: 8 * this.#slots++ };
  }

  vector(lanes: Lanes): Memory {
    const displacement = this.#bytes;
    this.#bytes += lanes === 16 ? 64 : 32;
    this.#mostBytes = Math.max(this.#mostBytes, this.#bytes);
    return { base: RSP, displacement };
  }

  /** Vectors from here on take the place of those before. */
  forgetVectors(): void {
    this.#bytes = this.#numbers;
  }

  /** Returns from the kernel. */
  leave(): void {
    const bytes = Math.ceil(this.#mostBytes / STACK_ALIGNMENT) * STACK_ALIGNMENT + STACK_ALIGNMENT - 8;
    this.#code.patch(this.#length, -bytes);
    this.#code.addNumber(RSP, bytes);
    this.#code.ret();
  }
}

/** @throws ProgramTooLarge for a distance that instructions cannot hold */
export function bytesOf(elements: number): number {
  const bytes = elements * ELEMENT;
  if (bytes > 0x7fffffff || bytes < -0x80000000) throw new ProgramTooLarge('A kernel spans more than 2 GiB.');
  return bytes;
}

/** Moves a pointer, in a register or on the stack. */
export function advance(code: Encoder, pointer: Register | Memory, elements: number): void {
  if (elements !== 0) code.addNumber(pointer, bytesOf(elements));
}

/** A pointer and how far each loop moves it. */
export interface Pointer {
  at: Register | Memory;
  strides: readonly number[];
}

/** Loops whose counters are on the stack, around code that leaves pointers as they were. */
export function emitLoops(
  code: Encoder,
  extents: readonly number[],
  counters: readonly Memory[],
  pointers: readonly Pointer[],
  inside: () => void,
): void {
  const from = (loop: number): void => {
    if (loop === extents.length) return inside();
    const extent = extents[loop]!;
    const counter = counters[loop]!;
    const begin = new Label();
    code.storeNumber(counter, 0);
    code.place(begin);
    from(loop + 1);
    for (const { at, strides } of pointers) advance(code, at, strides[loop] ?? 0);
    code.addNumber(counter, 1);
    code.compareNumber(counter, extent);
    code.jumpIf('less', begin);
    for (const { at, strides } of pointers) advance(code, at, -(strides[loop] ?? 0) * extent);
  };
  from(0);
}

/** Repeats code while a counter, which the code keeps, goes down to 0 from 1 or more. */
export function emitCountdown(code: Encoder, counter: Register | Memory, inside: () => void): void {
  const begin = code.place(new Label());
  inside();
  code.addNumber(counter, -1);
  code.jumpIf('notEqual', begin);
}

/** Copies a number of the stack to another place. */
export function copyNumber(code: Encoder, to: Memory, from: Memory): void {
  code.move(RCX, from);
  code.store(to, RCX);
}
