/**
 * The vector language of the exact engine: what a lowered graph consists of. A program is portable, and its hash enters
 * keys; generators turn it into machine code, and whatever they do (vector width, tiles, unrolling, order of
 * independent elements), every element is the result of the same operations in the same order. docs/exact-arithmetic.md
 * says what each operation computes.
 *
 * Numbers are IEEE single precision, rounded to nearest even, with subnormal numbers; no operation is fused with
 * another. Offsets, strides and lengths count elements of four bytes; strides of products and transposes are not
 * negative.
 *
 * Inputs and constants are never written, outputs are written whole, and what advances is used in `each` alone.
 * check-program.ts checks all that can be checked before code is made.
 */
import type { Table } from '../../graph/table.ts';

export interface Program {
  buffers: readonly ProgramBuffer[];
  /** Each once, however often it is called. */
  kernels: readonly Kernel[];
  /** `each` is run once per repetition (a sequence of a batch) between the other two. Calls run in order. */
  phases: Readonly<Record<Phase, readonly Call[]>>;
}

export type Phase = 'before' | 'each' | 'after';
export const PHASES: readonly Phase[] = ['before', 'each', 'after'];

export interface ProgramBuffer {
  /** Of an input or output, that of the graph; of others, anything. */
  name: string;
  dtype: 'float32' | 'int32';
  /** Of one repetition, where it advances. */
  elements: number;
  /** `scratch` is zero before the first run, and otherwise as the last run left it. */
  kind: 'input' | 'output' | 'constant' | 'scratch';
  /** Of a constant: its numbers. */
  table?: Table;
  /** Whether each repetition has its own part of what is bound: the first has the first `elements`, and so on. */
  advances?: boolean;
  /** Of an int32 input that leads to rows: its numbers are 0 to this, exclusively. */
  below?: number;
}

export interface Call {
  /** Index of the kernel. */
  kernel: number;
  /** By the kernel's slots. */
  places: readonly Place[];
}

export interface Place {
  /** Index of the buffer. */
  buffer: number;
  offset: number;
}

export type Kernel = MapKernel | ProductKernel | TransposeKernel;

/** Where a kernel reads or writes: slot + sum of index * stride. Loops without a stride do not move it. */
export interface Access {
  /** Index in the places of a call. */
  slot: number;
  /** By loop: those around the lanes first, then those in the body. */
  strides: readonly number[];
  /** 1: neighbouring lanes are neighbours in memory; 0: all lanes see the same element, which only one lane writes. */
  lane: 0 | 1;
  /** Moves it by a number that is read from memory, times a length. */
  row?: Row;
}

/** An int32 in memory, the same for all lanes; it is within bounds (`below` of its buffer). */
export interface Row {
  slot: number;
  strides: readonly number[];
  length: number;
}

/**
 * Loops around lanes around a body. Iterations run in order, first loop outermost; the lanes of one iteration are
 * independent of one another, and whatever part of them is computed at once, a body is computed for it from beginning
 * to end. A body may write where it has read the same element before, and nothing else overlaps.
 */
export interface MapKernel {
  kind: 'map';
  /** How often each loop around the lanes is run. */
  loops: readonly number[];
  lanes: number;
  body: readonly Instruction[];
}

/** A vector of the body: numbers 0, 1, ..; each is made by one instruction before others use it. */
export type Variable = number;

export type Instruction =
  /** The same in all lanes: the bits of a float32, or of integers and masks. */
  | { op: 'constant'; to: Variable; bits: number }
  /** float32 */
  | { op: 'load'; to: Variable; from: Access }
  /** int32 as the nearest float32: exact below 2^24. */
  | { op: 'loadInteger'; to: Variable; from: Access }
  /** The index of a loop, the same in all lanes, as float32. */
  | { op: 'index'; to: Variable; loop: number }
  /** The number of each lane, 0 to lanes - 1, as float32. */
  | { op: 'lane'; to: Variable }
  /** `max` is b > a ? b : a, so that a NaN in b is passed over and one in a is kept. */
  | { op: 'add' | 'sub' | 'mul' | 'div' | 'max'; to: Variable; a: Variable; b: Variable }
  | { op: 'sqrt'; to: Variable; a: Variable }
  /** A mask: all bits set where a < b, a <= b, a = b; none elsewhere, and none where either is NaN. */
  | { op: 'less' | 'lessOrEqual' | 'equal'; to: Variable; a: Variable; b: Variable }
  /** a where the mask is set, b elsewhere. */
  | { op: 'select'; to: Variable; mask: Variable; a: Variable; b: Variable }
  /** Of the bits, which may be those of float32. */
  | { op: 'and' | 'or' | 'xor'; to: Variable; a: Variable; b: Variable }
  /** Of the bits as 32-bit integers, modulo 2^32. */
  | { op: 'addInteger' | 'subInteger'; to: Variable; a: Variable; b: Variable }
  /** Of the bits, by 0 to 31; zeros come in. */
  | { op: 'shiftLeft' | 'shiftRight'; to: Variable; a: Variable; count: number }
  /** The bits as a signed integer, to the nearest float32. */
  | { op: 'toFloat'; to: Variable; a: Variable }
  /** float32 */
  | { op: 'store'; value: Variable; to: Access }
  /** An integral float32 below 2^24 in magnitude, as int32. */
  | { op: 'storeInteger'; value: Variable; to: Access }
  | LoopInstruction;

/** Iterations in order. What the body makes is not seen behind the loop, but for the accumulators. */
export interface LoopInstruction {
  op: 'loop';
  /** Number of the loop in strides: unique in the kernel, not below the number of loops around the lanes. */
  loop: number;
  extent: number;
  accumulators: readonly Accumulator[];
  body: readonly Instruction[];
  /**
   * Iterations that change nothing in lanes for which this is false, since their body selects what leaves things as
   * they are. A generator may leave out an iteration for a vector in which it is false for every lane.
   */
  part?: 'index<=lane' | 'index>=lane';
}

export interface Accumulator {
  /** Before the first iteration: made outside. */
  initial: Variable;
  /** In an iteration: what the one before has left. Behind the loop: what the last one has left. */
  variable: Variable;
  /** Made in the body: what the iteration leaves. */
  next: Variable;
}

/**
 * c[row, lane] = scale * (initial[row, lane] + a[row, 0] b[0, lane] + a[row, 1] b[1, lane] + ...), for every index of
 * the batch: each product is rounded, then each sum, k in order. Without `initial` the sum begins with +0. Elements are
 * independent of each other. `c` and `initial` may be the same memory; nothing else overlaps.
 */
export interface ProductKernel {
  kind: 'product';
  /** Extents of the loops around. */
  batch: readonly number[];
  rows: number;
  inner: number;
  lanes: number;
  a: { slot: number; batch: readonly number[]; row: number; inner: number };
  b: { slot: number; batch: readonly number[]; inner: number };
  c: { slot: number; batch: readonly number[]; row: number };
  initial?: { slot: number; batch: readonly number[]; row: number; lane: 0 | 1 };
  scale: number;
  /**
   * What a causal mask leaves. `row<=lane`: elements of c for which it is false are not needed, and may be written or
   * not. `inner<=lane`, `inner>=lane`: b holds +0 where it is false, and such a term may be left out (which is the same
   * as long as a is finite, and no sum begins with -0).
   */
  part?: 'row<=lane' | 'inner<=lane' | 'inner>=lane';
}

/** target[column, row] = source[row, column], for every index of the batch. Columns of the source are neighbours. */
export interface TransposeKernel {
  kind: 'transpose';
  batch: readonly number[];
  rows: number;
  columns: number;
  source: { slot: number; batch: readonly number[]; row: number };
  /** Rows are neighbours; `column` is the distance between columns. */
  target: { slot: number; batch: readonly number[]; column: number };
}

/** What a generator makes of a program. */
export interface CompiledProgram {
  /**
   * The memory of an input or output, which later runs read or write: its elements, times the repetitions where it
   * advances. Lengths and types are right: the session has checked them.
   */
  bind(buffer: number, data: Float32Array | Int32Array): void;
  /** Runs `before`, as many repetitions of `each`, and `after`. Everything is bound. */
  run(repetitions: number): void;
  release(): void;
}

/** A way to execute programs. */
export interface Generator {
  /** As records and `swp doctor` say it, e.g. `x86-64 AVX2`. */
  readonly name: string;
  /** @throws ProgramTooLarge if it does not fit in what the generator can address */
  compile(program: Program): CompiledProgram;
}

export class ProgramTooLarge extends Error {
  override name = 'ProgramTooLarge';
}
