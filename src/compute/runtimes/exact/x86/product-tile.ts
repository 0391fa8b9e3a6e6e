/**
 * The code of one tile of a product: a few rows of c by a few vectors of lanes. Sums stay in registers while the inner
 * dimension is gone through: numbers of a are broadcast to all lanes, those of b are vectors. A product and a sum are
 * rounded apart.
 */
import type { ProductKernel } from '../language.ts';
import { Label } from './code-buffer.ts';
import {
  type Encoder,
  type Memory,
  R8,
  R9,
  R10,
  R12,
  R13,
  R14,
  R15,
  RAX,
  RBX,
  RCX,
  RDX,
  type Register,
  RSI,
} from './encoder.ts';
import { advance, bytesOf, ELEMENT, emitCountdown, type KernelCode } from './kernel-code.ts';
import type { Region } from './product-tiles.ts';

/** Of the tile in work: where its first row of a begins, and its first lane of b, c and `initial`. */
export const [A, B, C, INITIAL] = [RSI, RDX, R8, R9];
/** Go through the inner dimension. */
const [A_NOW, B_NOW, LEFT] = [RAX, RCX, R10];
/** Of the tile: its first lane and row. */
export const [LANE, ROW] = [R12, R13];
/** Of the block of the inner dimension: its length, and where it begins. */
export const [INNER, INNER_START] = [R14, R15];
/** Free for a moment: there are no rows to count where these are used. */
const [SPARE, SPARE_TOO] = [RBX, ROW];

/** Steps of the inner dimension that are written out. */
const UNROLLED = 4;
/** Numbers in a cache line. */
const LINE = 16;
/** So many beside each other that the next one is fetched soon enough; else it is the one below. */
const MANY_TILES = 8;

export interface Tile extends Region {
  /** Rows. */
  height: number;
  /** Whether it is summed in several blocks of the inner dimension. */
  isCut: boolean;
}

/** It keeps all registers but those that go through the inner dimension, and spare ones. */
export function emitTile(target: KernelCode, kernel: ProductKernel, tile: Tile): void {
  new TileCode(target, kernel, tile).emit();
}

class TileCode {
  readonly #code: Encoder;
  readonly #registers: number;
  readonly #kernel: ProductKernel;
  readonly #tile: Tile;

  constructor({ code, registers }: KernelCode, kernel: ProductKernel, tile: Tile) {
    this.#code = code;
    this.#registers = registers;
    this.#kernel = kernel;
    this.#tile = tile;
  }

  emit(): void {
    const code = this.#code;
    const { scale, c, inner } = this.#kernel;
    const { lanes, vectors, height, isCut } = this.#tile;
    const load = lanes === 1 ? 'loadOne' : 'load';
    const store = lanes === 1 ? 'storeOne' : 'store';
    const each = (act: (sum: number, at: Memory) => void) => {
      for (let row = 0; row < height; row++)
        for (let vector = 0; vector < vectors; vector++)
          act(row * vectors + vector, {
            base: C,
            displacement: bytesOf(row * c.row + vector * lanes),
          });
    };
    if (isCut) {
      const isFirst = new Label();
      const isBegun = new Label();
      code.compareNumber(INNER_START, 0);
      code.jumpIf('equal', isFirst);
      each((sum, at) => code.unary(load, lanes, sum, at));
      code.jump(isBegun);
      code.place(isFirst);
      this.#begin();
      code.place(isBegun);
    } else this.#begin();
    this.#sum();
    if (scale !== 1) {
      const isUnscaled = new Label();
      if (isCut) {
        code.address(RAX, { base: INNER_START, index: INNER });
        code.compareNumber(RAX, inner);
        code.jumpIf('less', isUnscaled);
      }
      const factor = height * vectors;
      code.unary('broadcast', lanes, factor, code.constant([bitsOf(scale)]));
      each((sum) => code.binary('mul', lanes, sum, sum, factor));
      code.place(isUnscaled);
    }
    each((sum, at) => code.storeVector(store, lanes, at, sum));
  }

  /** Sums before the first product. */
  #begin(): void {
    const { lanes, vectors, height } = this.#tile;
    const { initial } = this.#kernel;
    for (let row = 0; row < height; row++)
      for (let vector = 0; vector < vectors; vector++) {
        const sum = row * vectors + vector;
        if (initial === undefined) this.#code.binary('xor', lanes, sum, sum, sum);
        else if (initial.lane === 0)
          this.#code.unary('broadcast', lanes, sum, { base: INITIAL, displacement: bytesOf(row * initial.row) });
        else
          this.#code.unary(lanes === 1 ? 'loadOne' : 'load', lanes, sum, {
            base: INITIAL,
            displacement: bytesOf(row * initial.row + vector * lanes),
          });
      }
  }

  /** What the next tile of rows reads. */
  #prefetchA(step: number): void {
    const { height } = this.#tile;
    const { a } = this.#kernel;
    if (a.inner === 1)
      for (let row = step; row < height; row += UNROLLED)
        this.#code.prefetch({ base: A_NOW, displacement: bytesOf((height + row) * a.row) });
    else if (a.row === 1) this.#code.prefetch({ base: A_NOW, displacement: bytesOf(2 * height - 1 + step * a.inner) });
  }

  /** What the next tile beside or below this one writes. */
  #prefetchC(): void {
    const { lanes, vectors, tiles, height } = this.#tile;
    const { c } = this.#kernel;
    const width = lanes * vectors;
    const [rows, first] = tiles >= MANY_TILES ? [0, width] : [height, 0];
    for (let row = 0; row < height; row++)
      for (let lane = 0; lane < width; lane += LINE)
        this.#code.prefetchToWrite({ base: C, displacement: bytesOf((rows + row) * c.row + first + lane) });
  }

  #sum(): void {
    const code = this.#code;
    const { inner, part } = this.#kernel;
    if (part === undefined) this.#prefetchC();
    code.move(A_NOW, A);
    code.move(B_NOW, B);
    if (!this.#tile.isCut && (part === undefined || part === 'row<=lane')) {
      const whole = Math.floor(inner / UNROLLED);
      code.moveNumber(LEFT, whole);
      if (whole > 0) emitCountdown(code, LEFT, () => this.#steps(UNROLLED));
      return this.#steps(inner % UNROLLED);
    }
    // How many there are is known when the code runs.
    code.move(LEFT, INNER);
    if (part === 'inner<=lane') this.#endAtLane();
    if (part === 'inner>=lane') this.#beginAtLane();
    const [isShort, isDone] = [new Label(), new Label()];
    code.addNumber(LEFT, -UNROLLED);
    code.jumpIf('less', isShort);
    const begin = code.place(new Label());
    this.#steps(UNROLLED);
    code.addNumber(LEFT, -UNROLLED);
    code.jumpIf('greaterOrEqual', begin);
    code.place(isShort);
    code.addNumber(LEFT, UNROLLED);
    code.compareNumber(LEFT, 0);
    code.jumpIf('lessOrEqual', isDone);
    emitCountdown(code, LEFT, () => this.#steps(1));
    code.place(isDone);
  }

  /** Leaves out what is behind the tile's last lane. */
  #endAtLane(): void {
    const { lanes, vectors } = this.#tile;
    const end = SPARE;
    this.#code.address(end, { base: LANE, displacement: lanes * vectors });
    this.#code.sub(end, INNER_START);
    this.#code.compare(LEFT, end);
    this.#code.moveIf('greater', LEFT, end);
  }

  /** Leaves out what is before the tile's first lane. */
  #beginAtLane(): void {
    const { a, b } = this.#kernel;
    const isWhole = new Label();
    const skipped = SPARE;
    this.#code.move(skipped, LANE);
    this.#code.sub(skipped, INNER_START);
    this.#code.jumpIf('less', isWhole);
    this.#code.sub(LEFT, skipped);
    this.#advanceBy(A_NOW, skipped, a.inner);
    this.#advanceBy(B_NOW, skipped, b.inner);
    this.#code.place(isWhole);
  }

  /** Moves a pointer by a number of strides. */
  #advanceBy(pointer: Register, count: Register, stride: number): void {
    this.#code.multiply(SPARE_TOO, count, bytesOf(stride));
    this.#code.add(pointer, SPARE_TOO);
  }

  /** Some indices of the inner dimension. */
  #steps(count: number): void {
    const { a, b, part } = this.#kernel;
    for (let step = 0; step < count; step++) {
      if (count === UNROLLED && part === undefined) this.#prefetchA(step);
      this.#step(step);
    }
    advance(this.#code, A_NOW, count * a.inner);
    advance(this.#code, B_NOW, count * b.inner);
  }

  /** One of them. */
  #step(step: number): void {
    const { lanes, vectors, height } = this.#tile;
    const code = this.#code;
    const { a, b } = this.#kernel;
    const firstB = height * vectors;
    const firstFree = firstB + vectors;
    for (let vector = 0; vector < vectors; vector++)
      code.unary(lanes === 1 ? 'loadOne' : 'load', lanes, firstB + vector, {
        base: B_NOW,
        displacement: bytesOf(step * b.inner + vector * lanes),
      });
    let free = 0;
    for (let row = 0; row < height; row++) {
      const at = { base: A_NOW, displacement: bytesOf(row * a.row + step * a.inner) };
      const isDirect = vectors === 1 && this.#registers === 32;
      if (!isDirect) code.unary('broadcast', lanes, firstFree, at);
      for (let vector = 0; vector < vectors; vector++) {
        const sum = row * vectors + vector;
        const first = firstFree + (isDirect ? 0 : 1);
        const product = first + (free++ % (this.#registers - first));
        if (isDirect) code.binary('mul', lanes, product, firstB + vector, at, true);
        else code.binary('mul', lanes, product, firstFree, firstB + vector);
        code.binary('add', lanes, sum, sum, product);
      }
    }
  }
}

function bitsOf(value: number): number {
  const view = new DataView(new ArrayBuffer(ELEMENT));
  view.setFloat32(0, value);
  return view.getInt32(0);
}
