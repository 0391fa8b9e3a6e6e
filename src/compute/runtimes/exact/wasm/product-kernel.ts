/**
 * A product kernel as a WebAssembly function: tiles of c whose sums stay in registers while the inner index runs.
 * Where b is large the inner index runs in blocks, for all rows, so that a block of b stays in the cache; c holds the
 * sums of the blocks so far, which are exact floats.
 */
import type { ProductKernel } from '../language.ts';
import { inBatch } from './batch.ts';
import { FunctionWriter, type Local } from './function-writer.ts';
import type { WasmFunction } from './module.ts';

const BYTES = 4;
const LANES = 4;
const VECTOR_BYTES = LANES * BYTES;

/**
 * A tile: its sums, a row of b, a factor and a product are 12 of the 15 registers that V8 uses on x86-64. One inner
 * index is taken at a time: V8 before Node 24 moves instructions of several into each other, and runs out of registers.
 */
const ROWS = 4;
const VECTORS = 2;
/** Of b that may be read again and again for all rows, and how many inner indices are worth a block. */
const BLOCK_BYTES = 24 * 1024;
const LEAST_BLOCK = 32;

export function productFunction(kernel: ProductKernel): WasmFunction {
  return new ProductWriter(kernel).done();
}

/** Where the operands begin for one index of the batch, or for a tile. */
interface Operands {
  a: Local;
  b: Local;
  c: Local;
  initial: Local | undefined;
}

/** A range of the inner index, for all of c. */
interface Block {
  first: number;
  end: number;
}

/** A tile of c. */
interface Tile extends Operands {
  rows: number;
  /** Lanes of each vector of a row. */
  widths: readonly number[];
  /** The number of its first lane: what a part is cut by. */
  firstLane: Local;
}

class ProductWriter {
  readonly #writer = new FunctionWriter(1);
  readonly #kernel: ProductKernel;

  constructor(kernel: ProductKernel) {
    this.#kernel = kernel;
    const { a, b, c, initial, batch } = kernel;
    inBatch(this.#writer, batch, [a, b, c, ...(initial ? [initial] : [])], ([a, b, c, initial]) =>
      this.#blocks({ a: a!, b: b!, c: c!, initial }),
    );
  }

  done(): WasmFunction {
    return this.#writer.done();
  }

  #blocks(operands: Operands): void {
    const { inner, lanes, part } = this.#kernel;
    const whole = part?.startsWith('inner') || inner * lanes * BYTES <= BLOCK_BYTES;
    const size = whole ? inner : Math.max(LEAST_BLOCK, Math.floor(BLOCK_BYTES / (lanes * BYTES)));
    for (let first = 0; first < inner; first += size)
      this.#rows(operands, { first, end: Math.min(inner, first + size) });
  }

  #rows(operands: Operands, block: Block): void {
    const writer = this.#writer;
    const { rows, a, c, initial } = this.#kernel;
    const moving = { a: writer.get(operands.a).keep('i32'), c: writer.get(operands.c).keep('i32') };
    const begin = operands.initial === undefined ? undefined : writer.get(operands.initial).keep('i32');
    const tiles = { ...operands, ...moving, initial: begin };
    const firstRow = writer.integer(0).keep('i32');
    writer.times(Math.floor(rows / ROWS), () => {
      this.#lanes(tiles, ROWS, firstRow, block);
      writer
        .advance(moving.a, ROWS * a.row * BYTES)
        .advance(moving.c, ROWS * c.row * BYTES)
        .advance(firstRow, ROWS);
      if (begin !== undefined) writer.advance(begin, ROWS * initial!.row * BYTES);
    });
    if (rows % ROWS > 0) this.#lanes(tiles, rows % ROWS, firstRow, block);
  }

  #lanes(operands: Operands, rows: number, firstRow: Local, block: Block): void {
    const writer = this.#writer;
    const { lanes, part } = this.#kernel;
    const together = VECTORS * LANES;
    const whole = Math.floor(lanes / together) * together;
    const firstLane = writer.integer(0).keep('i32');
    // Tiles whose last lane is before the first row are not needed.
    if (part === 'row<=lane')
      writer.get(firstRow).integer(together).integers('div').integer(together).integers('mul').set(firstLane);
    const moving = {
      b: writer.indexed(operands.b, firstLane, BYTES).keep('i32'),
      c: writer.indexed(operands.c, firstLane, BYTES).keep('i32'),
    };
    const lane = this.#kernel.initial?.lane;
    const initial = operands.initial && writer.indexed(operands.initial, firstLane, lane! * BYTES).keep('i32');
    const tile = { ...operands, ...moving, initial, rows, firstLane };
    if (whole > 0)
      writer
        .get(firstLane)
        .integer(whole)
        .integers('less')
        .when(() =>
          writer.loop(() => {
            this.#tile({ ...tile, widths: Array.from({ length: VECTORS }, () => LANES) }, block);
            writer.advance(moving.b, together * BYTES).advance(moving.c, together * BYTES);
            if (initial !== undefined) writer.advance(initial, lane! * together * BYTES);
            writer.moved(firstLane, together).tee(firstLane).integer(whole).integers('less');
          }),
        );
    const rest = lanes - whole;
    const widths = Array.from({ length: Math.ceil(rest / LANES) }, (_, at) => Math.min(LANES, rest - at * LANES));
    // A tile behind the last lane is not there: its rows are all behind it, too.
    if (rest > 0)
      writer
        .get(firstLane)
        .integer(lanes)
        .integers('less')
        .when(() => this.#tile({ ...tile, widths }, block));
  }

  #tile(tile: Tile, block: Block): void {
    const writer = this.#writer;
    const { inner, c, scale } = this.#kernel;
    const sums = this.#begin(tile, block);
    this.#terms(tile, block, sums);
    const factor = scale === 1 || block.end < inner ? undefined : writer.splat(bitsOf(scale)).keep('v128');
    sums.forEach((row, at) =>
      row.forEach((sum, vector) => {
        if (factor !== undefined) writer.get(factor).get(sum).vectors('mul').set(sum);
        writer.storeLanes(tile.c, at * c.row * BYTES + vector * VECTOR_BYTES, tile.widths[vector]!, sum);
      }),
    );
  }

  /** What the sums of a block begin with. */
  #begin({ rows, widths, c, initial }: Tile, block: Block): Local[][] {
    const writer = this.#writer;
    const kernel = this.#kernel;
    return Array.from({ length: rows }, (_, row) =>
      widths.map((width, vector) => {
        if (block.first > 0) writer.loadLanes(c, row * kernel.c.row * BYTES + vector * VECTOR_BYTES, width);
        else if (initial === undefined) writer.splat(0);
        else if (kernel.initial!.lane === 0) writer.get(initial).memory('loadSplat', row * kernel.initial!.row * BYTES);
        else writer.loadLanes(initial, row * kernel.initial!.row * BYTES + vector * VECTOR_BYTES, width);
        return writer.keep('v128');
      }),
    );
  }

  #terms(tile: Tile, { first, end }: Block, sums: readonly (readonly Local[])[]): void {
    const writer = this.#writer;
    const { part, a, b } = this.#kernel;
    const index = writer.integer(first).keep('i32');
    let behind = writer.integer(end).keep('i32');
    // Terms are left out that are +0 in every lane of the tile.
    if (part === 'inner>=lane') writer.atMost(tile.firstLane, end).set(index);
    if (part === 'inner<=lane') {
      const lanes = writer.moved(tile.firstLane, tile.widths.length * LANES).keep('i32');
      behind = writer.atMost(lanes, end).keep('i32');
    }
    const row = writer.indexed(tile.b, index, b.inner * BYTES).keep('i32');
    // A pointer for each row: V8 would hold the sum of every offset and the memory's address in a register.
    const factors = Array.from({ length: tile.rows }, (_, at) => {
      const begin = writer.moved(tile.a, at * a.row * BYTES).keep('i32');
      return writer.indexed(begin, index, a.inner * BYTES).keep('i32');
    });
    const goesOn = () => writer.get(index).get(behind).integers('less');
    goesOn().when(() =>
      writer.loop(() => {
        this.#term(tile.widths, factors, row, sums);
        for (const factor of factors) writer.advance(factor, a.inner * BYTES);
        writer.advance(row, b.inner * BYTES).advance(index, 1);
        goesOn();
      }),
    );
  }

  /** Adds the products of one inner index. */
  #term(widths: readonly number[], a: readonly Local[], b: Local, sums: readonly (readonly Local[])[]): void {
    const writer = this.#writer;
    const vectors = widths.map((width, at) => writer.loadLanes(b, at * VECTOR_BYTES, width).keep('v128'));
    a.forEach((pointer, row) => {
      const factor = writer.get(pointer).memory('loadSplat', 0).keep('v128');
      vectors.forEach((vector, at) => {
        const sum = sums[row]![at]!;
        writer.get(sum).get(factor).get(vector).vectors('mul').vectors('add').set(sum);
      });
    });
  }
}

function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]!;
}
