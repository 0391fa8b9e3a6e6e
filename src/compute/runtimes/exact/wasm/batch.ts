/** The loops around a product or a transpose. */
import type { FunctionWriter, Local } from './function-writer.ts';

const BYTES = 4;

/** What moves with the loops of a batch. */
interface Operand {
  slot: number;
  batch: readonly number[];
}

/**
 * Writes the loops of a batch. @param body is given where each operand begins for one index of the batch; it leaves
 * these locals as they are
 */
export function inBatch(
  writer: FunctionWriter,
  batch: readonly number[],
  operands: readonly Operand[],
  body: (locals: readonly Local[]) => void,
): void {
  const write = (loop: number, outside: readonly Local[]): void => {
    const extent = batch[loop];
    if (extent === undefined) return body(outside);
    const inside = extent === 1 ? outside : outside.map((local) => writer.get(local).keep('i32'));
    writer.times(extent, () => {
      write(loop + 1, inside);
      if (extent > 1) operands.forEach((operand, at) => writer.advance(inside[at]!, operand.batch[loop]! * BYTES));
    });
  };
  write(
    0,
    operands.map(({ slot }) =>
      writer
        .get(0)
        .loadInteger(slot * BYTES)
        .keep('i32'),
    ),
  );
}
