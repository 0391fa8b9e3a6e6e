/**
 * TensorFlow.js's own backend in plain JavaScript: hundreds of times slower than libtensorflow, but there on every
 * machine. The executor of the tensorflow runtime is tested on it; users never meet it.
 */
import { createRequire } from 'node:module';
import type { Runtime } from '../../src/compute/runtimes/runtime.ts';
import type { TensorflowBackend, TensorFlowApi } from '../../src/compute/runtimes/tensorflow/tensorflow-backend.ts';
import { TensorflowSession } from '../../src/compute/runtimes/tensorflow/tensorflow-session.ts';

let backend: TensorflowBackend | undefined;

export function javascriptBackend(): TensorflowBackend {
  return (backend ??= load());
}

export const javascriptRuntime: Runtime = {
  open: (graph) => Promise.resolve(new TensorflowSession(graph, javascriptBackend())),
};

/** By `require`, as the native package does it: so that both have one and the same TensorFlow.js. */
function load(): TensorflowBackend {
  const require = createRequire(import.meta.url);
  const tf = require('@tensorflow/tfjs-core') as TensorFlowApi;
  tf.enableProdMode(); // or it advertises the native package
  require('@tensorflow/tfjs-backend-cpu');
  return { tf, name: 'cpu' };
}
