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

/** A tile: 16 registers hold its sums, one row of b and two temporary vectors. */
const ROWS = 4;
const VECTORS = 2;
/** How many inner indices one turn of the innermost loop takes. */
const UNROLLED = 4;
/** Of b that may be read again and again for all rows. */
const BLOCK_BYTES = 24 * 1024;

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
    const size = whole ? inner : Math.max(UNROLLED, Math.floor(BLOCK_BYTES / (lanes * BYTES * UNROLLED)) * UNROLLED);
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

  #terms(tile: Tile, block: Block, sums: readonly (readonly Local[])[]): void {
    const writer = this.#writer;
    const { part, a, b } = this.#kernel;
    if (part?.startsWith('inner')) return this.#partOfTerms(tile, block, sums);
    const count = block.end - block.first;
    const first = writer.moved(tile.a, block.first * a.inner * BYTES).keep('i32');
    const second = writer.moved(tile.b, block.first * b.inner * BYTES).keep('i32');
    writer.times(Math.floor(count / UNROLLED), () => {
      for (let turn = 0; turn < UNROLLED; turn++) this.#term(tile, first, second, turn, sums);
      writer.advance(first, UNROLLED * a.inner * BYTES).advance(second, UNROLLED * b.inner * BYTES);
    });
    for (let turn = 0; turn < count % UNROLLED; turn++) this.#term(tile, first, second, turn, sums);
  }

  /** Terms that are not left out for every lane of the tile. */
  #partOfTerms(tile: Tile, block: Block, sums: readonly (readonly Local[])[]): void {
    const writer = this.#writer;
    const { part, a, b } = this.#kernel;
    const index = writer.integer(0).keep('i32');
    let end = writer.integer(block.end).keep('i32');
    if (part === 'inner<=lane') {
      const behind = writer.moved(tile.firstLane, tile.widths.length * LANES).keep('i32');
      end = writer.atMost(behind, block.end).keep('i32');
    } else {
      writer.atMost(tile.firstLane, block.end).set(index);
    }
    const first = writer.indexed(tile.a, index, a.inner * BYTES).keep('i32');
    const second = writer.indexed(tile.b, index, b.inner * BYTES).keep('i32');
    for (const turns of [UNROLLED, 1]) {
      const goesOn = () =>
        writer
          .moved(index, turns - 1)
          .get(end)
          .integers('less');
      goesOn().when(() =>
        writer.loop(() => {
          for (let turn = 0; turn < turns; turn++) this.#term(tile, first, second, turn, sums);
          writer
            .advance(first, turns * a.inner * BYTES)
            .advance(second, turns * b.inner * BYTES)
            .advance(index, turns);
          goesOn();
        }),
      );
    }
  }

  /** Adds the products of one inner index: `turn` after where the pointers are. */
  #term({ rows, widths }: Tile, a: Local, b: Local, turn: number, sums: readonly (readonly Local[])[]): void {
    const writer = this.#writer;
    const kernel = this.#kernel;
    const vectors = widths.map((width, vector) =>
      writer.loadLanes(b, turn * kernel.b.inner * BYTES + vector * VECTOR_BYTES, width).keep('v128'),
    );
    for (let row = 0; row < rows; row++) {
      writer.get(a).memory('loadSplat', (row * kernel.a.row + turn * kernel.a.inner) * BYTES);
      const factor = writer.keep('v128');
      vectors.forEach((vector, at) => {
        const sum = sums[row]![at]!;
        writer.get(sum).get(factor).get(vector).vectors('mul').vectors('add').set(sum);
      });
    }
  }
}

function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]!;
}
