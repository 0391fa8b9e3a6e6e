/** Operators put together from others, for devices that have no kernel for them. */
import type { MatmulAttributes } from '../../graph/operation.ts';
import { Table } from '../../graph/table.ts';
import { cast, integers, scalar } from './model-parts.ts';
import type { OnnxModel } from './onnx-model.ts';

/** A product of rank 3 whose operands are transposed by copies first. */
export function composeFusedMatmul(model: OnnxModel, attributes: MatmulAttributes, [a, b]: readonly string[]): string {
  const { transA, batchA, transB, batchB, alpha } = attributes;
  const product = model.node('MatMul', [
    batchLeading(model, a!, transA, batchA),
    batchLeading(model, b!, transB, batchB),
  ]);
  return alpha === 1 ? product : model.node('Mul', [product, scalar(model, alpha)]);
}

/** An operand as MatMul reads it: batch, rows, columns. */
function batchLeading(model: OnnxModel, name: string, transposed: boolean, batch: MatmulAttributes['batchA']): string {
  const [batchAxis, firstAxis] = batch === 'inner' ? [1, 0] : [0, 1];
  const perm = transposed ? [batchAxis, 2, firstAxis] : [batchAxis, firstAxis, 2];
  return `${perm}` === '0,1,2' ? name : model.node('Transpose', [name], { perm: { ints: perm } });
}

/** x - max - log(sum(exp(x - max))) over the last axis. */
export function composeLogSoftmax(model: OnnxModel, name: string): string {
  const shifted = model.node('Sub', [
    name,
    model.node('ReduceMax', [name], { axes: { ints: [-1] }, keepdims: { int: 1 } }),
  ]);
  const sum = model.node('ReduceSum', [model.node('Exp', [shifted]), integers(model, [-1])], { keepdims: { int: 1 } });
  return model.node('Sub', [shifted, model.node('Log', [sum])]);
}

/** Compares every index with 0..depth-1. */
export function composeOneHot(model: OnnxModel, index: string, shape: readonly number[], depth: number): string {
  const column = model.node('Reshape', [index, integers(model, [...shape, 1])]);
  const counting = model.sharedConstant(`counting ${depth}`, Table.counting(depth, 'int32'), [depth]);
  return cast(model, model.node('Equal', [column, counting]), 'float32');
}

/** The lowest position of the row's maximum; float32 counts positions exactly up to 2^24. */
export function composeArgmax(model: OnnxModel, name: string, length: number): string {
  const largest = model.node('ReduceMax', [name], { axes: { ints: [-1] }, keepdims: { int: 1 } });
  const elsewhere = cast(model, model.node('Less', [name, largest]), 'float32');
  const counting = model.sharedConstant(`positions ${length}`, Table.counting(length, 'float32'), [length]);
  const candidates = model.node('Add', [counting, model.node('Mul', [elsewhere, scalar(model, length)])]);
  return cast(model, model.node('ReduceMin', [candidates], { axes: { ints: [-1] }, keepdims: { int: 0 } }), 'int32');
}
