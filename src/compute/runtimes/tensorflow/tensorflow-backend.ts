/**
 * The TensorFlow.js API and the backend on which it computes. Users have the native backend (native-backend.ts); the
 * tests also run TensorFlow.js's own JavaScript backend, which works on every machine.
 */
import type * as TensorFlow from '@tensorflow/tfjs-core';

export type TensorFlowApi = typeof TensorFlow;
export type Tensor = TensorFlow.Tensor;

export interface TensorflowBackend {
  tf: TensorFlowApi;
  /** Its name in TensorFlow.js: `tensorflow` (libtensorflow), `cpu` (JavaScript). */
  name: string;
}

/** Makes the backend the current one: TensorFlow.js has one current backend per process. */
export async function activate({ tf, name }: TensorflowBackend): Promise<void> {
  // After the wait another session may have switched again; once this returns, nothing comes in between.
  while (tf.getBackend() !== name) await tf.setBackend(name);
}
