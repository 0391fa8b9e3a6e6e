/**
 * Writes instructions of x86-64: general ones, vector instructions in VEX and EVEX encoding, and jumps to labels.
 */
import { CodeBuffer, Label } from './code-buffer.ts';
import {
  BINARY,
  BINARY_WITH_BYTE,
  MOVE_INTEGER,
  SELECT_BY_MASK,
  SHIFTS,
  STORES,
  UNARY,
  type VectorInstruction,
} from './instructions.ts';

/** A general register, 0 to 15. */
export type Register = number;
export const RAX: Register = 0;
export const RCX: Register = 1;
export const RDX: Register = 2;
export const RBX: Register = 3;
export const RSP: Register = 4;
export const RBP: Register = 5;
export const RSI: Register = 6;
export const RDI: Register = 7;
export const R8: Register = 8;
export const R9: Register = 9;
export const R10: Register = 10;
export const R11: Register = 11;
export const R12: Register = 12;
export const R13: Register = 13;
export const R14: Register = 14;
export const R15: Register = 15;

/** 0 to 15, and with AVX-512 to 31. */
export type VectorRegister = number;
/** Of AVX-512, 1 to 7. */
export type MaskRegister = number;
/** How many numbers an instruction works on; 1 is as 4 but for loads and stores, which are of one number. */
export type Lanes = 1 | 4 | 8 | 16;

export interface Memory {
  base: Register;
  index?: Register;
  scale?: 1 | 2 | 4 | 8;
  displacement?: number;
}

export type Condition = keyof typeof CONDITIONS;
const CONDITIONS = { equal: 4, notEqual: 5, less: 12, greaterOrEqual: 13, lessOrEqual: 14, greater: 15 };
const SCALES: readonly number[] = [1, 2, 4, 8];
const ARITHMETIC = { add: 0, and: 4, sub: 5, xor: 6, compare: 7 };
export type Arithmetic = keyof typeof ARITHMETIC;

type VectorOperand = VectorRegister | Memory | Label;
interface Extra {
  /** Last byte of the instruction. */
  byte?: number;
  mask?: MaskRegister;
  /** One number of memory for all lanes (EVEX). */
  broadcast?: boolean;
}

export class Encoder extends CodeBuffer {
  // General instructions, of 64 bits where nothing else is said.

  move(to: Register, from: Register | Memory): void {
    this.#general([0x8b], to, from);
  }

  store(to: Memory, from: Register): void {
    this.#general([0x89], from, to);
  }

  storeNumber(to: Memory, value: number): void {
    this.#general([0xc7], 0, to, { behind: 4 });
    this.word(value);
  }

  store32(to: Memory, from: Register): void {
    this.#general([0x89], from, to, { wide: false });
  }

  /** A whole number from 0 to 2^53. */
  moveNumber(to: Register, value: number): void {
    if (value === 0) return this.#general([0x31], to, to, { wide: false });
    if (value < 2 ** 32) {
      if (to > 7) this.byte(0x41);
      this.byte(0xb8 + (to & 7));
      return this.word(value);
    }
    this.byte(to > 7 ? 0x49 : 0x48);
    this.byte(0xb8 + (to & 7));
    this.word(value % 2 ** 32);
    this.word(Math.floor(value / 2 ** 32));
  }

  /** Numbers are of 32 bits, with a sign. */
  arithmetic(operation: Arithmetic, to: Register | Memory, from: Register | Memory | number, isNumber = false): void {
    const code = ARITHMETIC[operation];
    if (!isNumber) {
      if (typeof to === 'number') this.#general([code * 8 + 3], to, from as Register | Memory);
      else this.#general([code * 8 + 1], from as Register, to);
      return;
    }
    const value = from as number;
    const isShort = value >= -128 && value < 128;
    this.#general([isShort ? 0x83 : 0x81], code, to, { behind: isShort ? 1 : 4 });
    if (isShort) this.byte(value);
    else this.word(value);
  }

  add = (to: Register | Memory, from: Register | Memory): void => this.arithmetic('add', to, from);
  sub = (to: Register | Memory, from: Register | Memory): void => this.arithmetic('sub', to, from);
  compare = (a: Register | Memory, b: Register | Memory): void => this.arithmetic('compare', a, b);
  addNumber = (to: Register | Memory, value: number): void => this.arithmetic('add', to, value, true);
  compareNumber = (a: Register | Memory, value: number): void => this.arithmetic('compare', a, value, true);
  andNumber = (to: Register | Memory, value: number): void => this.arithmetic('and', to, value, true);

  address(to: Register, of: Memory): void {
    this.#general([0x8d], to, of);
  }

  multiply(to: Register, from: Register | Memory, value: number): void {
    this.#general([0x69], to, from, { behind: 4 });
    this.word(value);
  }

  /** 32 bits with a sign. */
  moveInteger(to: Register, from: Memory): void {
    this.#general([0x63], to, from);
  }

  shiftLeft(to: Register, count: number): void {
    this.#general([0xc1], 4, to, { behind: 1 });
    this.byte(count);
  }

  shiftRight(to: Register, count: number): void {
    this.#general([0xc1], 5, to, { behind: 1 });
    this.byte(count);
  }

  moveIf(condition: Condition, to: Register, from: Register | Memory): void {
    this.#general([0x0f, 0x40 + CONDITIONS[condition]], to, from);
  }

  push(register: Register): void {
    if (register > 7) this.byte(0x41);
    this.byte(0x50 + (register & 7));
  }

  pop(register: Register): void {
    if (register > 7) this.byte(0x41);
    this.byte(0x58 + (register & 7));
  }

  jump(label: Label): void {
    this.byte(0xe9);
    this.distance(label, 0);
  }

  jumpIf(condition: Condition, label: Label): void {
    const back = label.position === undefined ? -Infinity : label.position - (this.position + 2);
    if (back >= -128) {
      this.byte(0x70 + CONDITIONS[condition]);
      return this.byte(back);
    }
    this.byte(0x0f);
    this.byte(0x80 + CONDITIONS[condition]);
    this.distance(label, 0);
  }

  call(label: Label): void {
    this.byte(0xe8);
    this.distance(label, 0);
  }

  ret(): void {
    this.byte(0xc3);
  }

  /** Into the first-level cache. */
  prefetch(memory: Memory): void {
    this.#general([0x0f, 0x18], 1, memory, { wide: false });
  }

  /** Into the first-level cache, for a store. */
  prefetchToWrite(memory: Memory): void {
    this.#general([0x0f, 0x0d], 1, memory, { wide: false });
  }

  loadControl(from: Memory): void {
    this.#general([0x0f, 0xae], 2, from, { wide: false });
  }

  storeControl(to: Memory): void {
    this.#general([0x0f, 0xae], 3, to, { wide: false });
  }

  identify(): void {
    this.byte(0x0f);
    this.byte(0xa2);
  }

  /** Which registers the operating system keeps. */
  readEnabledState(): void {
    for (const byte of [0x0f, 0x01, 0xd0]) this.byte(byte);
  }

  // Vector instructions.

  binary(
    operation: keyof typeof BINARY,
    lanes: Lanes,
    to: VectorRegister,
    a: VectorRegister,
    b: VectorOperand,
    broadcast = false,
  ): void {
    this.#vector(BINARY[operation], lanes, to, a, b, { broadcast });
  }

  binaryWithByte(
    operation: Exclude<keyof typeof BINARY_WITH_BYTE, 'compare'>,
    lanes: Lanes,
    to: VectorRegister,
    a: VectorRegister,
    b: VectorOperand,
    byte: number,
  ): void {
    this.#vector(BINARY_WITH_BYTE[operation], lanes, to, a, b, { byte });
  }

  compareVectors(predicate: number, lanes: Lanes, to: VectorRegister, a: VectorRegister, b: VectorOperand): void {
    this.#vector(BINARY_WITH_BYTE.compare, lanes, to, a, b, { byte: predicate });
  }

  compareToMask(predicate: number, lanes: Lanes, to: MaskRegister, a: VectorRegister, b: VectorOperand): void {
    this.#vector({ ...BINARY_WITH_BYTE.compare, onlyEvex: true }, lanes, to, a, b, { byte: predicate });
  }

  selectByMask(lanes: Lanes, to: VectorRegister, mask: MaskRegister, a: VectorRegister, b: VectorOperand): void {
    this.#vector(SELECT_BY_MASK, lanes, to, a, b, { mask });
  }

  unary(operation: keyof typeof UNARY, lanes: Lanes, to: VectorRegister | MaskRegister, from: VectorOperand): void {
    this.#vector(UNARY[operation], operation === 'loadOne' ? 4 : lanes, to, 0, from);
  }

  storeVector(operation: keyof typeof STORES, lanes: Lanes, to: VectorOperand, from: VectorRegister): void {
    this.#vector(STORES[operation], operation === 'storeOne' ? 4 : lanes, from, 0, to);
  }

  shift(operation: keyof typeof SHIFTS, lanes: Lanes, to: VectorRegister, from: VectorRegister, count: number): void {
    const instruction = SHIFTS[operation];
    this.#vector(instruction, lanes, instruction.extension, to, from, { byte: count });
  }

  moveToVector(to: VectorRegister, from: Register): void {
    this.#vector(MOVE_INTEGER, 4, to, 0, from);
  }

  /** Afterwards code without VEX is not slowed down. */
  zeroUpper(): void {
    for (const byte of [0xc5, 0xf8, 0x77]) this.byte(byte);
  }

  #vector(
    instruction: VectorInstruction,
    lanes: Lanes,
    register: number,
    second: VectorRegister,
    operand: VectorOperand,
    extra: Extra = {},
  ): void {
    const { prefix, map, opcode, single, onlyEvex } = instruction;
    const length = lanes === 16 ? 2 : lanes === 8 ? 1 : 0;
    const memory = typeof operand === 'object' && !(operand instanceof Label) ? operand : undefined;
    const last = typeof operand === 'number' ? operand : (memory?.base ?? 0);
    const index = memory?.index ?? 0;
    const isEvex =
      onlyEvex === true ||
      lanes === 16 ||
      extra.broadcast === true ||
      Math.max(register, second, typeof operand === 'number' ? operand : 0) > 15;
    const b = (last >> 3) & 1;
    const x = typeof operand === 'number' ? last >> 4 : index >> 3;
    const r = (register >> 3) & 1;
    const inverse = (bit: number) => bit ^ 1;
    if (isEvex) {
      this.byte(0x62);
      this.byte((inverse(r) << 7) | (inverse(x) << 6) | (inverse(b) << 5) | (inverse(register >> 4) << 4) | map);
      this.byte(((~second & 15) << 3) | 4 | prefix);
      this.byte((length << 5) | (extra.broadcast ? 16 : 0) | (inverse(second >> 4) << 3) | (extra.mask ?? 0));
    } else if (map === 1 && x === 0 && b === 0) {
      this.byte(0xc5);
      this.byte((inverse(r) << 7) | ((~second & 15) << 3) | (length << 2) | prefix);
    } else {
      this.byte(0xc4);
      this.byte((inverse(r) << 7) | (inverse(x) << 6) | (inverse(b) << 5) | map);
      this.byte(((~second & 15) << 3) | (length << 2) | prefix);
    }
    this.byte(opcode);
    const behind = extra.byte === undefined ? 0 : 1;
    const unit = !isEvex ? 1 : single || extra.broadcast ? 4 : 16 << length;
    this.#operand(register & 7, operand, behind, unit);
    if (extra.byte !== undefined) this.byte(extra.byte);
  }

  #general(
    opcode: readonly number[],
    register: number,
    operand: Register | Memory,
    { wide = true, behind = 0 }: { wide?: boolean; behind?: number } = {},
  ): void {
    const memory = typeof operand === 'object' ? operand : undefined;
    const base = memory === undefined ? (operand as Register) : memory.base;
    const rex = (wide ? 8 : 0) | ((register >> 3) << 2) | (((memory?.index ?? 0) >> 3) << 1) | (base >> 3);
    if (rex !== 0) this.byte(0x40 | rex);
    for (const byte of opcode) this.byte(byte);
    this.#operand(register & 7, operand, behind, 1);
  }

  /**
   * ModRM, SIB and displacement.
   * @param behind bytes of the instruction that follow
   * @param unit what a displacement of one byte counts
   */
  #operand(register: number, operand: number | Memory | Label, behind: number, unit: number): void {
    const field = register << 3;
    if (typeof operand === 'number') return this.byte(0xc0 | field | (operand & 7));
    if (operand instanceof Label) {
      this.byte(field | 5);
      return this.distance(operand, behind);
    }
    const { base, index, scale = 1, displacement = 0 } = operand;
    const isShort = displacement % unit === 0 && displacement / unit >= -128 && displacement / unit < 128;
    const mode = displacement === 0 && (base & 7) !== RBP ? 0 : isShort ? 1 : 2;
    const needsIndex = index !== undefined || (base & 7) === RSP;
    this.byte((mode << 6) | field | (needsIndex ? 4 : base & 7));
    if (needsIndex) this.byte((SCALES.indexOf(scale) << 6) | (((index ?? RSP) & 7) << 3) | (base & 7));
    if (mode === 1) this.byte(displacement / unit);
    if (mode === 2) this.word(displacement);
  }
}
