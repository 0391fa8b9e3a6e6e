/**
 * A session on the CPU whose tensors view the caller's memory: inputs are read and outputs written where they are.
 * onnxruntime-node copies every output of every run into new memory instead, which for GPT-2's gradients costs a fifth
 * of a training step and half a gigabyte.
 */
import type { Graph } from '../../graph/graph.ts';
import type { Value } from '../../graph/operation.ts';
import { elementCount } from '../../../base/element-count.ts';
import { yieldToEventLoop } from '../event-loop.ts';
import type { GraphSession, TensorData } from '../runtime.ts';
import { addressOf, type OnnxLibrary } from './onnx-library.ts';

export class ViewingSession implements GraphSession {
  readonly #library: OnnxLibrary;
  readonly #session: bigint;
  readonly #declared: ReadonlyMap<string, Value>;
  readonly #inputs: Bindings;
  readonly #outputs: Bindings;
  readonly #fetched = new Set<string>();
  #released = false;

  /**
   * @param model the graph as an .onnx file
   * @param threads with more than one, the last bits may differ (onnx-library.ts); tests try several
   * @throws Error with the library's message if it refuses the model
   */
  constructor(
    library: OnnxLibrary,
    model: Uint8Array,
    graph: Graph,
    options: Readonly<Record<string, string>>,
    threads = 1,
  ) {
    this.#library = library;
    this.#session = library.createSession(model, options, threads);
    this.#declared = graph.inputs;
    // An input that no output needs is not in the model.
    const needed = new Set(graph.reachable().map(({ output }) => output));
    this.#inputs = new Bindings(library, new Map([...graph.inputs].filter(([, value]) => needed.has(value))));
    this.#outputs = new Bindings(library, graph.outputs);
  }

  feed(name: string, data: TensorData): void {
    this.#assertOpen();
    if (!this.#inputs.bind(name, data) && !this.#declared.has(name)) throw new Error(`The graph has no input ${name}.`);
  }

  fetch(name: string, data: TensorData): void {
    this.#assertOpen();
    if (!this.#outputs.bind(name, data)) throw new Error(`The graph has no output ${name}.`);
    this.#fetched.add(name);
  }

  async run(): Promise<Record<string, TensorData>> {
    await yieldToEventLoop();
    this.#assertOpen();
    const missing = this.#inputs.unbound()[0];
    if (missing !== undefined) throw new Error(`The input ${missing} was not fed.`);
    for (const [name, { shape, dtype }] of this.#outputs.values) {
      if (this.#fetched.has(name)) continue;
      const length = elementCount(shape);
      this.#outputs.bind(name, dtype === 'float32' ? new Float32Array(length) : new Int32Array(length));
    }
    this.#library.run(
      this.#session,
      this.#inputs.names,
      this.#inputs.tensors,
      this.#outputs.names,
      this.#outputs.tensors,
    );
    return this.#outputs.data();
  }

  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    this.#inputs.release();
    this.#outputs.release();
    this.#library.releaseSession(this.#session);
  }

  /** The library does not check this: using a released session would crash the process. */
  #assertOpen(): void {
    if (this.#released) throw new Error('The session was released.');
  }
}

/** Names and tensors of a session's inputs or outputs, as the arrays of pointers that a run takes. */
class Bindings {
  readonly values: ReadonlyMap<string, Value>;
  readonly names: BigUint64Array;
  readonly tensors: BigUint64Array;
  readonly #library: OnnxLibrary;
  readonly #order: string[];
  /** Keeps what the pointers point to from being collected. */
  readonly #texts: Uint8Array[];
  readonly #bound = new Map<string, TensorData>();

  constructor(library: OnnxLibrary, values: ReadonlyMap<string, Value>) {
    this.#library = library;
    this.values = values;
    this.#order = [...values.keys()];
    this.#texts = this.#order.map((name) => new TextEncoder().encode(`${name}\0`));
    this.names = BigUint64Array.from(this.#texts, addressOf);
    this.tensors = new BigUint64Array(this.#order.length);
  }

  /**
   * @returns false if there is no value of that name
   * @throws Error if the memory is not of its size; a run refuses another type
   */
  bind(name: string, data: TensorData): boolean {
    const value = this.values.get(name);
    if (value === undefined) return false;
    const length = elementCount(value.shape);
    if (data.length !== length)
      throw new Error(`${name} has ${length} elements of shape [${value.shape}], not ${data.length}.`);
    const index = this.#order.indexOf(name);
    const tensor = this.#library.createTensor(data, value.shape);
    this.#releaseTensor(index);
    this.tensors[index] = tensor;
    this.#bound.set(name, data);
    return true;
  }

  unbound(): string[] {
    return this.#order.filter((name) => !this.#bound.has(name));
  }

  data(): Record<string, TensorData> {
    return Object.fromEntries(this.#bound);
  }

  release(): void {
    this.#order.forEach((_, index) => this.#releaseTensor(index));
    this.#bound.clear();
  }

  #releaseTensor(index: number): void {
    if (this.tensors[index]) this.#library.releaseTensor(this.tensors[index]);
    this.tensors[index] = 0n;
  }
}
