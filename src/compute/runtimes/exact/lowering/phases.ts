/**
 * Divides a graph that is run once per sequence, and whose outputs are summed over the sequences: what depends on no
 * sequence is computed once before, and what is linear in a gradient is computed once after, from its sum. So a norm's
 * gain is folded into a matrix once per training step, and the gradient of the folded matrix is taken apart once.
 */
import { elementCount } from '../../../../base/element-count.ts';
import type { Graph } from '../../../graph/graph.ts';
import type { OperationNode, Value } from '../../../graph/operation.ts';
import type { Phase } from '../language.ts';

export interface Phases {
  /** When a node is computed. */
  of(node: OperationNode): Phase;
  /** Values whose sum over the sequences is needed. */
  readonly summed: ReadonlySet<Value>;
}

/** A graph that is run once: everything is computed in the same phase, and nothing is summed. */
export const ONE_PHASE: Phases = { of: () => 'each', summed: new Set() };

/** @param advancing names of the inputs of which each sequence has its own */
export function phasesOf(graph: Graph, advancing: ReadonlySet<string>): Phases {
  const nodes = graph.reachable();
  const varying = new Set<Value>();
  const readers = new Map<Value, OperationNode[]>();
  for (const node of nodes) {
    const { operation, inputs, output } = node;
    if (operation.op === 'input' ? advancing.has(operation.name) : inputs.some((input) => varying.has(input)))
      varying.add(output);
    for (const input of inputs) readers.set(input, [...(readers.get(input) ?? []), node]);
  }
  const outputs = new Set(graph.outputs.values());
  const readersOf = (value: Value) => readers.get(value) ?? [];

  /** Nodes behind which everything is linear. */
  const linear = new Set<OperationNode>();
  const sumsUp = (value: Value) => readersOf(value).every((reader) => linear.has(reader));
  for (const node of nodes.toReversed())
    if (
      isLinear(node, varying) &&
      (outputs.has(node.output) || readersOf(node.output).length > 0) &&
      sumsUp(node.output)
    )
      linear.add(node);

  const elementsMadeOf = (value: Value) =>
    readersOf(value).reduce((sum, { output }) => sum + elementCount(output.shape), 0);
  const after = new Set<OperationNode>();
  for (const node of nodes) {
    if (!linear.has(node)) continue;
    const fits = (input: Value) =>
      sumsUp(input) &&
      // Summing what is larger than the results would take longer than computing the results for every sequence.
      (after.has(graph.producer(input)) || elementCount(input.shape) <= elementsMadeOf(input));
    if (node.inputs.every((input) => !varying.has(input) || fits(input))) after.add(node);
  }
  // What is needed for every sequence is computed for every sequence.
  for (const node of nodes.toReversed())
    if (readersOf(node.output).some((reader) => !after.has(reader))) after.delete(node);
  const summed = new Set<Value>();
  for (const { output } of nodes)
    if (
      varying.has(output) &&
      !after.has(graph.producer(output)) &&
      (outputs.has(output) || readersOf(output).some((reader) => after.has(reader)))
    )
      summed.add(output);
  return {
    of: (node) => (after.has(node) ? 'after' : varying.has(node.output) ? 'each' : 'before'),
    summed,
  };
}

/** Whether a node's sum over the sequences is what it makes of the sums of its operands. */
function isLinear({ operation, inputs }: OperationNode, varying: ReadonlySet<Value>): boolean {
  const varies = inputs.map((input) => varying.has(input));
  switch (operation.op) {
    case 'add':
    case 'sub':
    case 'concat':
      return varies.every(Boolean);
    case 'mul':
    case 'matmul':
    case 'mixValues':
      return varies[0] !== varies[1];
    case 'div':
      return varies[0]! && !varies[1];
    case 'affine':
      return varies[0]! && operation.offset === 0;
    case 'sum':
    case 'expand':
    case 'reshape':
    case 'transpose':
    case 'slice':
      return varies[0]!;
    default:
      return false;
  }
}
