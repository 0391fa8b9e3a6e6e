/** Opens a session on the runtime that a target names. Runtimes are loaded when they are first used. */
import type { Graph } from '../graph/graph.ts';
import { MissingOnnxRuntime } from './onnx/onnx-package.ts';
import {
  UnavailableTarget,
  type ExecutionTarget,
  type GraphSession,
  type Repetition,
  type Runtime,
} from './runtime.ts';

const RUNTIMES: Record<ExecutionTarget['engine'], () => Promise<Runtime>> = {
  onnx: async () => (await import('./onnx/onnx-runtime.ts')).onnxRuntime,
  exact: async () => (await import('./exact/exact-runtime.ts')).exactRuntime,
  tensorflow: async () => (await import('./tensorflow/tensorflow-runtime.ts')).tensorflowRuntime,
};

/** @throws UnavailableTarget if this machine cannot execute graphs that way */
export async function openSession(
  graph: Graph,
  target: ExecutionTarget,
  repetition?: Repetition,
): Promise<GraphSession> {
  return (await loadRuntime(target)).open(graph, target, repetition);
}

async function loadRuntime(target: ExecutionTarget): Promise<Runtime> {
  try {
    return await RUNTIMES[target.engine]();
  } catch (error) {
    if (error instanceof MissingOnnxRuntime) throw new UnavailableTarget(target, error.message, error.remedy);
    throw error;
  }
}
