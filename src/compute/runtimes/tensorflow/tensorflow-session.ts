/**
 * Executes a graph operator by operator. Inputs are uploaded in each run, constants once. Every other tensor is freed
 * right after its last use, which is known from the graph, so that as few as possible exist at one time.
 */
import type { Graph } from '../../graph/graph.ts';
import type { OperationNode, Value } from '../../graph/operation.ts';
import { elementCount } from '../../../base/element-count.ts';
import { yieldToEventLoop } from '../event-loop.ts';
import type { GraphSession, TensorData } from '../runtime.ts';
import { compute } from './operators.ts';
import { SessionConstants } from './session-constants.ts';
import { activate, type Tensor, type TensorflowBackend } from './tensorflow-backend.ts';

/** A node, and what is to be done once it is computed. */
interface PlannedNode {
  node: OperationNode;
  /** Names of the outputs that it computes: read at once. */
  outputs: readonly string[];
  /** Ids of the values of which this is the last use. */
  freed: readonly number[];
}

export class TensorflowSession implements GraphSession {
  readonly #graph: Graph;
  readonly #backend: TensorflowBackend;
  readonly #constants: SessionConstants;
  readonly #nodes: readonly PlannedNode[];
  readonly #feeds = new Map<string, TensorData>();
  readonly #fetches = new Map<string, TensorData>();
  #released = false;

  constructor(graph: Graph, backend: TensorflowBackend) {
    this.#graph = graph;
    this.#backend = backend;
    this.#constants = new SessionConstants(backend.tf);
    this.#nodes = planNodes(graph);
  }

  feed(name: string, data: TensorData): void {
    const value = this.#graph.inputs.get(name);
    if (value === undefined) throw new Error(`The graph has no input ${name}.`);
    assertFits(`input ${name}`, value, data);
    this.#feeds.set(name, data);
  }

  fetch(name: string, data: TensorData): void {
    const value = this.#graph.outputs.get(name);
    if (value === undefined) throw new Error(`The graph has no output ${name}.`);
    assertFits(`output ${name}`, value, data);
    this.#fetches.set(name, data);
  }

  async run(): Promise<Record<string, TensorData>> {
    await yieldToEventLoop();
    if (this.#released) throw new Error('The session was released.');
    await activate(this.#backend);
    const results: Record<string, TensorData> = {};
    const live = new Map<number, Tensor>();
    try {
      for (const { node, outputs, freed } of this.#nodes) {
        const tensor = this.#tensor(node, live);
        for (const name of outputs) results[name] = this.#read(name, tensor);
        for (const id of freed) {
          live.get(id)!.dispose();
          live.delete(id);
        }
      }
    } finally {
      for (const tensor of live.values()) tensor.dispose();
    }
    return results;
  }

  release(): Promise<void> {
    this.#released = true;
    this.#constants.dispose();
    return Promise.resolve();
  }

  /** The value of a node. Unless it is a constant, it is kept until its last use. */
  #tensor(node: OperationNode, live: Map<number, Tensor>): Tensor {
    const { operation, output } = node;
    if (operation.op === 'constant') return this.#constants.ofGraph(output, operation.table);
    const tensor = operation.op === 'input' ? this.#upload(operation.name, output) : this.#compute(node, live);
    live.set(output.id, tensor);
    return tensor;
  }

  #upload(name: string, { shape, dtype }: Value): Tensor {
    const data = this.#feeds.get(name);
    if (data === undefined) throw new Error(`The input ${name} was not fed.`);
    return this.#backend.tf.tensor(data, [...shape], dtype);
  }

  #compute(node: OperationNode, live: Map<number, Tensor>): Tensor {
    const { tf } = this.#backend;
    const operands = node.inputs.map((value) => live.get(value.id) ?? this.#tensor(this.#graph.producer(value), live));
    return tf.tidy(() => compute(tf, this.#constants, node, operands));
  }

  /** A copy always: the backend may give its own memory, which can be that of an input. */
  #read(name: string, tensor: Tensor): TensorData {
    const data = tensor.dataSync<'float32' | 'int32'>() as TensorData;
    const bound = this.#fetches.get(name);
    if (bound === undefined) return data.slice();
    bound.set(data);
    return bound;
  }
}

/** The nodes that the outputs need, in order, each with what it is the last to use. Constants outlive every run. */
function planNodes(graph: Graph): PlannedNode[] {
  const nodes = graph.reachable();
  const lastUses = new Map<number, number>();
  nodes.forEach(({ operation, inputs, output }, index) => {
    if (operation.op !== 'constant') lastUses.set(output.id, index);
    for (const { id } of inputs) if (lastUses.has(id)) lastUses.set(id, index);
  });
  const freed = nodes.map((): number[] => []);
  for (const [id, index] of lastUses) freed[index]!.push(id);
  const outputs = new Map<number, string[]>();
  for (const [name, { id }] of graph.outputs) outputs.set(id, [...(outputs.get(id) ?? []), name]);
  return nodes.map((node, index) => ({ node, outputs: outputs.get(node.output.id) ?? [], freed: freed[index]! }));
}

function assertFits(what: string, { shape, dtype }: Value, data: TensorData): void {
  const given = data instanceof Float32Array ? 'float32' : 'int32';
  if (given !== dtype || data.length !== elementCount(shape))
    throw new Error(
      `The ${what} is ${dtype} [${shape}] (${elementCount(shape)} elements), not ${data.length} elements of ${given}.`,
    );
}
