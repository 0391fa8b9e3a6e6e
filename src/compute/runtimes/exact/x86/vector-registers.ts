/**
 * Which vector register holds which value of a map kernel's body. Values that do not fit are kept on the stack: code is
 * written anew until it is known which, so that each is stored once, where it is made, and what a loop does not find
 * in registers when it begins, it does not find there in any iteration.
 */
import type { Label } from './code-buffer.ts';
import type { Encoder, Lanes, Memory, VectorRegister } from './encoder.ts';
import type { Frame } from './kernel-code.ts';
import type { Span } from './lifetimes.ts';

/** A variable for one of the vectors that are computed side by side. */
export interface Value {
  /** Ascending positions of its uses. */
  uses: readonly number[];
  /** Where a constant stands. */
  constant?: Label;
  /** Made by an iteration for the next one: the accumulator that it becomes. */
  becomes?: Value;
}

/** As many registers are left for what is not an accumulator; further accumulators are on the stack. */
const UNRESERVED = 7;

/** By how many instructions a constant seems to be used later than it is. */
const CONSTANT_BONUS = 8;

/** There are too few registers for so many vectors side by side. */
export class OutOfRegisters extends Error {
  override name = 'OutOfRegisters';
}

/** A loop that code is being written in. */
interface OpenLoop {
  key: object;
  /** Position of its end. */
  end: number;
  /** What was in registers when it began. */
  held: ReadonlyMap<Value, VectorRegister>;
  accumulators: readonly Value[];
  /** Who had reserved the registers of the accumulators before. */
  reservedBefore: ReadonlyMap<VectorRegister, Value | undefined>;
}

export class VectorRegisters {
  readonly #code: Encoder;
  readonly #frame: Frame;
  readonly #lanes: Lanes;
  readonly #count: number;
  /** What has a place on the stack. */
  readonly #slots = new Map<Value, Memory>();
  /** Of accumulators that become others. */
  readonly #changing = new Map<Value, Memory>();
  /** By loop: what is not kept in registers through it. */
  readonly #dropped = new Map<object, Set<Value>>();
  #isSettled = true;

  #holders: (Value | undefined)[] = [];
  #registers = new Map<Value, VectorRegister>();
  #reserved: (Value | undefined)[] = [];
  #locked = new Set<VectorRegister>();
  #loops: OpenLoop[] = [];

  constructor(code: Encoder, frame: Frame, lanes: Lanes, count: number) {
    this.#code = code;
    this.#frame = frame;
    this.#lanes = lanes;
    this.#count = count;
  }

  /** How many values are on the stack. */
  get spilled(): number {
    return this.#slots.size;
  }

  /** Whether the code that was written since the last call is right; if not, it is to be written again. */
  settle(): boolean {
    const isSettled = this.#isSettled;
    this.#isSettled = true;
    this.#holders = Array.from({ length: this.#count }, () => undefined);
    this.#reserved = [...this.#holders];
    this.#registers = new Map();
    this.#locked = new Set();
    this.#loops = [];
    return isSettled;
  }

  /** Register of a value, until `release`. */
  use(value: Value, position: number): VectorRegister {
    let register = this.#registers.get(value);
    if (register === undefined) {
      register = this.#take(position);
      this.#hold(value, register);
      this.#load(value, register);
    }
    this.#locked.add(register);
    return register;
  }

  /** Ends the use of values. What is not used behind this position leaves its register. */
  release(values: readonly Value[], position: number): void {
    for (const value of values) {
      const register = this.#registers.get(value);
      if (register === undefined) continue;
      this.#locked.delete(register);
      if (this.#isDead(value, position)) this.#free(value);
    }
  }

  /** Register for a value that is made at a position. */
  make(value: Value, position: number): VectorRegister {
    const register = this.#take(position, value);
    this.#hold(value, register);
    return register;
  }

  /** To be called where a value has been made. */
  keep(value: Value): void {
    const slot = this.#slots.get(value);
    if (slot !== undefined) this.#code.storeVector('store', this.#lanes, slot, this.#registers.get(value)!);
  }

  /**
   * @param initials of the accumulators, which may be one for several
   * @param span positions of the loop's begin and end
   */
  beginLoop(key: object, accumulators: readonly Value[], initials: readonly Value[], span: Span): void {
    const position = span.begin;
    const reservedBefore = new Map<VectorRegister, Value | undefined>();
    accumulators.forEach((accumulator, index) => {
      const initial = initials[index]!;
      const register = this.#begin(accumulator, initial, position, !initials.includes(initial, index + 1));
      if (register === undefined) return;
      this.#hold(accumulator, register);
      reservedBefore.set(register, this.#reserved[register]);
      this.#reserved[register] = accumulator;
    });
    for (const initial of initials) if (this.#isDead(initial, position)) this.#free(initial);
    for (const value of this.#dropped.get(key) ?? []) this.#free(value);
    this.#loops.push({ key, end: span.end, held: new Map(this.#registers), accumulators, reservedBefore });
  }

  /** @returns the register of an accumulator; undefined if it is on the stack */
  #begin(accumulator: Value, initial: Value, position: number, isLast: boolean): VectorRegister | undefined {
    const dies = isLast && this.#isDead(initial, position);
    const isFull = this.#reserved.filter((owner) => owner !== undefined).length >= this.#count - UNRESERVED;
    if (isFull) {
      const register = this.use(initial, position);
      this.#code.storeVector('store', this.#lanes, this.#slot(accumulator), register);
      this.#locked.delete(register);
      if (dies) this.#free(initial);
      return undefined;
    }
    const source = this.#registers.get(initial);
    if (source === undefined) {
      const register = this.#take(position, accumulator);
      this.#load(initial, register);
      return register;
    }
    if (dies) this.#free(initial);
    if (dies && !this.#isReserved(source)) return source;
    this.#locked.add(source);
    const isWanted = dies && this.#wanted(accumulator) === source;
    const register = isWanted ? source : this.#take(position, accumulator);
    this.#move(register, source);
    this.#locked.delete(source);
    return register;
  }

  /**
   * What an iteration leaves becomes what the next one finds. Accumulators that change places are kept on the stack
   * meanwhile.
   */
  endIteration(next: readonly Value[], position: number): void {
    const { accumulators } = this.#loops.at(-1)!;
    const pairs = accumulators.map((to, index) => ({ to, from: next[index]! })).filter(({ to, from }) => to !== from);
    const changing = pairs.filter(({ from }) => accumulators.includes(from));
    for (const { to, from } of changing) {
      const register = this.use(from, position);
      this.#code.storeVector('store', this.#lanes, this.#changingSlot(to), register);
      this.#locked.delete(register);
    }
    for (const { to, from } of pairs) {
      if (accumulators.includes(from)) continue;
      const register = this.use(from, position);
      this.#assign(to, register);
      this.#locked.delete(register);
    }
    for (const { to } of changing) {
      const register = this.#registerOf(to) ?? this.#take(position);
      this.#code.unary('load', this.#lanes, register, this.#changingSlot(to));
      this.#assign(to, register);
    }
  }

  /** Register of an accumulator of the innermost loop, unless it is on the stack. */
  #registerOf(accumulator: Value): VectorRegister | undefined {
    return this.#loops.at(-1)!.held.get(accumulator);
  }

  #assign(accumulator: Value, from: VectorRegister): void {
    const register = this.#registerOf(accumulator);
    if (register !== undefined) this.#move(register, from);
    else this.#code.storeVector('store', this.#lanes, this.#slot(accumulator), from);
  }

  #changingSlot(accumulator: Value): Memory {
    const slot = this.#changing.get(accumulator) ?? this.#frame.vector(this.#lanes);
    this.#changing.set(accumulator, slot);
    return slot;
  }

  /** Behind a loop: registers are as they were when it began. */
  endLoop(position: number): void {
    const { held, accumulators, reservedBefore } = this.#loops.pop()!;
    this.#holders.fill(undefined);
    this.#registers = new Map();
    for (const [value, register] of held) this.#hold(value, register);
    for (const [register, owner] of reservedBefore) this.#reserved[register] = owner;
    for (const accumulator of accumulators) if (held.has(accumulator)) this.keep(accumulator);
    for (const value of held.keys()) if (this.#isDead(value, position)) this.#free(value);
  }

  /** In this iteration, if it is an accumulator. */
  #isDead(value: Value, position: number): boolean {
    const use = nextUse(value, position);
    if (use === Infinity) return true;
    return this.#loops.some(({ end, accumulators }) => use > end && accumulators.includes(value));
  }

  #isReserved(register: VectorRegister): boolean {
    return this.#reserved[register] !== undefined;
  }

  #hold(value: Value, register: VectorRegister): void {
    this.#holders[register] = value;
    this.#registers.set(value, register);
  }

  #free(value: Value): void {
    const register = this.#registers.get(value);
    if (register === undefined) return;
    this.#registers.delete(value);
    this.#holders[register] = undefined;
    this.#locked.delete(register);
  }

  #load(value: Value, register: VectorRegister): void {
    if (value.constant !== undefined) return this.#code.unary('broadcast', this.#lanes, register, value.constant);
    this.#code.unary('load', this.#lanes, register, this.#slot(value));
  }

  #slot(value: Value): Memory {
    let slot = this.#slots.get(value);
    if (slot === undefined) {
      this.#slots.set(value, (slot = this.#frame.vector(this.#lanes)));
      this.#isSettled = false;
    }
    return slot;
  }

  #move(to: VectorRegister, from: VectorRegister): void {
    if (to !== from) this.#code.unary('load', this.#lanes, to, from);
  }

  /** Register of the accumulator that a value becomes at the end of the loop. */
  #wanted({ becomes }: Value): VectorRegister | undefined {
    const register = becomes && this.#loops.at(-1)?.held.get(becomes);
    return register !== undefined && this.#reserved[register] === becomes ? register : undefined;
  }

  /** Frees a register, unless one is free. */
  #take(position: number, value?: Value): VectorRegister {
    const wanted = value && this.#wanted(value);
    if (wanted !== undefined && this.#holders[wanted] === undefined) return wanted;
    let furthest: Value | undefined;
    let distance = -1;
    for (let register = 0; register < this.#count; register++) {
      if (this.#isReserved(register) || this.#locked.has(register)) continue;
      const holder = this.#holders[register];
      if (holder === undefined) return register;
      // Constants are loaded again without having been stored.
      const use = nextUse(holder, position - 1) + (holder.constant === undefined ? 0 : CONSTANT_BONUS);
      if (use > distance) [furthest, distance] = [holder, use];
    }
    if (furthest === undefined) throw new OutOfRegisters();
    const register = this.#registers.get(furthest)!;
    this.#evict(furthest);
    return register;
  }

  #evict(value: Value): void {
    if (value.constant === undefined) this.#slot(value);
    for (const { key, held } of this.#loops) {
      if (!held.has(value)) continue;
      const dropped = this.#dropped.get(key) ?? new Set();
      this.#dropped.set(key, dropped.add(value));
      this.#isSettled = false;
    }
    this.#free(value);
  }
}

function nextUse({ uses }: Value, position: number): number {
  for (const use of uses) if (use > position) return use;
  return Infinity;
}
