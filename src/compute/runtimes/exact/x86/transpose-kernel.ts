/** The code of a transpose: blocks of eight by eight numbers in registers, what is left one by one. */
import type { TransposeKernel } from '../language.ts';
import { type Encoder, type Memory, R8, R9, R10, R11, RAX, RDI, type Register, RDX, RSI } from './encoder.ts';
import { advance, bytesOf, emitCountdown, emitLoops, Frame, type KernelCode } from './kernel-code.ts';

/** Of the row of blocks, and of the block. */
const [SOURCE_ROW, TARGET_ROW, SOURCE, TARGET] = [RSI, RDX, R8, R9];
const [ROWS_LEFT, COLUMNS_LEFT] = [R10, R11];
const SIDE = 8;
/** Numbers in a cache line: so many rows together fill those of the target at once. */
const LINE = 16;

export function emitTranspose({ code }: KernelCode, kernel: TransposeKernel): void {
  const { batch, source, target, rows, columns } = kernel;
  const frame = new Frame(code, 2 + batch.length);
  const operands = [
    { of: source, at: frame.slot() },
    { of: target, at: frame.slot() },
  ];
  for (const { of, at } of operands) {
    code.move(RAX, { base: RDI, displacement: 8 * of.slot });
    code.store(at, RAX);
  }
  const pointers = operands.map(({ of, at }) => ({ at, strides: of.batch }));
  const counters = batch.map(() => frame.slot());
  const [sourceBase, targetBase] = [operands[0]!.at, operands[1]!.at];
  /** All columns of some rows. */
  const strip = (height: number) => {
    code.move(SOURCE, SOURCE_ROW);
    code.move(TARGET, TARGET_ROW);
    const blocks = (width: number, count: number) =>
      repeat(code, COLUMNS_LEFT, count, () => {
        if (height >= SIDE && width === SIDE)
          for (let row = 0; row < height; row += SIDE) emitSquare(code, source.row, target.column, row);
        else emitSingles(code, kernel, height, width);
        advance(code, SOURCE, width);
        advance(code, TARGET, width * target.column);
      });
    blocks(SIDE, Math.floor(columns / SIDE));
    blocks(1, columns % SIDE);
  };
  const strips = (height: number, count: number) =>
    repeat(code, ROWS_LEFT, count, () => {
      strip(height);
      advance(code, SOURCE_ROW, height * source.row);
      advance(code, TARGET_ROW, height);
    });
  emitLoops(code, batch, counters, pointers, () => {
    code.move(SOURCE_ROW, sourceBase);
    code.move(TARGET_ROW, targetBase);
    strips(LINE, Math.floor(rows / LINE));
    strips(SIDE, Math.floor((rows % LINE) / SIDE));
    strips(1, rows % SIDE);
  });
  frame.leave();
}

function repeat(code: Encoder, counter: Register, count: number, inside: () => void): void {
  if (count === 0) return;
  if (count === 1) return inside();
  code.moveNumber(counter, count);
  emitCountdown(code, counter, inside);
}

function emitSingles(code: Encoder, { source, target }: TransposeKernel, height: number, width: number): void {
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      code.unary('loadOne', 1, 0, { base: SOURCE, displacement: bytesOf(row * source.row + column) });
      const to = { base: TARGET, displacement: bytesOf(column * target.column + row) };
      code.storeVector('storeOne', 1, to, 0);
    }
}

/**
 * Each register is loaded with four columns of a row, and with the same columns of the fourth row after it: then pairs
 * and twos change places inside of halves.
 */
function emitSquare(code: Encoder, sourceRow: number, targetColumn: number, first: number): void {
  for (const four of [0, 4]) {
    for (let row = 0; row < 4; row++) {
      const at = (row: number): Memory => ({ base: SOURCE, displacement: bytesOf(sourceRow * (first + row) + four) });
      code.unary('load', 4, row, at(row));
      code.binaryWithByte('insertFour', 8, row, row, at(row + 4), 1);
    }
    for (const pair of [0, 2]) {
      code.binary('interleaveLow', 8, 4 + pair, pair, pair + 1);
      code.binary('interleaveHigh', 8, 5 + pair, pair, pair + 1);
    }
    // 4: a0 b0 a1 b1, 5: a2 b2 a3 b3, 6: c0 d0 c1 d1, 7: c2 d2 c3 d3
    for (let column = 0; column < 4; column++) {
      const pair = 4 + (column >> 1);
      code.binaryWithByte('shuffle', 8, 8 + column, pair, pair + 2, column % 2 === 0 ? 0x44 : 0xee);
      const to = { base: TARGET, displacement: bytesOf(targetColumn * (four + column) + first) };
      code.storeVector('store', 8, to, 8 + column);
    }
  }
}
