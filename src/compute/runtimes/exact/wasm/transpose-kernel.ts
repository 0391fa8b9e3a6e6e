/** A transpose kernel as a WebAssembly function: blocks of 4 x 4, and what is left at the edges. */
import type { TransposeKernel } from '../language.ts';
import { FunctionWriter, type Local } from './function-writer.ts';
import { inBatch } from './batch.ts';
import type { WasmFunction } from './module.ts';

const BYTES = 4;
const SIDE = 4;

export function transposeFunction({ batch, rows, columns, source, target }: TransposeKernel): WasmFunction {
  const writer = new FunctionWriter(1);
  inBatch(writer, batch, [source, target], ([from, to]) => {
    blocks(
      writer,
      rows,
      [
        { local: from!, bytes: source.row * BYTES },
        { local: to!, bytes: BYTES },
      ],
      (height, [row, target0]) => {
        const moves = [
          { local: row!, bytes: BYTES },
          { local: target0!, bytes: target.column * BYTES },
        ];
        blocks(writer, columns, moves, (width, [read, write]) => {
          const vectors = Array.from({ length: height }, (_, at) =>
            writer.loadLanes(read!, at * source.row * BYTES, width).keep('v128'),
          );
          transposed(writer, vectors, width).forEach((vector, at) =>
            writer.storeLanes(write!, at * target.column * BYTES, height, vector),
          );
        });
      },
    );
  });
  return writer.done();
}

/** Something that moves along rows or columns. */
interface Moving {
  local: Local;
  /** From one row or column to the next. */
  bytes: number;
}

/** Writes a loop over whole blocks, and then what is left. @param body is given how many rows or columns there are */
function blocks(
  writer: FunctionWriter,
  extent: number,
  moving: readonly Moving[],
  body: (size: number, locals: readonly Local[]) => void,
): void {
  const locals = moving.map(({ local }) => writer.get(local).keep('i32'));
  const times = Math.floor(extent / SIDE);
  writer.times(times, () => {
    body(SIDE, locals);
    moving.forEach(({ bytes }, index) => writer.advance(locals[index]!, bytes * SIDE));
  });
  if (extent % SIDE > 0) body(extent % SIDE, locals);
}

/** Up to four columns of up to four rows. */
function transposed(writer: FunctionWriter, rows: readonly Local[], columns: number): Local[] {
  const shuffled = (a: Local, b: Local, lanes: readonly [number, number, number, number]) =>
    writer.get(a).get(b).shuffle(lanes).keep('v128');
  // Rows that are not there may be any: what comes of them is not stored.
  const [a, b, c, d] = Array.from({ length: SIDE }, (_, at) => rows[at] ?? rows[0]!) as [Local, Local, Local, Local];
  const [low, lowest] = [
    [0, 4, 1, 5],
    [0, 1, 4, 5],
  ] as const;
  const [high, highest] = [
    [2, 6, 3, 7],
    [2, 3, 6, 7],
  ] as const;
  const [firstTwo, lastTwo] = [shuffled(a, b, low), shuffled(c, d, low)];
  const all = [() => shuffled(firstTwo, lastTwo, lowest), () => shuffled(firstTwo, lastTwo, highest)];
  if (columns > 2) {
    const [firstRest, lastRest] = [shuffled(a, b, high), shuffled(c, d, high)];
    all.push(
      () => shuffled(firstRest, lastRest, lowest),
      () => shuffled(firstRest, lastRest, highest),
    );
  }
  return all.slice(0, columns).map((make) => make());
}
