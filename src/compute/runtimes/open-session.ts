/** Opens a session on the runtime that a target names. Runtimes are loaded when they are first used. */
import type { Graph } from '../graph/graph.ts';
import type { ExecutionTarget, GraphSession, Runtime } from './runtime.ts';

const RUNTIMES: Record<ExecutionTarget['engine'], () => Promise<Runtime>> = {
  onnx: async () => (await import('./onnx/onnx-runtime.ts')).onnxRuntime,
  tensorflow: async () => (await import('./tensorflow/tensorflow-runtime.ts')).tensorflowRuntime,
};

/** @throws UnavailableTarget if this machine cannot execute graphs that way */
export async function openSession(graph: Graph, target: ExecutionTarget): Promise<GraphSession> {
  return (await RUNTIMES[target.engine]()).open(graph, target);
}
