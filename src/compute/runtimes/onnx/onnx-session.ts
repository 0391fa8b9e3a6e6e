/**
 * Executes a graph with ONNX Runtime on one thread of the CPU, without spinning: nodes of the study run side by side,
 * one per core, so a session must not take more.
 */
import { createRequire } from 'node:module';
import type * as OnnxRuntime from 'onnxruntime-node';
import type { Graph } from '../../graph/graph.ts';
import type { Value } from '../../graph/operation.ts';
import { lowerToOnnx } from './lowering.ts';

export type TensorData = Float32Array | Int32Array;

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

export class OnnxSession {
  readonly #session: OnnxRuntime.InferenceSession;
  readonly #feeds: Record<string, OnnxRuntime.Tensor> = {};
  readonly #fetches: Record<string, OnnxRuntime.Tensor | null> = {};
  readonly #inputs: ReadonlyMap<string, Value>;
  readonly #outputs: ReadonlyMap<string, Value>;

  private constructor(session: OnnxRuntime.InferenceSession, graph: Graph) {
    this.#session = session;
    this.#inputs = graph.inputs;
    this.#outputs = graph.outputs;
    for (const name of graph.outputs.keys()) this.#fetches[name] = null;
  }

  static async create(graph: Graph): Promise<OnnxSession> {
    return new OnnxSession(await InferenceSession.create(lowerToOnnx(graph), SESSION_OPTIONS), graph);
  }

  /** Binds an input to memory that every later run reads as it then is. */
  feed(name: string, data: TensorData): void {
    const value = this.#inputs.get(name);
    if (value === undefined) throw new Error(`The graph has no input ${name}.`);
    this.#feeds[name] = tensor(value, data);
  }

  /** Binds an output to memory into which every later run writes. */
  fetch(name: string, data: TensorData): void {
    const value = this.#outputs.get(name);
    if (value === undefined) throw new Error(`The graph has no output ${name}.`);
    this.#fetches[name] = tensor(value, data);
  }

  /** Runs the graph; the outputs are fresh arrays, besides what `fetch` has bound. */
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
