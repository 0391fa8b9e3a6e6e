/** Counts a graph's floating-point operations, for speeds in FLOP/s and for estimates of a study's cost. */
import type { Graph } from './graph.ts';
import { elementCount } from '../../base/element-count.ts';

/**
 * Floating-point operations of the matrix products that the outputs depend on: 2 m n k each. Element-wise operators are
 * left out, as is usual; in a transformer they are a few per cent.
 */
export function countMatmulFlops(graph: Graph): number {
  let total = 0;
  for (const { operation, inputs, output } of graph.reachable()) {
    if (operation.op === 'mixValues') total += 2 * elementCount(output.shape) * output.shape.at(-1)!;
    if (operation.op !== 'matmul') continue;
    const { shape } = inputs[0]!;
    const rowAxis = shape.length === 3 && operation.batchA === 'leading' ? 1 : 0;
    const inner = operation.transA ? shape[rowAxis]! : shape.at(-1)!;
    total += 2 * elementCount(output.shape) * inner;
  }
  return total;
}
