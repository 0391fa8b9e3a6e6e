/** Random map kernels: every instruction, nested loops, and every way to read and write memory. */
import { Body } from '../../../src/compute/runtimes/exact/body.ts';
import type { Access, LoopInstruction, Place, Row, Variable } from '../../../src/compute/runtimes/exact/language.ts';
import { apart, Buffers, SPECIAL, type Case, type Draw } from './random-programs.ts';

/**
 * What variables hold, by what may be done with them. The payload of a NaN is open, so bits are taken of numbers only.
 */
interface Pools {
  floats: Variable[];
  bits: Variable[];
  masks: Variable[];
}

/** Rows that indices lead to. */
const ROWS = 5;

export function randomMap(draw: Draw): Case {
  const loops = Array.from({ length: draw.below(3) }, () => draw.between(1, 3));
  return new RandomMap(draw, loops, draw.between(1, 70)).case();
}

class RandomMap {
  readonly #draw: Draw;
  readonly #lanes: number;
  readonly #loops: readonly number[];
  /** Of every loop, by its number. */
  readonly #extents: number[];
  readonly #buffers = new Buffers();
  readonly #places: Place[] = [];
  /** Slots that are read, and how many elements of each: their buffers are made when that is known. */
  readonly #reads: { slot: number; elements: number; kind: 'float32' | 'int32' | 'rows' }[] = [];

  constructor(draw: Draw, loops: readonly number[], lanes: number) {
    this.#draw = draw;
    this.#loops = loops;
    this.#lanes = lanes;
    this.#extents = [...loops];
  }

  case(): Case {
    const body = new Body(this.#loops.length);
    const around = this.#loops.map((_, loop) => loop);
    const pools: Pools = { floats: [], bits: [], masks: [] };
    this.#fill(body, around, pools, this.#draw.between(4, 24), 2);
    // What nothing stores, nothing tests.
    for (const value of pools.floats.slice(-3)) this.#store(body, around, value);
    for (const value of pools.bits.slice(-1)) this.#store(body, around, value);
    for (const { slot, elements, kind } of this.#reads) {
      const offset = this.#draw.below(4);
      this.#places[slot] = { buffer: this.#input(elements + offset, kind), offset };
    }
    const program = this.#buffers.program(body.kernel(this.#loops, this.#lanes), this.#places);
    return { program, repetitions: 1, inputs: this.#buffers.inputs };
  }

  /**
   * Adds some instructions.
   * @param depth how deep loops may lie in one another
   * @param stores whether some of them may store
   */
  #fill(body: Body, path: readonly number[], pools: Pools, count: number, depth: number, stores = true): void {
    const draw = this.#draw;
    pools.floats.push(body.load(this.#read(path, 'float32')), body.constant(draw.float(SPECIAL)));
    pools.bits.push(body.bits(draw.below(2 ** 31) * 2 + draw.below(2)));
    pools.masks.push(body.less(draw.one(pools.floats), body.constant(0)));
    for (let made = 0; made < count; made++) {
      if (draw.chance(8) && depth > 0) this.#loop(body, path, pools, depth);
      else if (stores && draw.chance(8)) this.#store(body, path, draw.one(draw.chance(70) ? pools.floats : pools.bits));
      else if (stores && draw.chance(4)) this.#scatter(body, path, draw.one(pools.floats));
      else this.#instruction(body, path, pools);
    }
  }

  #instruction(body: Body, path: readonly number[], { floats, bits, masks }: Pools): void {
    const draw = this.#draw;
    const float = () => draw.one(floats);
    const bit = () => draw.one(bits);
    const mask = () => draw.one(masks);
    const choices = [
      () => floats.push(body.load(this.#read(path, 'float32'))),
      () => floats.push(body.load(this.#read(path, 'float32'))),
      () => floats.push(body.loadInteger(this.#read(path, 'int32'))),
      () => floats.push(body.lane()),
      () => floats.push(path.length === 0 ? body.constant(draw.float(SPECIAL)) : body.index(draw.one(path))),
      () => floats.push(body.add(float(), float())),
      () => floats.push(body.sub(float(), float())),
      () => floats.push(body.mul(float(), float())),
      () => floats.push(body.mul(float(), float())),
      () => floats.push(body.div(float(), float())),
      () => floats.push(body.max(float(), float())),
      () => floats.push(body.sqrt(float())),
      () => floats.push(body.select(mask(), float(), float())),
      () => floats.push(body.toFloat(bit())),
      () => floats.push(bit()),
      () => masks.push(body.less(float(), float())),
      () => masks.push(body.lessOrEqual(float(), float())),
      () => masks.push(body.equal(float(), float())),
      () => masks.push(body[draw.one(['and', 'or', 'xor'] as const)](mask(), mask())),
      () => bits.push(body[draw.one(['and', 'or', 'xor'] as const)](bit(), bit())),
      () => bits.push(body.and(mask(), bit())),
      () => bits.push(body.select(mask(), bit(), bit())),
      () => bits.push(body.addInteger(bit(), bit())),
      () => bits.push(body.subInteger(bit(), bit())),
      () => bits.push(body.shiftLeft(bit(), draw.below(32))),
      () => bits.push(body.shiftRight(bit(), draw.below(32))),
      () => {
        const value = float();
        return bits.push(body.select(body.equal(value, value), value, body.constant(1)));
      },
    ];
    draw.one(choices)();
  }

  #loop(body: Body, path: readonly number[], pools: Pools, depth: number): void {
    const draw = this.#draw;
    const extent = draw.one([1, 2, 3, 4, 5, 7]);
    const part = draw.one([undefined, undefined, 'index<=lane', 'index>=lane'] as const);
    const kinds = Array.from({ length: draw.between(1, 3) }, () =>
      draw.one(['floats', 'floats', 'bits', 'masks'] as const),
    );
    const initials = kinds.map((kind) => draw.one(pools[kind]));
    const results = body.loop(
      extent,
      initials,
      (inside, loop, accumulators) => {
        this.#extents[loop] = extent;
        const inner: Pools = { floats: [...pools.floats], bits: [...pools.bits], masks: [...pools.masks] };
        accumulators.forEach((variable, index) => inner[kinds[index]!].push(variable));
        // An iteration that may be left out stores nothing.
        this.#fill(inside, [...path, loop], inner, draw.between(1, 6), part ? 0 : depth - 1, part === undefined);
        const next = kinds.map((kind) => draw.one(inner[kind].slice(-4)));
        if (part !== undefined) return this.#kept(inside, loop, part, accumulators, next);
        // What it leaves is made in the body.
        return next.map((value, at) => (kinds[at] === 'floats' ? inside.max(value, value) : inside.and(value, value)));
      },
      part,
    );
    results.forEach((variable, index) => pools[kinds[index]!].push(variable));
  }

  /** Leaves accumulators as they were where an iteration may be left out. */
  #kept(
    inside: Body,
    loop: number,
    part: NonNullable<LoopInstruction['part']>,
    accumulators: readonly Variable[],
    next: readonly Variable[],
  ): Variable[] {
    const [index, lane] = [inside.index(loop), inside.lane()];
    const counts = part === 'index<=lane' ? inside.lessOrEqual(index, lane) : inside.lessOrEqual(lane, index);
    return next.map((value, at) => inside.select(counts, value, accumulators[at]!));
  }

  /** Stores a value where nothing else is stored, or adds it to what is there. */
  #store(body: Body, path: readonly number[], value: Variable): void {
    const draw = this.#draw;
    const { strides, elements } = apart(draw, this.#along(path), this.#lanes);
    const to: Access = { slot: this.#places.length, strides: this.#spread(path, strides), lane: 1 };
    const offset = draw.below(4);
    const integer = draw.chance(20);
    const buffer = this.#buffers.output(elements + offset, integer ? 'int32' : 'float32');
    this.#places.push({ buffer, offset });
    if (integer) body.storeInteger(this.#integral(body, value), to);
    else body.store(draw.chance(50) ? value : body.sub(body.load(to), value), to);
  }

  /** An integral number below 2^24 in magnitude that depends on a variable which may be anything. */
  #integral(body: Body, value: Variable): Variable {
    const bits = body.select(body.equal(value, value), value, body.constant(1));
    const magnitude = body.toFloat(body.shiftRight(bits, 8));
    return this.#draw.chance(50) ? magnitude : body.sub(body.constant(3), magnitude);
  }

  /** Adds a value to rows of which several may be the same: the order of iterations shows. */
  #scatter(body: Body, path: readonly number[], value: Variable): void {
    const length = this.#lanes + this.#draw.below(3);
    const slot = this.#places.length;
    this.#places.push({ buffer: this.#buffers.output((ROWS - 1) * length + this.#lanes), offset: 0 });
    const to: Access = { slot, strides: [], lane: 1, row: this.#row(path, length) };
    body.store(body.add(body.load(to), value), to);
  }

  #read(path: readonly number[], kind: 'float32' | 'int32'): Access {
    const draw = this.#draw;
    const lane = draw.chance(75) ? 1 : 0;
    const length = draw.between(0, 9);
    const strides = path.map(() => draw.one([0, 1, 2, 5]));
    const row = draw.chance(15) ? this.#row(path, length) : undefined;
    const elements =
      1 + (row ? (ROWS - 1) * length : 0) + lane * (this.#lanes - 1) + this.#moved(this.#spread(path, strides));
    return {
      slot: this.#slot(kind, elements),
      strides: this.#spread(path, strides),
      lane,
      ...(row && { row }),
    };
  }

  #row(path: readonly number[], length: number): Row {
    const strides = this.#spread(
      path,
      path.map(() => this.#draw.one([0, 1, 1])),
    );
    return { slot: this.#slot('rows', 1 + this.#moved(strides)), strides, length };
  }

  /** A slot from which at least some elements can be read: one that others read too, or a new one. */
  #slot(kind: 'float32' | 'int32' | 'rows', elements: number): number {
    const known = this.#draw.one([undefined, ...this.#reads.filter((read) => read.kind === kind)]);
    if (known !== undefined) {
      known.elements = Math.max(known.elements, elements);
      return known.slot;
    }
    const slot = this.#places.length;
    // Its place is known when all that read it are.
    this.#places.push({ buffer: 0, offset: 0 });
    this.#reads.push({ slot, elements, kind });
    return slot;
  }

  #input(elements: number, kind: 'float32' | 'int32' | 'rows'): number {
    const draw = this.#draw;
    if (kind === 'float32') return this.#buffers.input(draw.floats(elements, SPECIAL));
    const most = kind === 'rows' ? ROWS : 2 ** 25;
    const numbers = Int32Array.from({ length: elements }, () => draw.below(most));
    return this.#buffers.input(numbers, kind === 'rows' ? { below: ROWS } : {});
  }

  /** How far an access moves in its loops. */
  #moved(strides: readonly number[]): number {
    return strides.reduce((sum, stride, loop) => sum + (stride ?? 0) * ((this.#extents[loop] ?? 1) - 1), 0);
  }

  #along(path: readonly number[]): number[] {
    return path.map((loop) => this.#extents[loop]!);
  }

  /** By loop, from those along a path. */
  #spread(path: readonly number[], strides: readonly number[]): number[] {
    const all = Array.from({ length: Math.max(-1, ...path) + 1 }, () => 0);
    path.forEach((loop, index) => (all[loop] = strides[index]!));
    return all;
  }
}
