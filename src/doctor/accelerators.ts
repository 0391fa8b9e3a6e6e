/** GPUs and the libraries that runtimes need to use them, as far as they can be seen without loading anything. */
import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { execa } from 'execa';
import { queryGpus } from '../base/nvidia-smi.ts';

export interface AcceleratorsFinding {
  gpus: { name: string; memoryMib: number | null; driver: string }[];
  /** Why nvidia-smi told nothing: its error, or that it is not installed; null where it answered. */
  nvidiaSmi: string | null;
  /** CUDA libraries that the loader finds, e.g. `libcudart.so.12`. */
  cudaLibraries: string[];
  /** Manifests of Vulkan drivers: what WebGPU needs on Linux. */
  vulkanDrivers: string[];
}

const CUDA_LIBRARY = /^lib(cuda|cudart|cublas|cublasLt|cudnn|cufft|curand|nvrtc)\.so\.\d+$/;
const LDCONFIG_PLACES = ['/sbin', '/usr/sbin'];

export async function examineAccelerators(): Promise<AcceleratorsFinding> {
  const [nvidia, cudaLibraries, vulkanDrivers] = await Promise.all([
    askNvidiaSmi(),
    findCudaLibraries(),
    findVulkanDrivers(),
  ]);
  return { ...nvidia, cudaLibraries, vulkanDrivers };
}

async function askNvidiaSmi(): Promise<Pick<AcceleratorsFinding, 'gpus' | 'nvidiaSmi'>> {
  const found = await queryGpus();
  if (found.kind === 'absent') return { gpus: [], nvidiaSmi: 'nvidia-smi is not there' };
  if (found.kind === 'failed') return { gpus: [], nvidiaSmi: found.message };
  const gpus = found.gpus.map(({ name, totalMemory, driver }) => ({ name, memoryMib: totalMemory, driver }));
  return { gpus, nvidiaSmi: null };
}

/** In the loader's cache, and in the folders of LD_LIBRARY_PATH. */
async function findCudaLibraries(): Promise<string[]> {
  const PATH = [process.env.PATH, ...LDCONFIG_PLACES].join(delimiter);
  const { stdout } = await execa('ldconfig', ['-p'], { reject: false, stdin: 'ignore', env: { PATH } });
  const cached = (stdout ?? '').split('\n').map((line) => line.trim().split(' ')[0]!);
  const folders = (process.env.LD_LIBRARY_PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const listed = await Promise.all(folders.map((folder) => readdir(folder).catch(() => [])));
  return [...new Set([...cached, ...listed.flat()])].filter((name) => CUDA_LIBRARY.test(name)).sort();
}

/**
 * Where the Vulkan loader looks for drivers:
 * https://github.com/KhronosGroup/Vulkan-Loader/blob/main/docs/LoaderDriverInterface.md
 */
async function findVulkanDrivers(): Promise<string[]> {
  const named = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES;
  if (named !== undefined) return named.split(delimiter).filter((file) => file !== '');
  const data = process.env.XDG_DATA_HOME ?? join(homedir(), '.local/share');
  const roots = [
    process.env.XDG_CONFIG_HOME ?? join(homedir(), '.config'),
    '/etc',
    data,
    '/usr/local/share',
    '/usr/share',
  ];
  const folders = roots.map((root) => join(root, 'vulkan/icd.d'));
  const listed = await Promise.all(
    folders.map(async (folder) => (await readdir(folder).catch(() => [])).map((name) => join(folder, name))),
  );
  return listed.flat().filter((file) => basename(file).endsWith('.json'));
}
