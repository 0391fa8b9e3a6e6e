/**
 * Reverse-mode differentiation: extends a graph by the nodes that compute the gradients of a scalar.
 * Source: Griewank & Walther, Evaluating Derivatives (2008), ch. 3. Rules are in rules.ts, one per operator.
 */
import type { Graph } from '../graph/graph.ts';
import type { OperationNode, Value } from '../graph/operation.ts';
import { elementCount } from '../../base/element-count.ts';
import { GraphError } from '../graph/shape.ts';
import { GradientSums } from './gradient-sums.ts';
import { Recomputation } from './recomputation.ts';
import { differentiate } from './rules.ts';

/** A value, and the gradient of a scalar by it. */
export interface KnownGradient {
  value: Value;
  gradient: Value;
}

/**
 * Adds the gradients of `loss` to the graph.
 * @param loss a value with one element
 * @param variables what to differentiate by; each counts as given, also where it is computed from another one
 * @param kept values of the graph, in its order, between which all is computed again in the backward pass
 * @returns gradients in the order and with the shapes of `variables`
 * @throws GraphError if the loss is no scalar or does not depend on a variable
 */
export function gradients(
  graph: Graph,
  loss: Value,
  variables: readonly Value[],
  kept: readonly Value[] = [],
): Value[] {
  if (elementCount(loss.shape) !== 1) throw new GraphError(`Only a scalar has gradients here, not [${loss.shape}].`);
  const one = graph.constant(
    Float32Array.of(1),
    loss.shape.map(() => 1),
  );
  return gradientsFrom(graph, [{ value: loss, gradient: one }], variables, kept);
}

/**
 * The same of a scalar of which the gradients by some values are known, through which alone it depends on the
 * variables.
 * @param known nodes that were added after the last of these values play no part
 */
export function gradientsFrom(
  graph: Graph,
  known: readonly KnownGradient[],
  variables: readonly Value[],
  kept: readonly Value[] = [],
): Value[] {
  const dependent = dependents(graph, variables);
  const given = new Set(variables);
  const sums = new GradientSums(graph);
  const recomputation = new Recomputation(graph, { kept, variables }, (variable) => sums.total(variable));
  for (const { value, gradient } of known) sums.add(value, gradient);
  const last = Math.max(...known.map(({ value }) => value.id));

  for (const node of graph.nodes.slice(0, last + 1).reverse())
    if (dependent.has(node.output.id) && !given.has(node.output))
      graph.scope(backwardOf(node), () => propagate(graph, node, { sums, dependent, recomputation }));
  return variables.map((variable) => {
    const gradient = graph.scope(backwardOf(graph.producer(variable)), () => sums.total(variable));
    if (gradient === undefined) throw new GraphError('The loss does not depend on a variable.');
    return gradient;
  });
}

interface Backward {
  sums: GradientSums;
  /** Ids of values that have a gradient. */
  dependent: ReadonlySet<number>;
  recomputation: Recomputation;
}

/** Adds the gradients of a node's inputs, given that of its output. */
function propagate(graph: Graph, node: OperationNode, { sums, dependent, recomputation }: Backward): void {
  const upstream = sums.total(node.output);
  if (upstream === undefined) return;
  if (node.operation.op === 'slice') {
    sums.addSlice(node.inputs[0]!, { ...node.operation, gradient: upstream });
    return;
  }
  const needed = node.inputs.map((input) => dependent.has(input.id));
  for (const [index, gradient] of differentiate(graph, recomputation.node(node, upstream), upstream, needed).entries())
    if (gradient !== undefined && needed[index]) sums.add(node.inputs[index]!, gradient);
}

/** The scope of the gradients of a node: a parameter's own name, else what the node belongs to. */
function backwardOf({ operation, scope }: OperationNode): string {
  const place = operation.op === 'input' ? operation.name : scope;
  return place === '' ? 'backward' : `backward/${place}`;
}

/** Values that depend on any of the variables. */
function dependents(graph: Graph, variables: readonly Value[]): Set<number> {
  const found = new Set(variables.map((variable) => variable.id));
  for (const node of graph.nodes) if (node.inputs.some((input) => found.has(input.id))) found.add(node.output.id);
  return found;
}
