/**
 * Groups nodes that one kernel computes: element-wise operators over the same elements, so that what they pass to each
 * other stays in registers, with a sum before them or without. Which nodes are grouped changes no number.
 */
import type { OperationNode, Value } from '../../../graph/operation.ts';
import { PHASES, type Phase } from '../language.ts';
import { isElementwise } from './elementwise.ts';
import { sameShape, type Structure } from './structure.ts';

export interface Group {
  phase: Phase;
  /** A node that has a kernel of its own, or whose result the element-wise ones go on with. */
  root: OperationNode | undefined;
  /** Element-wise nodes, in order; behind the root if there is one. */
  elementwise: OperationNode[];
}

/** What the element-wise nodes of a kernel may read and write: each takes a register for its address. */
const MOST_STREAMS = 11;

export class Groups {
  readonly list: Group[] = [];
  readonly #structure: Structure;
  readonly #inlined = new Set<OperationNode>();
  /** Index of the group that makes a value; of a view, that of what it is a view of. */
  readonly #madeBy = new Map<Value, number>();

  constructor(structure: Structure) {
    this.#structure = structure;
    for (const node of structure.nodes) if (this.#isInlinable(node)) this.#inlined.add(node);
    for (const phase of PHASES)
      for (const node of structure.nodes) if (structure.phases.of(node) === phase) this.#place(node, phase);
  }

  /** Whether a node is computed inside of the sum that reads it. */
  isInlined(node: OperationNode): boolean {
    return this.#inlined.has(node);
  }

  /** Element-wise, read by a sum alone, or by another such node over the same elements. */
  #isInlinable({ operation, output }: OperationNode): boolean {
    if (!isElementwise(operation) || this.#structure.additionOf(this.#structure.graph.producer(output))) return false;
    const reader = this.#structure.onlyReader(output);
    if (
      reader === undefined ||
      this.#structure.phases.of(reader) !== this.#structure.phases.of(this.#structure.graph.producer(output))
    )
      return false;
    return reader.operation.op === 'sum';
  }

  #place(node: OperationNode, phase: Phase): void {
    const structure = this.#structure;
    const { operation, inputs, output } = node;
    if (operation.op === 'input' || operation.op === 'constant') {
      if (structure.phases.summed.has(output)) this.list.push({ phase, root: node, elementwise: [] });
      return void this.#madeBy.set(output, -1);
    }
    if (this.#inlined.has(node) || structure.isAbsorbed(node)) return;
    if (structure.isView(node) && !structure.phases.summed.has(output))
      return void this.#madeBy.set(output, this.#madeBy.get(inputs[0]!) ?? -1);
    const fits = isElementwise(operation) && !structure.additionOf(node);
    const group = fits ? this.#groupFor(node, phase) : undefined;
    if (group !== undefined) {
      this.list[group]!.elementwise.push(node);
      this.#madeBy.set(output, group);
      return;
    }
    this.list.push({ phase, root: fits ? undefined : node, elementwise: fits ? [node] : [] });
    this.#madeBy.set(output, this.list.length - 1);
  }

  /** The last group that can compute a node, too: it is not earlier than what the node reads, and has to do with it. */
  #groupFor(node: OperationNode, phase: Phase): number | undefined {
    const earliest = Math.max(...node.inputs.map((input) => this.#madeBy.get(input) ?? -1));
    for (let index = this.list.length - 1; index >= Math.max(earliest, 0); index--) {
      const group = this.list[index]!;
      if (group.phase !== phase) return undefined;
      if (this.#joins(node, group, index)) return index;
    }
    return undefined;
  }

  #joins(node: OperationNode, group: Group, index: number): boolean {
    const own = new Set(membersOf(group));
    const direct = (input: Value) =>
      this.#madeBy.get(input) !== index || own.has(this.#structure.graph.producer(input));
    if (!node.inputs.every(direct)) return false;
    const [like] = [...group.elementwise, ...(group.root === undefined ? [] : [group.root])];
    if (!sameShape(like!.output, node.output) || !this.#sameOrder(like!, node)) return false;
    if (group.root !== undefined && !this.#goesOn(group.root)) return false;
    if (index < this.list.length - 1 && !sharesOperands(node, group)) return false;
    return this.#streams([...membersOf(group), node]) <= MOST_STREAMS;
  }

  #sameOrder(a: OperationNode, b: OperationNode): boolean {
    return `${this.#structure.orderOf(a.output)}` === `${this.#structure.orderOf(b.output)}`;
  }

  /** Whether element-wise nodes can follow in the same kernel: a sum whose lanes are not what is summed. */
  #goesOn({ operation, inputs, output }: OperationNode): boolean {
    if (operation.op !== 'sum' || this.#structure.phases.summed.has(output)) return false;
    return !operation.axes.includes(this.#structure.orderOf(inputs[0]!).at(-1)!);
  }

  /** How many values a kernel of these nodes reads and writes, at most. */
  #streams(nodes: readonly OperationNode[]): number {
    const made = new Set(nodes.map(({ output }) => output));
    return new Set(nodes.flatMap(({ inputs, output }) => [...inputs.filter((input) => !made.has(input)), output])).size;
  }
}

/** Whether a node reads what a group reads or makes: then it need not be loaded again. */
function sharesOperands(node: OperationNode, group: Group): boolean {
  const known = new Set(membersOf(group).flatMap(({ inputs, output }) => [...inputs, output]));
  return node.inputs.some((input) => known.has(input));
}

function membersOf({ root, elementwise }: Group): OperationNode[] {
  return root === undefined ? elementwise : [root, ...elementwise];
}
