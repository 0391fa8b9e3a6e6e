/** Executes a graph with ONNX Runtime, on one of its devices. */
import type * as OnnxRuntime from 'onnxruntime-node';
import type { Graph } from '../../graph/graph.ts';
import type { Value } from '../../graph/operation.ts';
import type { ExecutionTarget, GraphSession, Runtime, TensorData } from '../runtime.ts';
import { dialectFor } from './dialect.ts';
import { lowerToOnnx } from './lowering.ts';
import { loadOnnxLibrary, type OnnxLibrary } from './onnx-library.ts';
import { openModel, Tensor } from './open-model.ts';
import { libraryEntries } from './session-options.ts';
import { ViewingSession } from './viewing-session.ts';

export const onnxRuntime: Runtime = {
  async open(graph: Graph, target: ExecutionTarget): Promise<GraphSession> {
    const library = target.device === 'cpu' && target.precision === 'float32' ? callableLibrary() : undefined;
    if (library === undefined) return packageRuntime.open(graph, target);
    return new ViewingSession(library, lowerToOnnx(graph), graph, libraryEntries());
  },
};

/** The same through onnxruntime-node's own interface: all devices, at the price of a copy of every output. */
export const packageRuntime: Runtime = {
  async open(graph, target) {
    return new PackageSession(await openModel(lowerToOnnx(graph, undefined, dialectFor(target)), target), graph);
  },
};

/** Undefined on a platform for which there is no FFI: the results are the same bits without it. */
function callableLibrary(): OnnxLibrary | undefined {
  try {
    return loadOnnxLibrary();
  } catch {
    return undefined;
  }
}

class PackageSession implements GraphSession {
  readonly #session: OnnxRuntime.InferenceSession;
  readonly #feeds: Record<string, OnnxRuntime.Tensor> = {};
  readonly #fetches: Record<string, OnnxRuntime.Tensor | null> = {};
  readonly #inputs: ReadonlyMap<string, Value>;
  readonly #outputs: ReadonlyMap<string, Value>;

  constructor(session: OnnxRuntime.InferenceSession, graph: Graph) {
    this.#session = session;
    this.#inputs = graph.inputs;
    this.#outputs = graph.outputs;
    for (const name of graph.outputs.keys()) this.#fetches[name] = null;
  }

  feed(name: string, data: TensorData): void {
    const value = this.#inputs.get(name);
    if (value === undefined) throw new Error(`The graph has no input ${name}.`);
    this.#feeds[name] = tensor(value, data);
  }

  fetch(name: string, data: TensorData): void {
    const value = this.#outputs.get(name);
    if (value === undefined) throw new Error(`The graph has no output ${name}.`);
    this.#fetches[name] = tensor(value, data);
  }

  async run(): Promise<Record<string, TensorData>> {
    const results = await this.#session.run(this.#feeds, this.#fetches);
    return Object.fromEntries(Object.entries(results).map(([name, result]) => [name, result.data as TensorData]));
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

function tensor(value: Value, data: TensorData): OnnxRuntime.Tensor {
  return data instanceof Float32Array
    ? new Tensor('float32', data, value.shape)
    : new Tensor('int32', data, value.shape);
}
