/**
 * The devices of ONNX Runtime: whether this machine has what a target needs, and the options of a session on it. A target
 * is refused before anything is loaded where that can be seen, since a crash inside a native library cannot be caught;
 * and no session falls back to the CPU: a node without a kernel on the device is an error when the session is made. (ONNX
 * Runtime looks at the outer graph only; for the bodies of loops see step-runner.ts.)
 */
import type { InferenceSession } from 'onnxruntime-node';
import { UnavailableTarget, type ExecutionTarget, type Precision } from '../runtime.ts';
import type { NativeLibraries } from './native-libraries.ts';

const PRECISIONS: Record<ExecutionTarget['device'], readonly Precision[]> = {
  cpu: ['float32'],
  cuda: ['float32', 'tf32', 'bf16'],
  webgpu: ['float32'],
};

/** The package of each CUDA's last libraries in NVIDIA's repository for Debian and Ubuntu. */
const CUDA_PACKAGES: Record<string, string> = { 12: 'cuda-libraries-12-9', 13: 'cuda-libraries-13-0' };

const COMMON: InferenceSession.SessionOptions = {
  graphOptimizationLevel: 'all',
  executionMode: 'sequential',
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  logSeverityLevel: 3,
};

/** One thread, without spinning: nodes of the study run side by side, one per core, so a session must not take more. */
const THREADS = { set_denormal_as_zero: '1', intra_op: { allow_spinning: '0' } };
/** The same for a session of the library itself: the entries that follow `session.`. */
export const cpuEntries: Readonly<Record<string, string>> = { set_denormal_as_zero: '1', 'intra_op.allow_spinning': '0' };
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

/** @throws UnavailableTarget naming what this machine lacks for a session on the target */
export async function assertAvailable(target: ExecutionTarget, libraries: NativeLibraries): Promise<void> {
  const { device, precision } = target;
  if (!PRECISIONS[device].includes(precision)) {
    const others = Object.entries(PRECISIONS).filter(([, precisions]) => precisions.includes(precision));
    const places = others.map(([name]) => name).join(' or ');
    throw new UnavailableTarget(target, `precision ${precision} exists on device ${places} only`, `Use device ${places}, or precision float32.`);
  }
  if (device === 'cuda') await assertCuda(target, libraries);
}

async function assertCuda(target: ExecutionTarget, libraries: NativeLibraries): Promise<void> {
  if (libraries.platform !== 'linux/x64')
    throw new UnavailableTarget(target, `onnxruntime-node has CUDA on linux/x64 only, and this is ${libraries.platform}`, 'Use device webgpu or cpu.');
  if (!(await libraries.canLoad('libcuda.so.1')))
    throw new UnavailableTarget(target, 'there is no NVIDIA driver: libcuda.so.1 is not found', 'Run it where `nvidia-smi` shows a GPU, or use device cpu.');
  const provider = 'libonnxruntime_providers_cuda.so';
  if (!libraries.packageHas(provider))
    throw new UnavailableTarget(target, `onnxruntime-node lacks ${provider}, which npm does not bring`, 'swp doctor --install cuda');
  // cuDNN is among the libraries that the provider names, or is opened by it when it is first needed.
  const needed = await libraries.missingFor(provider);
  const missing = (await libraries.canLoad('libcudnn.so.9')) ? needed : [...new Set([...needed, 'libcudnn.so.9'])];
  if (missing.length > 0) {
    const major = /libcu(?:blas|blasLt|dart)\.so\.(\d+)/.exec(missing.join(' '))?.[1] ?? '12';
    const remedy = `apt-get install ${CUDA_PACKAGES[major] ?? 'cuda-libraries'} libcudnn9-cuda-${major}  (NVIDIA's repository; or any CUDA ${major} and cuDNN 9 in LD_LIBRARY_PATH)`;
    throw new UnavailableTarget(target, `${missing.join(', ')} ${missing.length > 1 ? 'are' : 'is'} not found`, remedy);
  }
}

/** What an error from ONNX Runtime, when it makes a session on a device, says about the machine. */
export async function explainRefusal(target: ExecutionTarget, error: unknown, libraries: NativeLibraries): Promise<Error> {
  const said = error instanceof Error ? error.message : String(error);
  if (target.device === 'cpu') return new Error(said, { cause: error });
  if (/fallback to CPU EP has been explicitly disabled/.test(said))
    return new UnavailableTarget(target, 'its provider has no kernel for some operator of this graph', 'Use device cpu.');
  if (target.device === 'webgpu' && /adapter/.test(said)) {
    if (libraries.platform.startsWith('linux') && !(await libraries.canLoad('libvulkan.so.1')))
      return new UnavailableTarget(target, 'there is no Vulkan loader: libvulkan.so.1 is not found', 'apt-get install libvulkan1, and the driver of the GPU');
    return new UnavailableTarget(target, 'WebGPU finds no GPU that it supports', "Install the GPU's Vulkan driver (`vulkaninfo --summary` lists it), or use device cpu.");
  }
  const line = said.split('\n').find((text) => text.trim() !== '') ?? 'no reason given';
  return new UnavailableTarget(target, `ONNX Runtime refuses: ${line.trim()}`, '`swp doctor` tries every device; use device cpu.');
}
