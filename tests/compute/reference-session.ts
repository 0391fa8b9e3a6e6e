/**
 * The smallest runtime: the float64 reference behind the interface that every engine has. It passes the same suite
 * (runtime-contract.ts), and is the one to start from when adding an engine (CONTRIBUTING.md).
 */
import type { Graph } from '../../src/compute/graph/graph.ts';
import type { Value } from '../../src/compute/graph/operation.ts';
import { elementCount } from '../../src/base/element-count.ts';
import { yieldToEventLoop } from '../../src/compute/runtimes/event-loop.ts';
import { evaluateReference } from '../../src/compute/runtimes/reference/reference-runtime.ts';
import {
  UnavailableTarget,
  type GraphSession,
  type Runtime,
  type TensorData,
} from '../../src/compute/runtimes/runtime.ts';

export const referenceRuntime: Runtime = {
  async open(graph, target) {
    const { device, precision } = target;
    if (device !== 'cpu' || precision !== 'float32')
      throw new UnavailableTarget(
        target,
        `The reference has no ${precision} on ${device}.`,
        'Use device cpu and precision float32.',
      );
    return new ReferenceSession(graph);
  },
};

class ReferenceSession implements GraphSession {
  readonly #graph: Graph;
  /** Held by reference: the owner of the memory changes it between runs. */
  readonly #feeds = new Map<string, TensorData>();
  readonly #fetches = new Map<string, TensorData>();
  #released = false;

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  feed(name: string, data: TensorData): void {
    const value = this.#graph.inputs.get(name);
    if (value === undefined) throw new Error(`The graph has no input ${name}.`);
    assertFits(name, value, data);
    this.#feeds.set(name, data);
  }

  fetch(name: string, data: TensorData): void {
    const value = this.#graph.outputs.get(name);
    if (value === undefined) throw new Error(`The graph has no output ${name}.`);
    assertFits(name, value, data);
    this.#fetches.set(name, data);
  }

  async run(): Promise<Record<string, TensorData>> {
    if (this.#released) throw new Error('The session was released.');
    await yieldToEventLoop(); // so that timers and messages are heard between runs
    const results = evaluateReference(this.#graph, Object.fromEntries(this.#feeds));
    return Object.fromEntries(
      [...this.#graph.outputs].map(([name, value]) => [name, this.#deliver(name, value, results[name]!)]),
    );
  }

  release(): Promise<void> {
    this.#released = true;
    return Promise.resolve();
  }

  /** Into the memory that the output is bound to, or into new memory: never the memory of an input. */
  #deliver(name: string, { dtype }: Value, numbers: Float64Array): TensorData {
    const data =
      this.#fetches.get(name) ??
      (dtype === 'float32' ? new Float32Array(numbers.length) : new Int32Array(numbers.length));
    data.set(numbers);
    return data;
  }
}

function assertFits(name: string, { shape, dtype }: Value, data: TensorData): void {
  const given = data instanceof Float32Array ? 'float32' : 'int32';
  if (given !== dtype || data.length !== elementCount(shape))
    throw new Error(`${name} is ${dtype} [${shape}], not ${data.length} elements of ${given}.`);
}
