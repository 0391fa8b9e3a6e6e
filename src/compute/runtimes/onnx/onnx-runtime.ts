/**
 * Executes a graph with ONNX Runtime on one thread of the CPU, without spinning: nodes of the study run side by side,
 * one per core, so a session must not take more.
 */
import { createRequire } from 'node:module';
import type * as OnnxRuntime from 'onnxruntime-node';
import type { Graph } from '../../graph/graph.ts';
import type { Value } from '../../graph/operation.ts';
import type { ExecutionTarget, GraphSession, Runtime, TensorData } from '../runtime.ts';
import { lowerToOnnx } from './lowering.ts';

// Since 1.29 the library reports usage over the network and keeps a device id in the home directory, unless this is set
// before it is loaded: hence `require` here and no static import, which would run first.
process.env.ORT_DISABLE_TELEMETRY ??= '1';
const { InferenceSession, Tensor } = createRequire(import.meta.url)('onnxruntime-node') as typeof OnnxRuntime;

const SESSION_OPTIONS: OnnxRuntime.InferenceSession.SessionOptions = {
  executionProviders: ['cpu'],
  graphOptimizationLevel: 'all',
  executionMode: 'sequential',
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  extra: { session: { set_denormal_as_zero: '1', intra_op: { allow_spinning: '0' } } },
  logSeverityLevel: 3,
};

export const onnxRuntime: Runtime = {
  async open(graph: Graph, _target: ExecutionTarget): Promise<GraphSession> {
    return new OnnxSession(await InferenceSession.create(lowerToOnnx(graph), SESSION_OPTIONS), graph);
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
