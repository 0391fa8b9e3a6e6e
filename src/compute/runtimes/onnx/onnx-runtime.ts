/** Executes a graph with ONNX Runtime, on one of its devices. */
import type * as OnnxRuntime from 'onnxruntime-node';
import type { Graph } from '../../graph/graph.ts';
import type { Value } from '../../graph/operation.ts';
import type { ExecutionTarget, GraphSession, Runtime, TensorData } from '../runtime.ts';
import { dialectFor } from './dialect.ts';
import { lowerToOnnx } from './lowering.ts';
import { openModel, Tensor } from './open-model.ts';

export const onnxRuntime: Runtime = {
  async open(graph: Graph, target: ExecutionTarget): Promise<GraphSession> {
    return new OnnxSession(await openModel(lowerToOnnx(graph, undefined, dialectFor(target)), target), graph);
  },
};

class OnnxSession implements GraphSession {
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
