/**
 * Lowers a graph to a program of the vector language: views instead of copies where strides can say it, element-wise
 * operators together, one kernel after the other. docs/exact-arithmetic.md states what is computed; nothing else that
 * is decided here changes a number.
 */
import type { Graph } from '../../../graph/graph.ts';
import type { OperationNode } from '../../../graph/operation.ts';
import type { Phase, Program } from '../language.ts';
import { emitMap } from './maps.ts';
import { Groups, type Group } from './groups.ts';
import { emitConcat, emitGather, emitPick, emitScatter, emitArgmax } from './lookups.ts';
import { ONE_PHASE, phasesOf } from './phases.ts';
import { emitProduct } from './products.ts';
import { emitCausalSoftmax, emitLogSoftmax } from './softmax.ts';
import { Structure } from './structure.ts';
import { emitSum } from './sums.ts';
import { Values } from './values.ts';

/**
 * @param advancing names of the inputs of which each repetition has its own part; then every output is summed over the
 *   repetitions. Without it the program has one repetition.
 */
export function lowerGraph(graph: Graph, advancing?: ReadonlySet<string>): Program {
  const structure = new Structure(graph, advancing === undefined ? ONE_PHASE : phasesOf(graph, advancing));
  const groups = new Groups(structure);
  const values = new Values(structure, advancing ?? new Set());
  for (const group of groups.list) emitGroup(values, groups, group);
  values.writeOutputs(advancing === undefined ? 'each' : 'after');
  return values.emitter.program();
}

function emitGroup(values: Values, groups: Groups, { phase, root, elementwise }: Group): void {
  if (root === undefined) emitMap(values, phase, elementwise);
  else if (root.operation.op === 'sum') emitSum(values, groups, phase, root, elementwise);
  else emitNode(values, phase, root);
}

function emitNode(values: Values, phase: Phase, node: OperationNode): void {
  switch (node.operation.op) {
    case 'matmul':
    case 'mixValues':
    case 'add':
      return emitProduct(values, phase, node);
    case 'input':
      return values.addToSum(phase, node.output);
    case 'causalSoftmax':
      return emitCausalSoftmax(values, phase, node);
    case 'logSoftmax':
      return emitLogSoftmax(values, phase, node);
    case 'reshape':
    case 'transpose':
    case 'slice':
    case 'expand':
      if (!values.structure.isView(node)) values.emitCopy(phase, node);
      return values.addToSum(phase, node.output);
    case 'concat':
      return emitConcat(values, phase, node);
    case 'gatherRows':
      return emitGather(values, phase, node);
    case 'scatterAddRows':
      return emitScatter(values, phase, node);
    case 'pick':
      return emitPick(values, phase, node);
    case 'argmax':
      return emitArgmax(values, phase, node);
    default:
      throw new Error(`The exact engine has no kernel for ${node.operation.op}.`);
  }
}
