/** Opens a session on the runtime that a target names. Runtimes are loaded when they are first used. */
import type { Graph } from '../graph/graph.ts';
import { MissingOnnxRuntime } from './onnx/onnx-package.ts';
import { UnavailableTarget, type ExecutionTarget, type GraphSession, type Runtime } from './runtime.ts';

const RUNTIMES: Record<ExecutionTarget['engine'], () => Promise<Runtime>> = {
  onnx: async () => (await import('./onnx/onnx-runtime.ts')).onnxRuntime,
  tensorflow: async () => (await import('./tensorflow/tensorflow-runtime.ts')).tensorflowRuntime,
};

/** @throws UnavailableTarget if this machine cannot execute graphs that way */
export async function openSession(graph: Graph, target: ExecutionTarget): Promise<GraphSession> {
  return (await loadRuntime(target)).open(graph, target);
}

async function loadRuntime(target: ExecutionTarget): Promise<Runtime> {
  try {
    return await RUNTIMES[target.engine]();
  } catch (error) {
    if (error instanceof MissingOnnxRuntime) throw new UnavailableTarget(target, error.message, error.remedy);
    throw error;
  }
}
