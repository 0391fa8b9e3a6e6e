/**
 * Views: where the elements of a value are. Reshaping, transposing, slicing and expanding change the view and move
 * nothing, where strides can say it.
 */
import { elementCount } from '../../../../base/element-count.ts';

export interface View {
  /** Index of the buffer. */
  buffer: number;
  offset: number;
  shape: readonly number[];
  /** By axis, in elements; 0 where the axis is broadcast or has length 1. */
  strides: readonly number[];
}

/** The axes of more than one element, from the outermost in memory to the innermost. */
export type Order = readonly number[];

/** A view of a whole buffer that holds the elements in an order of the axes. */
export function dense(buffer: number, shape: readonly number[], order: Order = rowMajor(shape)): View {
  const strides = shape.map(() => 0);
  let stride = 1;
  for (const axis of order.toReversed()) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return { buffer, offset: 0, shape, strides };
}

export function rowMajor(shape: readonly number[]): Order {
  return shape.flatMap((length, axis) => (length === 1 ? [] : [axis]));
}

/** How a view lies in memory: broadcast axes count as outermost. */
export function orderOf({ shape, strides }: View): Order {
  const far = (axis: number) => (strides[axis] === 0 ? Infinity : strides[axis]!);
  return rowMajor(shape).toSorted((a, b) => (far(a) === far(b) ? a - b : far(b) > far(a) ? 1 : -1));
}

/** Whether a view is all of a buffer in the order of its shape. */
export function isPlain({ offset, shape, strides }: View): boolean {
  return offset === 0 && `${strides}` === `${dense(0, shape).strides}`;
}

export function transposed(view: View, permutation: readonly number[]): View {
  return {
    ...view,
    shape: permutation.map((axis) => view.shape[axis]!),
    strides: permutation.map((axis) => view.strides[axis]!),
  };
}

export function sliced(view: View, axis: number, start: number, end: number): View {
  const single = end - start === 1;
  return {
    ...view,
    offset: view.offset + start * view.strides[axis]!,
    shape: view.shape.map((length, index) => (index === axis ? end - start : length)),
    strides: view.strides.map((stride, index) => (index === axis && single ? 0 : stride)),
  };
}

/** As an operand of a larger shape, as numpy broadcasts. */
export function expanded(view: View, shape: readonly number[]): View {
  const missing = shape.length - view.shape.length;
  return { ...view, shape, strides: shape.map((_, axis) => (axis < missing ? 0 : view.strides[axis - missing]!)) };
}

/** The same elements in another shape; undefined where no strides say that. */
export function reshaped(view: View, shape: readonly number[]): View | undefined {
  const from = rowMajor(view.shape);
  const strides = shape.map(() => 0);
  let next = 0;
  for (let axis = 0; axis < shape.length;) {
    if (shape[axis] === 1) {
      axis += 1;
      continue;
    }
    // The fewest axes on both sides that hold equally many elements.
    const [firstNew, firstOld] = [axis, next];
    let [sizeNew, sizeOld] = [shape[axis++]!, view.shape[from[next++]!]!];
    while (sizeNew !== sizeOld)
      if (sizeNew < sizeOld) sizeNew *= shape[axis++]!;
      else sizeOld *= view.shape[from[next++]!]!;
    const old = from.slice(firstOld, next);
    for (let index = 1; index < old.length; index++)
      if (view.strides[old[index - 1]!] !== view.strides[old[index]!]! * view.shape[old[index]!]!) return undefined;
    let stride = view.strides[old.at(-1)!]!;
    for (let index = axis - 1; index >= firstNew; index--) {
      if (shape[index] === 1) continue;
      strides[index] = stride;
      stride *= shape[index]!;
    }
  }
  return elementCount(shape) === elementCount(view.shape) ? { ...view, shape, strides } : undefined;
}
