/** Executes a graph through the TensorFlow.js API. */
import { UnavailableTarget, type Runtime } from '../runtime.ts';

export const tensorflowRuntime: Runtime = {
  open: (_graph, target) => Promise.reject(new UnavailableTarget(target, 'The tensorflow runtime is not written yet.', 'Use engine onnx.')),
};
