/**
 * What the vector language means, as plainly as it can be said: scalar loops, and Math.fround after every operation,
 * which rounds the double of +, -, *, / and sqrt as IEEE single precision does. Generators must give the same bits.
 * Whatever the language lets a generator leave out (`part`) is computed here.
 */
import {
  PHASES,
  type Access,
  type Call,
  type CompiledProgram,
  type Generator,
  type Instruction,
  type MapKernel,
  type ProductKernel,
  type Program,
  type TransposeKernel,
} from '../../../src/compute/runtimes/exact/language.ts';

export const interpreter: Generator = {
  name: 'scalar interpreter',
  compile: (program) => new InterpretedProgram(program),
};

type Numbers = Float32Array | Int32Array;

/** The same memory as numbers of either type. */
interface Memory {
  floats: Float32Array;
  integers: Int32Array;
}

/** Memory from where a slot of a call begins. */
interface Slot extends Memory {
  offset: number;
}

class InterpretedProgram implements CompiledProgram {
  readonly #program: Program;
  readonly #memory: Memory[];
  readonly #bound = new Map<number, Numbers>();

  constructor(program: Program) {
    this.#program = program;
    this.#memory = program.buffers.map(({ table, elements }) =>
      memoryOf(table?.numbers() ?? new Float32Array(elements), 0, elements),
    );
  }

  bind(buffer: number, data: Numbers): void {
    this.#bound.set(buffer, data);
  }

  run(repetitions: number): void {
    for (const phase of PHASES) {
      const times = phase === 'each' ? repetitions : 1;
      for (let repetition = 0; repetition < times; repetition++) {
        for (const [buffer, data] of this.#bound) {
          const { advances, elements } = this.#program.buffers[buffer]!;
          this.#memory[buffer] = memoryOf(data, advances ? repetition * elements : 0, elements);
        }
        for (const call of this.#program.phases[phase]) this.#call(call);
      }
    }
  }

  release(): void {
    this.#memory.length = 0;
    this.#bound.clear();
  }

  #call(call: Call): void {
    const slots = call.places.map(({ buffer, offset }): Slot => ({ ...this.#memory[buffer]!, offset }));
    const kernel = this.#program.kernels[call.kernel]!;
    if (kernel.kind === 'map') map(kernel, slots);
    else if (kernel.kind === 'product') product(kernel, slots);
    else transpose(kernel, slots);
  }
}

function memoryOf(data: Numbers, first: number, elements: number): Memory {
  const offset = data.byteOffset + first * 4;
  return {
    floats: new Float32Array(data.buffer, offset, elements),
    integers: new Int32Array(data.buffer, offset, elements),
  };
}

/** Calls a function for every index of a nest of loops, the first outermost. */
function nest(extents: readonly number[], each: (indices: readonly number[]) => void): void {
  const indices = extents.map(() => 0);
  const inside = (loop: number) => {
    if (loop === extents.length) return each(indices);
    for (indices[loop] = 0; indices[loop]! < extents[loop]!; indices[loop]!++) inside(loop + 1);
  };
  inside(0);
}

function dot(indices: readonly number[], strides: readonly number[]): number {
  return strides.reduce((sum, stride, loop) => sum + stride * (indices[loop] ?? 0), 0);
}

function map(kernel: MapKernel, slots: readonly Slot[]): void {
  nest(kernel.loops, (indices) => {
    for (let lane = 0; lane < kernel.lanes; lane++) new Lane(slots, lane, [...indices]).compute(kernel.body);
  });
}

/** One lane of one iteration: the variables of the body, each as float32 and as the same bits. */
class Lane {
  readonly #slots: readonly Slot[];
  readonly #lane: number;
  /** By loop. */
  readonly #indices: number[];
  #floats = new Float32Array(64);
  #bits = new Int32Array(this.#floats.buffer);

  constructor(slots: readonly Slot[], lane: number, indices: number[]) {
    this.#slots = slots;
    this.#lane = lane;
    this.#indices = indices;
  }

  compute(body: readonly Instruction[]): void {
    for (const instruction of body) {
      if (instruction.op === 'store' || instruction.op === 'storeInteger') this.#store(instruction);
      else if (instruction.op === 'loop') this.#loop(instruction);
      else this.#assign(instruction);
    }
  }

  #store({ op, value, to }: Extract<Instruction, { op: 'store' | 'storeInteger' }>): void {
    const bits = op === 'store' ? this.#bits[value]! : Math.trunc(this.#floats[value]!);
    this.#slots[to.slot]!.integers[this.#element(to)] = bits;
  }

  #loop({ loop, extent, accumulators, body }: Extract<Instruction, { op: 'loop' }>): void {
    for (const { initial, variable } of accumulators) this.#setBits(variable, this.#bits[initial]!);
    for (let index = 0; index < extent; index++) {
      this.#indices[loop] = index;
      this.compute(body);
      // All at once: what one accumulator leaves may be what another one was.
      const left = accumulators.map(({ next }) => this.#bits[next]!);
      accumulators.forEach(({ variable }, index) => this.#setBits(variable, left[index]!));
    }
  }

  #assign(made: Exclude<Instruction, { op: 'store' | 'storeInteger' | 'loop' }>): void {
    const float = (variable: number) => this.#floats[variable]!;
    const bits = (variable: number) => this.#bits[variable]!;
    switch (made.op) {
      case 'constant':
        return this.#setBits(made.to, made.bits);
      case 'load':
        return this.#setBits(made.to, this.#slots[made.from.slot]!.integers[this.#element(made.from)]!);
      case 'loadInteger':
        return this.#setFloat(made.to, this.#slots[made.from.slot]!.integers[this.#element(made.from)]!);
      case 'index':
        return this.#setFloat(made.to, this.#indices[made.loop]!);
      case 'lane':
        return this.#setFloat(made.to, this.#lane);
      case 'add':
        return this.#setFloat(made.to, float(made.a) + float(made.b));
      case 'sub':
        return this.#setFloat(made.to, float(made.a) - float(made.b));
      case 'mul':
        return this.#setFloat(made.to, float(made.a) * float(made.b));
      case 'div':
        return this.#setFloat(made.to, float(made.a) / float(made.b));
      case 'sqrt':
        return this.#setFloat(made.to, Math.sqrt(float(made.a)));
      case 'max':
        return this.#setBits(made.to, float(made.b) > float(made.a) ? bits(made.b) : bits(made.a));
      case 'less':
        return this.#setBits(made.to, float(made.a) < float(made.b) ? -1 : 0);
      case 'lessOrEqual':
        return this.#setBits(made.to, float(made.a) <= float(made.b) ? -1 : 0);
      case 'equal':
        return this.#setBits(made.to, float(made.a) === float(made.b) ? -1 : 0);
      case 'select':
        return this.#setBits(made.to, bits(made.mask) === 0 ? bits(made.b) : bits(made.a));
      case 'and':
        return this.#setBits(made.to, bits(made.a) & bits(made.b));
      case 'or':
        return this.#setBits(made.to, bits(made.a) | bits(made.b));
      case 'xor':
        return this.#setBits(made.to, bits(made.a) ^ bits(made.b));
      case 'addInteger':
        return this.#setBits(made.to, bits(made.a) + bits(made.b));
      case 'subInteger':
        return this.#setBits(made.to, bits(made.a) - bits(made.b));
      case 'shiftLeft':
        return this.#setBits(made.to, bits(made.a) << made.count);
      case 'shiftRight':
        return this.#setBits(made.to, bits(made.a) >>> made.count);
      case 'toFloat':
        return this.#setFloat(made.to, bits(made.a));
    }
  }

  #element({ slot, strides, lane, row }: Access): number {
    const moved = row === undefined ? 0 : row.length * this.#row(row.slot, row.strides);
    return this.#slots[slot]!.offset + dot(this.#indices, strides) + lane * this.#lane + moved;
  }

  #row(slot: number, strides: readonly number[]): number {
    const { integers, offset } = this.#slots[slot]!;
    return integers[offset + dot(this.#indices, strides)]!;
  }

  /** Rounds the value: a Float32Array does what Math.fround does. */
  #setFloat(variable: number, value: number): void {
    this.#grow(variable);
    this.#floats[variable] = value;
  }

  #setBits(variable: number, bits: number): void {
    this.#grow(variable);
    this.#bits[variable] = bits;
  }

  #grow(variable: number): void {
    if (variable < this.#floats.length) return;
    const grown = new Float32Array(2 * variable);
    new Int32Array(grown.buffer).set(this.#bits);
    this.#floats = grown;
    this.#bits = new Int32Array(grown.buffer);
  }
}

function product({ batch, rows, inner, lanes, scale, ...kernel }: ProductKernel, slots: readonly Slot[]): void {
  const a = slots[kernel.a.slot]!;
  const b = slots[kernel.b.slot]!;
  const c = slots[kernel.c.slot]!;
  const initial = kernel.initial && slots[kernel.initial.slot]!;
  nest([...batch, rows, lanes], (indices) => {
    const row = indices[batch.length]!;
    const lane = indices[batch.length + 1]!;
    let sum = 0;
    if (initial !== undefined) {
      const { batch: strides, row: rowStride, lane: laneStride } = kernel.initial!;
      sum = initial.floats[initial.offset + dot(indices, strides) + row * rowStride + lane * laneStride]!;
    }
    const first = a.offset + dot(indices, kernel.a.batch) + row * kernel.a.row;
    const second = b.offset + dot(indices, kernel.b.batch) + lane;
    for (let k = 0; k < inner; k++) {
      const term = a.floats[first + k * kernel.a.inner]! * b.floats[second + k * kernel.b.inner]!;
      sum = Math.fround(sum + Math.fround(term));
    }
    c.floats[c.offset + dot(indices, kernel.c.batch) + row * kernel.c.row + lane] = Math.fround(scale) * sum;
  });
}

function transpose({ batch, rows, columns, ...kernel }: TransposeKernel, slots: readonly Slot[]): void {
  const source = slots[kernel.source.slot]!;
  const target = slots[kernel.target.slot]!;
  nest([...batch, rows, columns], (indices) => {
    const row = indices[batch.length]!;
    const column = indices[batch.length + 1]!;
    const from = source.offset + dot(indices, kernel.source.batch) + row * kernel.source.row + column;
    const to = target.offset + dot(indices, kernel.target.batch) + column * kernel.target.column + row;
    target.integers[to] = source.integers[from]!;
  });
}
