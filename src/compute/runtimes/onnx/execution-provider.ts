/**
 * The devices of ONNX Runtime: whether this machine has what a target needs. A target is refused before anything is
 * loaded where that can be seen, since a crash inside a native library cannot be caught.
 */
import { UnavailableTarget, type ExecutionTarget, type Precision } from '../runtime.ts';
import type { NativeLibraries } from './native-libraries.ts';

const PRECISIONS: Record<ExecutionTarget['device'], readonly Precision[]> = {
  cpu: ['float32'],
  cuda: ['float32', 'tf32', 'bf16'],
  webgpu: ['float32'],
};

/** The package of each CUDA's last libraries in NVIDIA's repository for Debian and Ubuntu. */
const CUDA_PACKAGES: Record<string, string> = { 12: 'cuda-libraries-12-9', 13: 'cuda-libraries-13-0' };

/** @throws UnavailableTarget naming what this machine lacks for a session on the target */
export async function assertAvailable(target: ExecutionTarget, libraries: NativeLibraries): Promise<void> {
  const { device, precision } = target;
  if (!PRECISIONS[device].includes(precision)) {
    const others = Object.entries(PRECISIONS).filter(([, precisions]) => precisions.includes(precision));
    const places = others.map(([name]) => name).join(' or ');
    throw new UnavailableTarget(
      target,
      `precision ${precision} exists on device ${places} only`,
      `Use device ${places}, or precision float32.`,
    );
  }
  if (device === 'cuda') await assertCuda(target, libraries);
}

async function assertCuda(target: ExecutionTarget, libraries: NativeLibraries): Promise<void> {
  if (libraries.platform !== 'linux/x64')
    throw new UnavailableTarget(
      target,
      `onnxruntime-node has CUDA on linux/x64 only, and this is ${libraries.platform}`,
      'Use device webgpu or cpu.',
    );
  if (!(await libraries.canLoad('libcuda.so.1')))
    throw new UnavailableTarget(
      target,
      'there is no NVIDIA driver: libcuda.so.1 is not found',
      'Run it where `nvidia-smi` shows a GPU, or use device cpu.',
    );
  const provider = 'libonnxruntime_providers_cuda.so';
  if (!libraries.packageHas(provider))
    throw new UnavailableTarget(
      target,
      `onnxruntime-node lacks ${provider}, which npm does not bring`,
      'swp doctor --install cuda',
    );
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
export async function explainRefusal(
  target: ExecutionTarget,
  error: unknown,
  libraries: NativeLibraries,
): Promise<Error> {
  const said = error instanceof Error ? error.message : String(error);
  if (target.device === 'cpu') return new Error(said, { cause: error });
  if (/fallback to CPU EP has been explicitly disabled/.test(said))
    return new UnavailableTarget(
      target,
      'its provider has no kernel for some operator of this graph',
      'Use device cpu.',
    );
  if (target.device === 'webgpu' && /adapter/.test(said)) {
    if (libraries.platform.startsWith('linux') && !(await libraries.canLoad('libvulkan.so.1')))
      return new UnavailableTarget(
        target,
        'there is no Vulkan loader: libvulkan.so.1 is not found',
        'apt-get install libvulkan1, and the driver of the GPU',
      );
    return new UnavailableTarget(
      target,
      'WebGPU finds no GPU that it supports',
      "Install the GPU's Vulkan driver (`vulkaninfo --summary` lists it), or use device cpu.",
    );
  }
  const line = said.split('\n').find((text) => text.trim() !== '') ?? 'no reason given';
  return new UnavailableTarget(
    target,
    `ONNX Runtime refuses: ${line.trim()}`,
    '`swp doctor` tries every device; use device cpu.',
  );
}
