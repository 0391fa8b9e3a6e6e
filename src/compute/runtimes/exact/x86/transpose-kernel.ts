/** The code of a transpose: blocks of eight by eight numbers in registers, what is left one by one. */
import type { TransposeKernel } from '../language.ts';
import { type Encoder, type Memory, R8, R9, R10, R11, RAX, RDI, type Register, RDX, RSI } from './encoder.ts';
import { advance, bytesOf, emitCountdown, emitLoops, Frame, type KernelCode } from './kernel-code.ts';

/** Of the row of blocks, and of the block. */
const [SOURCE_ROW, TARGET_ROW, SOURCE, TARGET] = [RSI, RDX, R8, R9];
const [ROWS_LEFT, COLUMNS_LEFT] = [R10, R11];
const SIDE = 8;

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
        if (height === SIDE && width === SIDE) emitSquare(code, source.row, target.column);
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
    strips(SIDE, Math.floor(rows / SIDE));
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

/** Pairs, then fours, then halves change places. */
function emitSquare(code: Encoder, sourceRow: number, targetColumn: number): void {
  const at = (base: Register, stride: number, index: number): Memory => ({
    base,
    displacement: bytesOf(stride * index),
  });
  for (let row = 0; row < SIDE; row++) code.unary('load', 8, row, at(SOURCE, sourceRow, row));
  for (let pair = 0; pair < 4; pair++) {
    code.binary('interleaveLow', 8, 8 + 2 * pair, 2 * pair, 2 * pair + 1);
    code.binary('interleaveHigh', 8, 9 + 2 * pair, 2 * pair, 2 * pair + 1);
  }
  // 8: a0 b0 a1 b1, 9: a2 b2 a3 b3, 10: c0 d0 c1 d1, and so on
  for (const four of [0, 4]) {
    const [low, high] = [8 + four, 9 + four];
    code.binaryWithByte('shuffle', 8, four, low, low + 2, 0x44);
    code.binaryWithByte('shuffle', 8, four + 1, low, low + 2, 0xee);
    code.binaryWithByte('shuffle', 8, four + 2, high, high + 2, 0x44);
    code.binaryWithByte('shuffle', 8, four + 3, high, high + 2, 0xee);
  }
  for (let column = 0; column < 4; column++) {
    code.binaryWithByte('halves', 8, 8 + column, column, column + 4, 0x20);
    code.binaryWithByte('halves', 8, 12 + column, column, column + 4, 0x31);
  }
  for (let column = 0; column < SIDE; column++)
    code.storeVector('store', 8, at(TARGET, targetColumn, column), 8 + column);
}
