/**
 * Finds additions that ONNX Runtime can do inside another node: a matrix product or a scattering of rows that starts
 * from the other operand instead of from zero. It saves a pass over the result, which for biases, residual connections
 * and sums of gradients is a good part of the element-wise work.
 */
import type { Graph } from '../../graph/graph.ts';
import type { OperationNode, Value } from '../../graph/operation.ts';

export interface FusedAdditions {
  /** By the id of an addition's value: the node that absorbs it, and what that node starts from. */
  readonly bases: ReadonlyMap<number, { into: OperationNode; base: Value }>;
  /** Ids of the values that are computed only as part of an addition. */
  readonly absorbed: ReadonlySet<number>;
}

/** @param fusible whether the runtime can start this node from another value */
export function findFusedAdditions(graph: Graph, fusible: (node: OperationNode) => boolean): FusedAdditions {
  const nodes = graph.reachable();
  const uses = new Map<number, number>();
  for (const value of [...nodes.flatMap(({ inputs }) => inputs), ...graph.outputs.values()])
    uses.set(value.id, (uses.get(value.id) ?? 0) + 1);

  const bases = new Map<number, { into: OperationNode; base: Value }>();
  const absorbed = new Set<number>();
  for (const { operation, inputs, output } of nodes) {
    if (operation.op !== 'add') continue;
    const [a, b] = inputs as [Value, Value];
    // The later operand: the earlier one is often needed elsewhere, and then it cannot be absorbed anyway.
    for (const [candidate, base] of a.id > b.id
      ? [[a, b] as const, [b, a] as const]
      : [[b, a] as const, [a, b] as const]) {
      const into = graph.producer(candidate);
      if (uses.get(candidate.id) !== 1 || !fusible(into) || `${candidate.shape}` !== `${output.shape}`) continue;
      if (into.operation.op === 'scatterAddRows' && `${base.shape}` !== `${output.shape}`) continue;
      bases.set(output.id, { into, base });
      absorbed.add(candidate.id);
      break;
    }
  }
  return { bases, absorbed };
}
