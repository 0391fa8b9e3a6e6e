/** Kernels of matrix products, with the addition that begins their sum if there is one. */
import { MIX_VALUES, type MatmulAttributes, type OperationNode, type Value } from '../../../graph/operation.ts';
import type { Phase, ProductKernel } from '../language.ts';
import type { Structure } from './structure.ts';
import { place, type Values } from './values.ts';
import type { View } from './view.ts';

/** A factor of a product: which of its axes are the batch, the rows and the columns as the product sees them. */
interface Factor {
  value: Value;
  batch: number | undefined;
  row: number;
  column: number;
}

export function emitProduct(values: Values, phase: Phase, node: OperationNode): void {
  const { structure } = values;
  const addition = structure.additionOf(node);
  const product = addition?.product ?? node;
  const { output } = node;
  const attributes = attributesOf(product);
  const [a, b] = product.inputs as [Value, Value];
  const [left, right] = [
    factorOf(a, attributes.transA, attributes.batchA),
    factorOf(b, attributes.transB, attributes.batchB),
  ];
  const rank = output.shape.length;
  const [rowAxis, columnAxis] = [rank - 2, rank - 1];
  // The lanes are the innermost axis of the result; if those are its rows, the transposed product is computed.
  const isSwapped = structure.orderOf(output).at(-1) === rowAxis && output.shape[columnAxis] !== 1;
  const [scalars, vectors] = isSwapped ? [turned(right), turned(left)] : [left, right];
  const [rows, lanes] = isSwapped ? [columnAxis, rowAxis] : [rowAxis, columnAxis];

  const target = targetOf(values, output, rows);
  const from = values.view(scalars.value, phase);
  const across = values.withNeighbours(vectors.value, phase, vectors.column);
  const base = addition && values.operand(addition.base, phase, output.shape, lanes);
  const initial = target.adds ? target.view : base;
  const batched = rank === 3;
  const along = (view: View, axis: number | undefined) =>
    batched ? [axis === undefined ? 0 : view.strides[axis]!] : [];
  const scale = Math.fround(attributes.alpha);
  // Terms of +0 that are left out would turn a base of -0 into +0.
  const visible = partOf(structure, output, { scalars, vectors, rows, lanes });
  const part = base !== undefined && visible !== 'row<=lane' ? undefined : visible;
  const kernel: ProductKernel = {
    kind: 'product',
    batch: batched ? [output.shape[0]!] : [],
    rows: output.shape[rows]!,
    inner: vectors.value.shape[vectors.row]!,
    lanes: output.shape[lanes]!,
    a: {
      slot: 0,
      batch: along(from, scalars.batch),
      row: from.strides[scalars.row]!,
      inner: from.strides[scalars.column]!,
    },
    b: { slot: 1, batch: along(across, vectors.batch), inner: across.strides[vectors.row]! },
    c: { slot: 2, batch: along(target.view, 0), row: target.view.strides[rows]! },
    ...(initial && {
      initial: {
        slot: target.adds ? 2 : 3,
        batch: along(initial, 0),
        row: initial.strides[rows]!,
        lane: initial.strides[lanes] === 1 ? (1 as const) : (0 as const),
      },
    }),
    scale: target.adds ? 1 : scale,
    ...(part && { part }),
  };
  const places = [from, across, target.view, ...(base === undefined ? [] : [base])].map(place);
  values.emitter.call(phase, kernel, places);
  if (!target.adds) values.addToSum(phase, output);
  else if (scale !== 1) values.scaleSum(output, scale);
}

function attributesOf({ operation }: OperationNode): MatmulAttributes {
  if (operation.op === 'mixValues') return MIX_VALUES;
  if (operation.op !== 'matmul') throw new Error(`${operation.op} is no product.`);
  return operation;
}

function factorOf(value: Value, isTransposed: boolean, batch: MatmulAttributes['batchA']): Factor {
  const axes =
    value.shape.length === 2
      ? { value, batch: undefined, row: 0, column: 1 }
      : { value, batch: batch === 'inner' ? 1 : 0, row: batch === 'inner' ? 0 : 1, column: 2 };
  return isTransposed ? turned(axes) : axes;
}

function turned({ value, batch, row, column }: Factor): Factor {
  return { value, batch, row: column, column: row };
}

/** Where the result goes: to the sum over the repetitions, if nothing else needs it; its own sum goes on with that. */
function targetOf(values: Values, output: Value, rows: number): { view: View; adds: boolean } {
  const sum = values.sumOf(output);
  const isRowMajor = rows === output.shape.length - 2;
  if (sum !== undefined && isRowMajor && !values.isRead(output)) return { view: sum, adds: true };
  return { view: values.allocate(output), adds: false };
}

/** What a causal mask leaves of a product: of its result, or of the terms of its sums. */
function partOf(
  structure: Structure,
  output: Value,
  { scalars, vectors, rows, lanes }: { scalars: Factor; vectors: Factor; rows: number; lanes: number },
): ProductKernel['part'] {
  // Elements [.., q, k] with k > q are hidden.
  const [query, key] = [output.shape.length - 2, output.shape.length - 1];
  if (structure.isHalfNeeded(output) && output.shape[query] === output.shape[key])
    return lanes === query && rows === key ? 'row<=lane' : undefined;
  if (!structure.isTriangular(vectors.value) || scalars.value === vectors.value) return undefined;
  const last = vectors.value.shape.length - 1;
  if (vectors.batch === last - 1) return undefined; // the mask is of other axes than the sum and the lanes
  return vectors.row === last ? 'inner<=lane' : 'inner>=lane';
}
