/** Opens ONNX files on a device of ONNX Runtime: the one place that loads the library. */
import { createRequire } from 'node:module';
import type * as OnnxRuntime from 'onnxruntime-node';
import { UnavailableTarget, type ExecutionTarget, type Precision } from '../runtime.ts';
import { assertAvailable, explainRefusal } from './execution-provider.ts';
import { installedLibraries } from './native-libraries.ts';
import { usableOnnxPackage } from './onnx-package.ts';
import { sessionOptions, tf32Override } from './session-options.ts';

// Since 1.29 the library reports usage over the network and keeps a device id in the home directory, unless this is set
// before it is loaded: hence `require` here and no static import, which would run first.
process.env.ORT_DISABLE_TELEMETRY ??= '1';
const { InferenceSession, Tensor } = createRequire(import.meta.url)(usableOnnxPackage()) as typeof OnnxRuntime;

export { Tensor };

/** The precision of the first CUDA session of this process: it holds for all later ones. */
let cudaPrecision: Precision | undefined;

/**
 * @param model bytes of an .onnx file
 * @param options added to those of the device
 * @throws UnavailableTarget if this machine cannot execute it there
 */
export async function openModel(
  model: Uint8Array,
  target: ExecutionTarget,
  options: OnnxRuntime.InferenceSession.SessionOptions = {},
): Promise<OnnxRuntime.InferenceSession> {
  await assertAvailable(target, installedLibraries);
  if (target.device === 'cuda') settleTf32(target);
  try {
    return await InferenceSession.create(model, { ...sessionOptions(target), ...options });
  } catch (error) {
    throw await explainRefusal(target, error, installedLibraries);
  }
}

/** CUDA's libraries read the variable once, so a process computes with TF32 or without, never both. */
function settleTf32(target: ExecutionTarget): void {
  const wanted = tf32Override(target.precision);
  if (cudaPrecision !== undefined && tf32Override(cudaPrecision) !== wanted)
    throw new UnavailableTarget(
      target,
      `this process has computed with ${cudaPrecision} on the GPU, and CUDA settles once per process whether TF32 is used`,
      'Run `swp repro` again: a new process can.',
    );
  cudaPrecision ??= target.precision;
  if (wanted === undefined) delete process.env.NVIDIA_TF32_OVERRIDE;
  else process.env.NVIDIA_TF32_OVERRIDE = wanted;
}
