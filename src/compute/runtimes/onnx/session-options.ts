/**
 * Options of ONNX Runtime's sessions. No session falls back to the CPU: a node without a kernel on the device is an
 * error when the session is made. (ONNX Runtime looks at the outer graph only; for the bodies of loops see
 * training-step-runner.ts.)
 */
import type { InferenceSession } from 'onnxruntime-node';
import type { ExecutionTarget, Precision } from '../runtime.ts';
import { canFlushSubnormals } from '../subnormals.ts';

const COMMON: InferenceSession.SessionOptions = {
  graphOptimizationLevel: 'all',
  executionMode: 'sequential',
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  logSeverityLevel: 3,
};

/** One thread, without spinning: nodes of the study run side by side, one per core, so a session must not take more. */
const THREADS = { intra_op: { allow_spinning: '0' } };

/**
 * The same for a session of the library itself: the entries that follow `session.`. Its own threads, where it has more
 * than the caller's, treat subnormal numbers as the caller's does (subnormals.ts); the package's sessions keep them,
 * since nothing can be done before and after their runs.
 */
export function libraryEntries(): Readonly<Record<string, string>> {
  return { 'intra_op.allow_spinning': '0', set_denormal_as_zero: canFlushSubnormals() ? '1' : '0' };
}

const ON_DEVICE_ONLY = { ...THREADS, disable_cpu_ep_fallback: '1', use_deterministic_compute: '1' };

/**
 * Options of a session on a device. Which NVIDIA GPU is device 0 is said by CUDA_VISIBLE_DEVICES.
 * The package's binding passes nothing but the number of the GPU to the CUDA provider, so precision is no option of a
 * session: see `tf32Override`.
 */
export function sessionOptions({ device }: Pick<ExecutionTarget, 'device'>): InferenceSession.SessionOptions {
  switch (device) {
    case 'cpu':
      return { ...COMMON, executionProviders: ['cpu'], extra: { session: THREADS } };
    case 'cuda':
      return { ...COMMON, executionProviders: [{ name: 'cuda', deviceId: 0 }], extra: { session: ON_DEVICE_ONLY } };
    case 'webgpu':
      // The optimizer would make products that transpose while they read, for which WebGPU has no kernel.
      return {
        ...COMMON,
        executionProviders: ['webgpu'],
        extra: { session: ON_DEVICE_ONLY, optimization: { disable_specified_optimizers: 'MatmulTransposeFusion' } },
      };
  }
}

/**
 * The value of NVIDIA_TF32_OVERRIDE that a precision needs. ONNX Runtime lets cuBLAS round the operands of float32
 * products to TF32 unless told otherwise, and this variable, which CUDA's libraries read once, is the only way to tell
 * it from Node.
 */
export function tf32Override(precision: Precision): '0' | undefined {
  return precision === 'tf32' ? undefined : '0';
}
