/** Programs for the tests of generators: random ones, of one kernel each, and what they are bound to. */
import { Body } from '../../../src/compute/runtimes/exact/body.ts';
import type {
  Call,
  Generator,
  Kernel,
  Place,
  ProductKernel,
  Program,
  ProgramBuffer,
} from '../../../src/compute/runtimes/exact/language.ts';

type Numbers = Float32Array | Int32Array;

/** A program, and the memory of its inputs and outputs. */
export interface Case {
  program: Program;
  repetitions: number;
  /** By buffer. */
  inputs: ReadonlyMap<number, Numbers>;
  /** Elements of outputs that the language leaves open. */
  open?: (buffer: number, element: number) => boolean;
}

/** Runs a case. @returns what is in each output, by its number */
export function execute(generator: Generator, { program, repetitions, inputs }: Case): Map<number, Numbers> {
  const compiled = generator.compile(program);
  const outputs = new Map<number, Numbers>();
  program.buffers.forEach(({ kind, dtype, elements, advances }, buffer) => {
    if (kind !== 'output') return;
    const length = advances ? elements * repetitions : elements;
    outputs.set(buffer, dtype === 'float32' ? new Float32Array(length) : new Int32Array(length));
  });
  for (const [buffer, data] of [...inputs, ...outputs]) compiled.bind(buffer, data);
  compiled.run(repetitions);
  compiled.release();
  return outputs;
}

/** Takes decisions from a list of random numbers, which fast-check can shrink. */
export class Draw {
  readonly #tape: readonly number[];
  #next = 0;

  constructor(tape: readonly number[]) {
    this.#tape = tape;
  }

  /** 0 to a number, exclusively. */
  below(count: number): number {
    const index = this.#next++;
    // Behind its end the tape goes on with other numbers.
    const number = this.#tape[index % this.#tape.length]! + Math.floor(index / this.#tape.length) * 7919;
    return number % count;
  }

  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  one<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  /** Most are ordinary; a share of them are at the limits of the format. */
  float(special: readonly number[]): number {
    if (this.chance(8)) return this.one(special);
    const magnitude = 2 ** this.between(-12, 8);
    return Math.fround(((this.below(20001) - 10000) / 10000) * magnitude);
  }

  floats(count: number, special: readonly number[]): Float32Array {
    return Float32Array.from({ length: count }, () => this.float(special));
  }
}

/** Zeros of both signs, subnormals, the largest and the smallest normal numbers. */
export const FINITE = [0, -0, 1e-45, -1e-45, 1.1754942e-38, -5e-39, 1.17549435e-38, 3.4028235e38, -3.4028235e38, 1];
export const SPECIAL = [...FINITE, Infinity, -Infinity, NaN];

/** What outputs hold before a kernel writes into them: it shows what it leaves and what it should have left alone. */
const FILLING = 7;

/** Collects the buffers of a program. */
export class Buffers {
  readonly all: ProgramBuffer[] = [];
  readonly inputs = new Map<number, Numbers>();
  readonly #kernels: Kernel[] = [];
  readonly #before: Call[] = [];

  input(data: Numbers, more: Partial<ProgramBuffer> = {}): number {
    const dtype = data instanceof Float32Array ? 'float32' : 'int32';
    const index = this.#add({ dtype, elements: data.length, kind: 'input', ...more });
    this.inputs.set(index, data);
    return index;
  }

  /** It is filled with a number before anything else writes into it. */
  output(elements: number, dtype: ProgramBuffer['dtype'] = 'float32'): number {
    const index = this.#add({ dtype, elements, kind: 'output' });
    const body = new Body(0);
    const filling = body.constant(FILLING);
    const to = { slot: 0, strides: [], lane: 1 } as const;
    if (dtype === 'int32') body.storeInteger(filling, to);
    else body.store(filling, to);
    this.#before.push({ kernel: this.#kernels.length, places: [{ buffer: index, offset: 0 }] });
    this.#kernels.push(body.kernel([], elements));
    return index;
  }

  /** It begins as a copy of an input. */
  copied(data: Float32Array): number {
    const source = this.input(data);
    const index = this.#add({ dtype: 'float32', elements: data.length, kind: 'output' });
    const body = new Body(0);
    body.store(body.load({ slot: 0, strides: [], lane: 1 }), { slot: 1, strides: [], lane: 1 });
    const places = [source, index].map((buffer) => ({ buffer, offset: 0 }));
    this.#before.push({ kernel: this.#kernels.length, places });
    this.#kernels.push(body.kernel([], data.length));
    return index;
  }

  /** The program that calls one kernel. */
  program(kernel: Kernel, places: readonly Place[]): Program {
    const call = { kernel: this.#kernels.length, places };
    return {
      buffers: this.all,
      kernels: [...this.#kernels, kernel],
      phases: { before: this.#before, each: [call], after: [] },
    };
  }

  #add(buffer: Omit<ProgramBuffer, 'name'>): number {
    this.all.push({ name: `buffer ${this.all.length}`, ...buffer });
    return this.all.length - 1;
  }
}

/** Distances between the indices of loops, the last innermost, so that no two meet; some space may lie between. */
export function apart(draw: Draw, extents: readonly number[], block: number): { strides: number[]; elements: number } {
  const strides: number[] = [];
  let elements = block;
  for (const extent of extents.toReversed()) {
    const stride = elements + draw.one([0, 0, 1, 3]);
    strides.unshift(stride);
    elements = stride * (extent - 1) + elements;
  }
  return { strides, elements };
}

export function randomProduct(draw: Draw): Case {
  const batch = Array.from({ length: draw.below(3) }, () => draw.between(1, 3));
  const rows = draw.between(1, 15);
  const inner = draw.chance(15) ? draw.between(60, 330) : draw.between(1, 40);
  const lanes = draw.between(1, 70);
  const part = draw.one([undefined, undefined, 'row<=lane', 'inner<=lane', 'inner>=lane'] as const);
  const special = part?.startsWith('inner') || draw.chance(60) ? FINITE : SPECIAL;
  const buffers = new Buffers();
  const offsets = { a: draw.below(4), b: draw.below(4), c: draw.below(4), initial: draw.below(4) };
  // What is the same for all of a batch does not move with it.
  const still = (strides: number[]) => strides.map((stride) => (draw.chance(25) ? 0 : stride));

  const across = draw.chance(40);
  const shapeA = apart(draw, [...batch, ...(across ? [inner, rows] : [rows, inner])], 1);
  const [outer, innermost] = shapeA.strides.slice(-2) as [number, number];
  const a = {
    slot: 0,
    batch: still(shapeA.strides.slice(0, -2)),
    row: across ? innermost : outer,
    inner: across ? outer : innermost,
  };
  // Sums that meet infinities in every element would show nothing: numbers are small, but for few.
  const dataA = draw.floats(shapeA.elements + offsets.a, special);
  const shapeB = apart(draw, [...batch, inner], lanes);
  const b = { slot: 1, batch: still(shapeB.strides.slice(0, -1)), inner: shapeB.strides.at(-1)! };
  const dataB = draw.floats(shapeB.elements + offsets.b, draw.chance(50) ? [0, -0, 1e-45] : special);
  if (part?.startsWith('inner')) clear(dataB, offsets.b, { batch, strides: b, inner, lanes, part });

  const shapeC = apart(draw, [...batch, rows], lanes);
  const c = { slot: 2, batch: shapeC.strides.slice(0, -1), row: shapeC.strides.at(-1)! };
  const kind = draw.one(['none', 'none', 'row', 'lane', 'element', 'same'] as const);
  // -0 and a term that is left out are -0, with the term +0.
  const begin = part?.startsWith('inner') ? [1e-45, 3] : special;
  const size = shapeC.elements + offsets.c;
  const bufferC = kind === 'same' ? buffers.copied(draw.floats(size, begin)) : buffers.output(size);
  const places: Place[] = [
    { buffer: buffers.input(dataA), offset: offsets.a },
    { buffer: buffers.input(dataB), offset: offsets.b },
    { buffer: bufferC, offset: offsets.c },
  ];
  const kernel: ProductKernel = {
    ...{ kind: 'product', batch, rows, inner, lanes, a, b, c },
    scale: draw.one([1, 1, 0.125, -1.7]),
    ...(part && { part }),
  };
  if (kind === 'same') {
    kernel.initial = { ...c, lane: 1 };
  } else if (kind !== 'none') {
    const shape = apart(draw, batch, rows * lanes);
    kernel.initial = {
      slot: 3,
      batch: still(shape.strides),
      row: { row: 1, lane: 0, element: lanes }[kind],
      lane: kind === 'row' ? 0 : 1,
    };
    const data = draw.floats(shape.elements + offsets.initial, begin);
    places.push({ buffer: buffers.input(data), offset: offsets.initial });
  }
  const open = new Set<number>();
  eachIndex([...batch, rows, lanes], (indices) => {
    const [row, lane] = indices.slice(-2) as [number, number];
    const element = c.batch.reduce((sum, stride, at) => sum + stride * indices[at]!, offsets.c + row * c.row + lane);
    if (part === 'row<=lane' && row > lane) open.add(element);
  });
  return {
    program: buffers.program(kernel, places),
    repetitions: 1,
    inputs: buffers.inputs,
    open: (buffer, element) => buffer === bufferC && open.has(element),
  };
}

interface Clearing {
  batch: readonly number[];
  strides: ProductKernel['b'];
  inner: number;
  lanes: number;
  part: string;
}

/** Writes +0 where a part of b must hold it. */
function clear(data: Float32Array, offset: number, { batch, strides, inner, lanes, part }: Clearing): void {
  eachIndex([...batch, inner, lanes], (indices) => {
    const [k, lane] = indices.slice(-2) as [number, number];
    if (part === 'inner<=lane' ? k <= lane : k >= lane) return;
    const begin = strides.batch.reduce((sum, stride, at) => sum + stride * indices[at]!, offset);
    data[begin + k * strides.inner + lane] = 0;
  });
}

function eachIndex(extents: readonly number[], each: (indices: readonly number[]) => void): void {
  const [extent, ...rest] = extents;
  if (extent === undefined) return each([]);
  for (let index = 0; index < extent; index++) eachIndex(rest, (indices) => each([index, ...indices]));
}

export function randomTranspose(draw: Draw): Case {
  const batch = Array.from({ length: draw.below(3) }, () => draw.between(1, 3));
  const rows = draw.between(1, 21);
  const columns = draw.between(1, 21);
  const buffers = new Buffers();
  const offsets = [draw.below(4), draw.below(4)] as const;
  const from = apart(draw, [...batch, rows], columns);
  const to = apart(draw, [...batch, columns], rows);
  const source = { slot: 0, batch: from.strides.slice(0, -1), row: from.strides.at(-1)! };
  const target = { slot: 1, batch: to.strides.slice(0, -1), column: to.strides.at(-1)! };
  const places = [
    { buffer: buffers.input(draw.floats(from.elements + offsets[0], SPECIAL)), offset: offsets[0] },
    { buffer: buffers.output(to.elements + offsets[1]), offset: offsets[1] },
  ];
  const kernel = { kind: 'transpose', batch, rows, columns, source, target } as const;
  return { program: buffers.program(kernel, places), repetitions: 1, inputs: buffers.inputs };
}
