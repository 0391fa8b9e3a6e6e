/**
 * Loads TensorFlow.js on libtensorflow. libtensorflow chooses its device when it is loaded, once per process, by what
 * it finds. So the GPU is hidden from it if the target says `cpu`, and a target that says `cuda` is refused if it found
 * no GPU.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { UnavailableTarget, type ExecutionTarget } from '../runtime.ts';
import { hasGpuSupport } from './libtensorflow.ts';
import { restoreRemovedNodeApi } from './node-compatibility.ts';
import type { TensorflowBackend, TensorFlowApi } from './tensorflow-backend.ts';
import {
  findTensorflowPackage,
  installationText,
  PACKAGE,
  PACKAGE_VARIABLE,
  type TensorflowPackage,
} from './tensorflow-package.ts';

const BACKEND = 'tensorflow';
const INSTALL = 'Fetch it: swp doctor --install tensorflow.';
const BUILD = 'docs/tensorflow.md says how to use another TensorFlow or CUDA.';

interface Loaded extends TensorflowBackend {
  package: TensorflowPackage;
  /** The device that it was loaded for, and whether it found a GPU. */
  device: ExecutionTarget['device'];
  gpu: boolean;
  libtensorflow: string;
}

/** What a backend of the package adds to TensorFlow.js's. */
interface NodeBackend {
  isUsingGpuDevice: boolean;
  binding: { TF_Version: string };
}

let loaded: Loaded | undefined;

/** @throws UnavailableTarget if libtensorflow is missing, cannot be loaded, or computes on another device */
export function openNativeBackend(target: ExecutionTarget): TensorflowBackend {
  loaded ??= load(target);
  if (loaded.gpu !== (target.device === 'cuda')) throw otherDevice(target, loaded);
  return loaded;
}

function load(target: ExecutionTarget): Loaded {
  const found = findTensorflowPackage();
  if (found === undefined) throw withoutPackage(target);
  if (!existsSync(found.addon))
    throw new UnavailableTarget(target, `The native part of ${found.name} is not installed.`, INSTALL);
  restoreRemovedNodeApi();
  const visibleDevices = process.env.CUDA_VISIBLE_DEVICES;
  setEnvironment(target.device);
  try {
    const tf = createRequire(import.meta.url)(found.directory) as TensorFlowApi;
    const { isUsingGpuDevice, binding } = tf.backend() as unknown as NodeBackend;
    return {
      tf,
      name: BACKEND,
      package: found,
      device: target.device,
      gpu: isUsingGpuDevice,
      libtensorflow: binding.TF_Version,
    };
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    throw new UnavailableTarget(target, `${found.name} cannot be loaded: ${reason}`, `${INSTALL} ${BUILD}`);
  } finally {
    // Only TensorFlow is to see no GPU: another engine in this process may be meant to use it.
    if (visibleDevices === undefined) delete process.env.CUDA_VISIBLE_DEVICES;
    else process.env.CUDA_VISIBLE_DEVICES = visibleDevices;
  }
}

/** libtensorflow takes its settings from the environment, when it is loaded. */
function setEnvironment(device: ExecutionTarget['device']): void {
  const { env } = process;
  env.TF_CPP_MIN_LOG_LEVEL ??= '1'; // warnings and errors, no notes
  // Nodes of the study run side by side, one per core, so a session must not take more.
  env.TF_NUM_INTRAOP_THREADS ??= '1';
  env.TF_NUM_INTEROP_THREADS ??= '1';
  if (device === 'cpu') env.CUDA_VISIBLE_DEVICES = '-1';
  // It takes all of the GPU's memory otherwise, and another worker's session finds none.
  env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
  // Its default is TF32; float32 is what this runtime promises.
  if (device === 'cuda') env.NVIDIA_TF32_OVERRIDE = '0';
}

function withoutPackage(target: ExecutionTarget): UnavailableTarget {
  const own = process.env[PACKAGE_VARIABLE];
  return own === undefined || own === ''
    ? new UnavailableTarget(
        target,
        `The optional package ${PACKAGE} is not installed.`,
        `Install it: ${installationText()} ${INSTALL}`,
      )
    : new UnavailableTarget(
        target,
        `${PACKAGE_VARIABLE} names ${own}, where there is no package.json.`,
        `Name the folder of a ${PACKAGE}, or unset it.`,
      );
}

function otherDevice(
  target: ExecutionTarget,
  { package: { directory }, device, gpu, libtensorflow }: Loaded,
): UnavailableTarget {
  if (gpu || device === 'cpu')
    return new UnavailableTarget(
      target,
      `This process computes with TensorFlow on the ${gpu ? 'GPU' : 'CPU'} already, and it knows one device per process.`,
      'Run the nodes of each device by themselves, with a selector.',
    );
  return hasGpuSupport(directory)
    ? new UnavailableTarget(
        target,
        `libtensorflow ${libtensorflow} found no GPU that it can use.`,
        `Install a driver, and the CUDA and cuDNN that it was built for. ${BUILD}`,
      )
    : new UnavailableTarget(
        target,
        `libtensorflow ${libtensorflow} was built without GPU support.`,
        `Fetch one that has it: swp doctor --install tensorflow. ${BUILD}`,
      );
}
