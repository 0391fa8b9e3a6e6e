/** The body of a map kernel as code, for a number of vectors side by side. */
import type { Access, Instruction, LoopInstruction, MapKernel, Variable } from '../language.ts';
import { Label } from './code-buffer.ts';
import { type Encoder, type Lanes, type MaskRegister, type Memory, type VectorRegister } from './encoder.ts';
import { ELEMENT_BITS, type KernelCode } from './kernel-code.ts';
import { type Lifetimes, operandsOf, type Simple } from './lifetimes.ts';
import { LANE_OFFSET, SCRATCH, SCRATCH_TOO, shifted, type Streams } from './streams.ts';
import { OutOfRegisters, type Value, VectorRegisters } from './vector-registers.ts';

/** Ordered, so that all are false where there is a NaN. */
const PREDICATES = { less: 0x11, lessOrEqual: 0x12, equal: 0 } as const;
const MASKS: readonly MaskRegister[] = [1, 2, 3, 4, 5, 6];
const MASK_FOR_A_MOMENT: MaskRegister = 7;

export class MapBody {
  readonly #code: Encoder;
  readonly #kernel: MapKernel;
  readonly #streams: Streams;
  readonly #lifetimes: Lifetimes;
  readonly #lanes: Lanes;
  readonly #vectors: number;
  readonly #hasMasks: boolean;
  readonly #registers: VectorRegisters;
  readonly #values = new Map<Variable, Value[]>();
  /** What each variable becomes at the end of the loop that makes it. */
  readonly #becomes = new Map<Variable, Variable>();
  readonly #masks = new Map<Value, MaskRegister>();
  #freeMasks: MaskRegister[] = [];

  constructor(
    target: KernelCode,
    kernel: MapKernel,
    streams: Streams,
    lifetimes: Lifetimes,
    lanes: Lanes,
    vectors: number,
  ) {
    this.#code = target.code;
    this.#kernel = kernel;
    this.#streams = streams;
    this.#lifetimes = lifetimes;
    this.#lanes = lanes;
    this.#vectors = vectors;
    this.#hasMasks = target.registers === 32;
    this.#registers = new VectorRegisters(target.code, streams.frame, lanes, target.registers);
    this.#findBecoming(kernel.body);
  }

  /** @returns false, with anything written, if so many vectors do not fit in the registers */
  emit(): boolean {
    const mark = this.#code.mark();
    this.#streams.frame.forgetVectors();
    try {
      do {
        if (this.#vectors > 1 && this.#registers.spilled > 0) return false;
        this.#code.reset(mark);
        this.#registers.settle();
        this.#masks.clear();
        this.#freeMasks = [...MASKS];
        this.#body(this.#kernel.body);
      } while (!this.#registers.settle());
      return true;
    } catch (error) {
      if (error instanceof OutOfRegisters && this.#vectors > 1) return false;
      throw error;
    }
  }

  #findBecoming(body: readonly Instruction[]): void {
    for (const instruction of body) {
      if (instruction.op !== 'loop') continue;
      for (const { next, variable } of instruction.accumulators) this.#becomes.set(next, variable);
      this.#findBecoming(instruction.body);
    }
  }

  /** One for each vector; if it is the same in all lanes, one for all of them. */
  #valuesOf(variable: Variable): Value[] {
    let values = this.#values.get(variable);
    if (values !== undefined) return values;
    const { uses, isUniform, constant } = this.#lifetimes.of(variable);
    const becomes = this.#becomes.get(variable);
    const accumulators = becomes === undefined || isUniform ? [] : this.#valuesOf(becomes);
    values = Array.from({ length: isUniform ? 1 : this.#vectors }, (_, vector) => ({
      uses,
      ...(constant !== undefined && { constant: this.#code.constant([constant]) }),
      ...(accumulators.length > 0 && { becomes: accumulators[vector]! }),
    }));
    this.#values.set(variable, values);
    return values;
  }

  #valueOf(variable: Variable, vector: number): Value {
    const values = this.#valuesOf(variable);
    return values[values.length === 1 ? 0 : vector]!;
  }

  #body(body: readonly Instruction[]): void {
    for (const instruction of body) {
      if (instruction.op === 'loop') this.#loop(instruction);
      else if ('value' in instruction) this.#store(instruction);
      else if (instruction.op !== 'constant' && this.#lifetimes.of(instruction.to).uses.length > 0)
        this.#compute(instruction);
    }
  }

  #store(instruction: Extract<Simple, { value: Variable }>): void {
    const { op, value, to } = instruction;
    const position = this.#lifetimes.positionOf(instruction).begin;
    const place = this.#streams.locate(to);
    const isOne = this.#lanes === 1 || to.lane === 0;
    for (let vector = 0; vector < (to.lane === 0 ? 1 : this.#vectors); vector++) {
      const source = this.#valueOf(value, vector);
      let register = this.#registers.use(source, position);
      if (op === 'storeInteger') {
        const integer: Value = { uses: [] };
        const converted = this.#registers.make(integer, position);
        this.#code.unary('toInteger', this.#lanes, converted, register);
        this.#registers.release([integer], position);
        register = converted;
      }
      this.#code.storeVector(isOne ? 'storeOne' : 'store', this.#lanes, this.#at(place, to, vector), register);
    }
    this.#registers.release(this.#valuesOf(value), position);
  }

  #at(place: Memory, access: Access, vector: number): Memory {
    return shifted(place, access, vector * this.#lanes);
  }

  #compute(instruction: Exclude<Simple, { value: Variable } | { op: 'constant' }>): void {
    const position = this.#lifetimes.positionOf(instruction).begin;
    const { to } = instruction;
    const isLoad = instruction.op === 'load' || instruction.op === 'loadInteger';
    const place = isLoad ? this.#streams.locate(instruction.from) : undefined;
    const results = this.#valuesOf(to);
    results.forEach((result, vector) => {
      const operands = operandsOf(instruction).map((operand) => this.#valueOf(operand, vector));
      const isLast = vector === results.length - 1;
      const registers = operands.map((operand) =>
        this.#masks.has(operand) ? this.#masks.get(operand)! : this.#registers.use(operand, position),
      );
      // What all vectors use is kept until the last of them.
      const ended = operandsOf(instruction).flatMap((operand, index) =>
        isLast || this.#valuesOf(operand).length > 1 ? [operands[index]!] : [],
      );
      this.#release(ended, position);
      if (this.#isMaskOnly(instruction)) {
        const mask = this.#freeMasks.pop()!;
        this.#masks.set(result, mask);
        this.#code.compareToMask(PREDICATES[instruction.op], this.#lanes, mask, registers[0]!, registers[1]!);
        return;
      }
      const target = this.#registers.make(result, position);
      const at = isLoad ? this.#at(place!, instruction.from, vector) : undefined;
      this.#write(instruction, target, registers, at, vector, this.#masks.has(operands[0]!));
      this.#registers.keep(result);
    });
  }

  #isMaskOnly(instruction: Simple): instruction is Extract<Simple, { op: keyof typeof PREDICATES }> {
    return (
      this.#hasMasks &&
      Object.hasOwn(PREDICATES, instruction.op) &&
      this.#freeMasks.length > 0 &&
      this.#lifetimes.of((instruction as { to: Variable }).to).onlySelects
    );
  }

  #release(values: readonly Value[], position: number): void {
    this.#registers.release(values, position);
    for (const value of values) {
      const mask = this.#masks.get(value);
      if (mask === undefined || value.uses.at(-1)! > position) continue;
      this.#freeMasks.push(mask);
    }
  }

  #write(
    instruction: Exclude<Simple, { value: Variable } | { op: 'constant' }>,
    to: VectorRegister,
    [a, b, c]: readonly VectorRegister[],
    at: Memory | undefined,
    vector: number,
    isMask: boolean,
  ): void {
    const code = this.#code;
    const lanes = this.#lanes;
    switch (instruction.op) {
      case 'load':
      case 'loadInteger': {
        if (instruction.from.lane === 0) code.unary('broadcast', lanes, to, at!);
        else code.unary(lanes === 1 ? 'loadOne' : 'load', lanes, to, at!);
        if (instruction.op === 'loadInteger') code.unary('toFloat', lanes, to, to);
        return;
      }
      case 'index': {
        const counter = this.#counterOf(instruction.loop);
        if (typeof counter === 'number') {
          code.moveToVector(to, counter);
          code.unary('broadcastInteger', lanes, to, to);
        } else code.unary('broadcastInteger', lanes, to, counter);
        return code.unary('toFloat', lanes, to, to);
      }
      case 'lane': {
        const numbers = Array.from({ length: Math.max(4, lanes) }, (_, lane) => vector * lanes + lane);
        code.move(SCRATCH, LANE_OFFSET);
        code.shiftRight(SCRATCH, ELEMENT_BITS);
        code.moveToVector(to, SCRATCH);
        code.unary('broadcastInteger', lanes, to, to);
        code.binary('addInteger', lanes, to, to, code.constant(numbers));
        return code.unary('toFloat', lanes, to, to);
      }
      case 'max':
        return code.binary('max', lanes, to, b!, a!);
      case 'less':
      case 'lessOrEqual':
      case 'equal': {
        if (!this.#hasMasks) return code.compareVectors(PREDICATES[instruction.op], lanes, to, a!, b!);
        code.compareToMask(PREDICATES[instruction.op], lanes, MASK_FOR_A_MOMENT, a!, b!);
        return code.unary('bitsOfMask', lanes, to, MASK_FOR_A_MOMENT);
      }
      case 'select': {
        if (!this.#hasMasks) return code.binaryWithByte('selectBySign', lanes, to, c!, b!, a! << 4);
        if (!isMask) code.unary('maskOfSigns', lanes, MASK_FOR_A_MOMENT, a!);
        return code.selectByMask(lanes, to, isMask ? a! : MASK_FOR_A_MOMENT, c!, b!);
      }
      case 'shiftLeft':
      case 'shiftRight':
        return code.shift(instruction.op, lanes, to, a!, instruction.count);
      case 'sqrt':
      case 'toFloat':
        return code.unary(instruction.op, lanes, to, a!);
      default:
        return code.binary(instruction.op, lanes, to, a!, b!);
    }
  }

  #counterOf(loop: number): VectorRegister | Memory {
    return loop < this.#kernel.loops.length ? this.#streams.counters[loop]! : this.#streams.counterOf(loop);
  }

  #loop(loop: LoopInstruction): void {
    const code = this.#code;
    const streams = this.#streams;
    const { extent, part } = loop;
    if (extent === 0) throw new Error('A loop of a kernel has no iteration.');
    const span = this.#lifetimes.positionOf(loop);
    const each = (pick: (accumulator: LoopInstruction['accumulators'][number]) => Variable) =>
      loop.accumulators.flatMap((accumulator) =>
        Array.from({ length: this.#vectors }, (_, vector) => this.#valueOf(pick(accumulator), vector)),
      );
    const accumulators = each(({ variable }) => variable);
    const initials = each(({ initial }) => initial);
    const next = each(({ next }) => next);
    this.#registers.beginLoop(loop, accumulators, initials, span);
    const counter = streams.counterOf(loop.loop);
    const end = streams.endOf(loop);
    const isSkipped = new Label();
    if (part !== undefined) {
      code.move(SCRATCH, LANE_OFFSET);
      code.shiftRight(SCRATCH, ELEMENT_BITS);
    }
    if (part === 'index>=lane') {
      code.compareNumber(SCRATCH, extent);
      code.jumpIf('greaterOrEqual', isSkipped);
      streams.advanceBy(loop, SCRATCH, 1);
      this.#setCounter(counter, SCRATCH);
    } else if (typeof counter === 'number') code.moveNumber(counter, 0);
    else code.storeNumber(counter, 0);
    if (part === 'index<=lane') {
      code.addNumber(SCRATCH, this.#lanes * this.#vectors);
      code.moveNumber(SCRATCH_TOO, extent);
      code.compare(SCRATCH, SCRATCH_TOO);
      code.moveIf('greater', SCRATCH, SCRATCH_TOO);
      code.store(end, SCRATCH);
    }
    const begin = code.place(new Label());
    this.#body(loop.body);
    this.#registers.endIteration(next, span.end);
    streams.advance(loop, 1);
    code.addNumber(counter, 1);
    if (part !== 'index<=lane') code.compareNumber(counter, extent);
    else {
      code.move(SCRATCH, end);
      code.compare(counter, SCRATCH);
    }
    code.jumpIf('less', begin);
    if (part === 'index<=lane') streams.advanceBy(loop, end, -1);
    else streams.advance(loop, -extent);
    code.place(isSkipped);
    this.#registers.endLoop(span.end);
  }

  #setCounter(counter: VectorRegister | Memory, from: number): void {
    if (typeof counter === 'number') this.#code.move(counter, from);
    else this.#code.store(counter, from);
  }
}
