/**
 * The code of a product: c = scale * (initial + a b). A tile of c stays in registers while the inner dimension is gone
 * through: numbers of a are broadcast to all lanes, those of b are vectors. Rows are outermost, tiles beside each other
 * inside of them, so that b is read again from a near cache.
 */
import type { ProductKernel } from '../language.ts';
import { Label } from './code-buffer.ts';
import {
  type Encoder,
  type Memory,
  R8,
  R9,
  R10,
  R11,
  R12,
  R13,
  R14,
  R15,
  RAX,
  RBP,
  RBX,
  RCX,
  RDI,
  RDX,
  type Register,
  RSI,
} from './encoder.ts';
import {
  advance,
  bytesOf,
  copyNumber,
  ELEMENT,
  emitCountdown,
  emitLoops,
  Frame,
  type KernelCode,
} from './kernel-code.ts';
import { blocksOf, type Region, regionsOf } from './product-tiles.ts';

/** Of the tile in work: where its first row of a begins, and its first lane of b, c and `initial`. */
const [A, B, C, INITIAL] = [RSI, RDX, R8, R9];
/** Go through the inner dimension. */
const [A_NOW, B_NOW, LEFT] = [RAX, RCX, R10];
/** Where the tile's rows of c and `initial` begin. */
const [C_ROW, INITIAL_ROW] = [RBP, RDI];
const TILES_LEFT = R11;
/** Of the tile: its first lane and row. */
const [LANE, ROW] = [R12, R13];
/** Of the block of the inner dimension: its length, and where it begins. */
const [INNER, INNER_START] = [R14, R15];
/** Free for a moment: there are no rows to count where these are used. */
const [SPARE, SPARE_TOO] = [RBX, ROW];

/** Steps of the inner dimension that are written out. */
const UNROLLED = 4;

export function emitProduct(target: KernelCode, kernel: ProductKernel): void {
  new ProductCode(target, kernel).emit();
}

class ProductCode {
  readonly #target: KernelCode;
  readonly #code: Encoder;
  readonly #kernel: ProductKernel;
  readonly #frame: Frame;
  /** Of this index of the batch. */
  readonly #bases: { a: Memory; b: Memory; c: Memory; initial: Memory };
  /** Of the block in work. */
  readonly #blocks: { a: Memory; b: Memory; c: Memory; initial: Memory };
  readonly #blocksLeft: Memory;
  readonly #tilesLeft: Memory;
  readonly #tilesNow: Memory;
  readonly #rowTilesLeft: Memory;

  constructor(target: KernelCode, kernel: ProductKernel) {
    this.#target = target;
    this.#code = target.code;
    this.#kernel = kernel;
    const frame = new Frame(target.code, 12 + kernel.batch.length);
    const pointers = () => ({ a: frame.slot(), b: frame.slot(), c: frame.slot(), initial: frame.slot() });
    this.#frame = frame;
    this.#bases = pointers();
    this.#blocks = pointers();
    this.#blocksLeft = frame.slot();
    this.#tilesLeft = frame.slot();
    this.#tilesNow = frame.slot();
    this.#rowTilesLeft = frame.slot();
  }

  emit(): void {
    const code = this.#code;
    const { a, b, c, initial, batch } = this.#kernel;
    const operands = [
      { of: a, at: this.#bases.a },
      { of: b, at: this.#bases.b },
      { of: c, at: this.#bases.c },
      ...(initial === undefined ? [] : [{ of: initial, at: this.#bases.initial }]),
    ];
    for (const { of, at } of operands) {
      code.move(RAX, { base: RDI, displacement: 8 * of.slot });
      code.store(at, RAX);
    }
    const counters = batch.map(() => this.#frame.slot());
    const pointers = operands.map(({ of, at }) => ({ at, strides: of.batch }));
    emitLoops(code, batch, counters, pointers, () => {
      for (const region of regionsOf(this.#kernel, this.#target.width, this.#target.registers)) this.#region(region);
    });
    this.#frame.leave();
  }

  #region(region: Region): void {
    const code = this.#code;
    const { inner } = this.#kernel;
    const blocks = blocksOf(this.#kernel, region);
    const width = region.lanes * region.vectors;
    for (const operand of ['a', 'b', 'c', 'initial'] as const) {
      if (operand === 'initial' && this.#kernel.initial === undefined) continue;
      copyNumber(code, this.#blocks[operand], this.#bases[operand]);
      advance(code, this.#blocks[operand], region.firstLane * this.#lane(operand));
    }
    code.moveNumber(LANE, region.firstLane);
    if (blocks.tiles === region.tiles) {
      code.storeNumber(this.#tilesNow, region.tiles);
      return this.#innerBlocks(region, blocks.inner);
    }
    code.storeNumber(this.#tilesLeft, region.tiles);
    const begin = code.place(new Label());
    code.moveNumber(RAX, blocks.tiles);
    code.move(RCX, this.#tilesLeft);
    code.compare(RAX, RCX);
    code.moveIf('greater', RAX, RCX);
    code.store(this.#tilesNow, RAX);
    this.#innerBlocks(region, blocks.inner);
    const lanes = blocks.tiles * width;
    for (const operand of ['b', 'c', 'initial'] as const)
      advance(code, this.#blocks[operand], lanes * this.#lane(operand));
    if (blocks.inner !== inner) {
      advance(code, this.#blocks.a, -this.#innerBlockCount(blocks.inner) * blocks.inner * this.#kernel.a.inner);
      advance(code, this.#blocks.b, -this.#innerBlockCount(blocks.inner) * blocks.inner * this.#kernel.b.inner);
    }
    code.addNumber(LANE, lanes);
    code.addNumber(this.#tilesLeft, -blocks.tiles);
    code.jumpIf('greater', begin);
  }

  #innerBlockCount(block: number): number {
    return Math.ceil(this.#kernel.inner / block);
  }

  #innerBlocks(region: Region, block: number): void {
    const code = this.#code;
    const { inner, a, b } = this.#kernel;
    code.moveNumber(INNER, block);
    code.moveNumber(INNER_START, 0);
    if (block === inner) return this.#rows(region, false);
    const begin = code.place(new Label());
    code.moveNumber(INNER, block);
    code.moveNumber(RAX, inner);
    code.sub(RAX, INNER_START);
    code.compare(INNER, RAX);
    code.moveIf('greater', INNER, RAX);
    this.#rows(region, true);
    advance(code, this.#blocks.a, block * a.inner);
    advance(code, this.#blocks.b, block * b.inner);
    code.addNumber(INNER_START, block);
    code.compareNumber(INNER_START, inner);
    code.jumpIf('less', begin);
  }

  #rows(region: Region, isCut: boolean): void {
    const code = this.#code;
    const { rows, a, c, initial, part } = this.#kernel;
    code.move(A, this.#blocks.a);
    code.move(C_ROW, this.#blocks.c);
    if (initial !== undefined) code.move(INITIAL_ROW, this.#blocks.initial);
    if (part === 'row<=lane') code.moveNumber(ROW, 0);
    const tiles = (height: number) => {
      this.#tiles(region, height, isCut);
      advance(code, A, height * a.row);
      advance(code, C_ROW, height * c.row);
      if (initial !== undefined) advance(code, INITIAL_ROW, height * initial.row);
      if (part === 'row<=lane') code.addNumber(ROW, height);
    };
    const whole = Math.floor(rows / region.rows);
    code.storeNumber(this.#rowTilesLeft, whole);
    if (whole === 1) tiles(region.rows);
    else emitCountdown(code, this.#rowTilesLeft, () => tiles(region.rows));
    if (rows % region.rows !== 0) tiles(rows % region.rows);
  }

  /** Tiles of some rows, beside each other. */
  #tiles(region: Region, height: number, isCut: boolean): void {
    const code = this.#code;
    const { initial, part } = this.#kernel;
    const width = region.lanes * region.vectors;
    code.move(B, this.#blocks.b);
    code.move(C, C_ROW);
    if (initial !== undefined) code.move(INITIAL, INITIAL_ROW);
    const tile = () => {
      const isLeftOut = new Label();
      if (part === 'row<=lane') {
        code.address(RAX, { base: LANE, displacement: width - 1 });
        code.compare(ROW, RAX);
        code.jumpIf('greater', isLeftOut);
      }
      this.#tile(region, height, isCut);
      code.place(isLeftOut);
    };
    if (region.tiles === 1) return tile();
    code.move(TILES_LEFT, this.#tilesNow);
    const isCounting = part !== undefined;
    emitCountdown(code, TILES_LEFT, () => {
      tile();
      advance(code, B, width);
      advance(code, C, width);
      if (initial?.lane === 1) advance(code, INITIAL, width);
      if (isCounting) code.addNumber(LANE, width);
    });
    if (!isCounting) return;
    code.multiply(RAX, this.#tilesNow, width);
    code.sub(LANE, RAX);
  }

  #tile(region: Region, height: number, isCut: boolean): void {
    const code = this.#code;
    const { scale, c, inner } = this.#kernel;
    const { lanes, vectors } = region;
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
      this.#begin(region, height);
      code.place(isBegun);
    } else this.#begin(region, height);
    this.#sum(region, height, isCut);
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
  #begin({ lanes, vectors }: Region, height: number): void {
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

  #prefetchA(height: number, step: number): void {
    const { a } = this.#kernel;
    if (a.inner === 1)
      for (let row = step; row < height; row += UNROLLED)
        this.#code.prefetch({ base: A_NOW, displacement: bytesOf((height + row) * a.row) });
    else if (a.row === 1) this.#code.prefetch({ base: A_NOW, displacement: bytesOf(2 * height - 1 + step * a.inner) });
  }

  #prefetchC(region: Region, height: number): void {
    const { c } = this.#kernel;
    const width = region.lanes * region.vectors;
    const [rows, lanes] = region.tiles >= 8 ? [0, width] : [height, 0];
    for (let row = 0; row < height; row++)
      for (let lane = 0; lane < width; lane += 16)
        this.#code.prefetchToWrite({ base: C, displacement: bytesOf((rows + row) * c.row + lanes + lane) });
  }

  #sum(region: Region, height: number, isCut: boolean): void {
    const code = this.#code;
    const { inner, part, a, b } = this.#kernel;
    if (part === undefined) this.#prefetchC(region, height);
    code.move(A_NOW, A);
    code.move(B_NOW, B);
    const isVarying = isCut || part === 'inner<=lane' || part === 'inner>=lane';
    if (isVarying) code.move(LEFT, INNER);
    const isNothing = new Label();
    if (part === 'inner<=lane') {
      // up to the last lane: LEFT = min(INNER, LANE + width - INNER_START)
      const last = SPARE;
      code.address(last, { base: LANE, displacement: region.lanes * region.vectors });
      code.sub(last, INNER_START);
      code.compare(LEFT, last);
      code.moveIf('greater', LEFT, last);
    }
    if (part === 'inner>=lane') {
      // from the first lane on
      const isWhole = new Label();
      const skipped = SPARE;
      code.move(skipped, LANE);
      code.sub(skipped, INNER_START);
      code.jumpIf('less', isWhole);
      code.sub(LEFT, skipped);
      this.#advanceBy(A_NOW, skipped, a.inner);
      this.#advanceBy(B_NOW, skipped, b.inner);
      code.place(isWhole);
    }
    const steps = (count: number) => {
      for (let step = 0; step < count; step++) {
        if (count === UNROLLED && part === undefined) this.#prefetchA(height, step);
        this.#step(region, height, step);
      }
      advance(code, A_NOW, count * a.inner);
      advance(code, B_NOW, count * b.inner);
    };
    if (!isVarying) {
      const whole = Math.floor(inner / UNROLLED);
      if (whole > 0) {
        code.moveNumber(LEFT, whole);
        emitCountdown(code, LEFT, () => steps(UNROLLED));
      }
      return steps(inner % UNROLLED);
    }
    const isShort = new Label();
    code.addNumber(LEFT, -UNROLLED);
    code.jumpIf('less', isShort);
    const begin = code.place(new Label());
    steps(UNROLLED);
    code.addNumber(LEFT, -UNROLLED);
    code.jumpIf('greaterOrEqual', begin);
    code.place(isShort);
    code.addNumber(LEFT, UNROLLED);
    code.compareNumber(LEFT, 0);
    code.jumpIf('lessOrEqual', isNothing);
    emitCountdown(code, LEFT, () => steps(1));
    code.place(isNothing);
  }

  /** Moves a pointer by a number of strides. */
  #advanceBy(pointer: Register, count: Register, stride: number): void {
    this.#code.multiply(SPARE_TOO, count, bytesOf(stride));
    this.#code.add(pointer, SPARE_TOO);
  }

  /** One index of the inner dimension. */
  #step({ lanes, vectors }: Region, height: number, step: number): void {
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
      const isDirect = vectors === 1 && this.#target.registers === 32;
      if (!isDirect) code.unary('broadcast', lanes, firstFree, at);
      for (let vector = 0; vector < vectors; vector++) {
        const sum = row * vectors + vector;
        const first = firstFree + (isDirect ? 0 : 1);
        const product = first + (free++ % (this.#target.registers - first));
        if (isDirect) code.binary('mul', lanes, product, firstB + vector, at, true);
        else code.binary('mul', lanes, product, firstFree, firstB + vector);
        code.binary('add', lanes, sum, sum, product);
      }
    }
  }

  /** Of neighbouring lanes: 1 where they are neighbours in memory. */
  #lane(operand: 'a' | 'b' | 'c' | 'initial'): number {
    if (operand === 'a') return 0;
    return operand === 'initial' ? (this.#kernel.initial?.lane ?? 0) : 1;
  }
}

function bitsOf(value: number): number {
  const view = new DataView(new ArrayBuffer(ELEMENT));
  view.setFloat32(0, value);
  return view.getInt32(0);
}
