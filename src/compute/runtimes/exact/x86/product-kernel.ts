/**
 * The code of a product: c = scale * (initial + a b). A tile of c stays in registers while the inner dimension is gone
 * through: numbers of a are broadcast to all lanes, those of b are vectors. Rows are outermost, tiles beside each other
 * inside of them, so that b is read again from a near cache.
 */
import type { ProductKernel } from '../language.ts';
import { Label } from './code-buffer.ts';
import { type Encoder, type Memory, R11, RAX, RBP, RCX, RDI } from './encoder.ts';
import { advance, copyNumber, emitCountdown, emitLoops, Frame, type KernelCode } from './kernel-code.ts';
import { A, B, C, emitTile, INITIAL, INNER, INNER_START, LANE, ROW } from './product-tile.ts';
import { blocksOf, type Region, regionsOf } from './product-tiles.ts';

/** Where the tile's rows of c and `initial` begin. */
const [C_ROW, INITIAL_ROW] = [RBP, RDI];
const TILES_LEFT = R11;

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
  readonly #tilesLeft: Memory;
  readonly #tilesNow: Memory;
  readonly #rowTilesLeft: Memory;

  constructor(target: KernelCode, kernel: ProductKernel) {
    this.#target = target;
    this.#code = target.code;
    this.#kernel = kernel;
    const frame = new Frame(target.code, 11 + kernel.batch.length);
    const pointers = () => ({ a: frame.slot(), b: frame.slot(), c: frame.slot(), initial: frame.slot() });
    this.#frame = frame;
    this.#bases = pointers();
    this.#blocks = pointers();
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
      emitTile(this.#target, this.#kernel, { ...region, height, isCut });
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

  /** Of neighbouring lanes: 1 where they are neighbours in memory. */
  #lane(operand: 'a' | 'b' | 'c' | 'initial'): number {
    if (operand === 'a') return 0;
    return operand === 'initial' ? (this.#kernel.initial?.lane ?? 0) : 1;
  }
}
