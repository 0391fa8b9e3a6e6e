/**
 * Executes a graph operator by operator through the TensorFlow.js API on libtensorflow: the second runtime, whose
 * agreement with the first is the best test of either.
 */
import type { Graph } from '../../graph/graph.ts';
import { UnavailableTarget, type ExecutionTarget, type GraphSession, type Runtime } from '../runtime.ts';
import { openNativeBackend } from './native-backend.ts';
import { TensorflowSession } from './tensorflow-session.ts';

export const tensorflowRuntime: Runtime = {
  async open(graph: Graph, target: ExecutionTarget): Promise<GraphSession> {
    if (target.device === 'webgpu')
      throw new UnavailableTarget(
        target,
        'Engine tensorflow knows no device webgpu.',
        'Use device cpu or cuda, or engine onnx.',
      );
    if (target.precision !== 'float32')
      throw new UnavailableTarget(
        target,
        `Engine tensorflow computes in float32 only, not in ${target.precision}.`,
        'Use precision float32, or engine onnx.',
      );
    return new TensorflowSession(graph, openNativeBackend(target));
  },
};
