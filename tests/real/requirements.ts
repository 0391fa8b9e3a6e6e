/**
 * What the tests in this folder need beyond `npm ci`. Where one of these is missing, the tests that need it fail and
 * say how to get it; none is skipped.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { execa } from 'execa';
import { findPyTorch } from '../../bench/pytorch-peer.ts';
import { packageRoot } from '../../src/base/package-root.ts';
import { Graph } from '../../src/compute/graph/graph.ts';
import { lowerToOnnx } from '../../src/compute/runtimes/onnx/lowering.ts';
import { findTensorflowPackage } from '../../src/compute/runtimes/tensorflow/tensorflow-package.ts';

/** An error that says what is missing and how to get it. */
export function missing(what: string, remedy: string): Error {
  return new Error(`${what} ${remedy} On Debian and Ubuntu, tests/real/install.sh installs it; run it as root.`);
}

/** @throws Error unless the tests may act as several users and mount a small disk */
export function requireRoot(): void {
  if (process.getuid?.() !== 0)
    throw new Error('This test acts as several users or mounts a disk. Run `npm run test:real` as root.');
}

/** @throws Error unless a Slurm can be started here */
export async function requireSlurm(): Promise<void> {
  const env = { PATH: `${process.env.PATH}:/usr/sbin` };
  for (const program of ['slurmctld', 'slurmd', 'sbatch', 'munged']) {
    const { code } = await execa(program, ['--help'], { env, reject: false });
    if (code === 'ENOENT') throw missing(`There is no ${program} here.`, 'Install Slurm and MUNGE (slurm-wlm, munge).');
  }
}

/** @throws Error unless another user can read this checkout and run its programs */
export async function requireReadableCheckout(uid: number): Promise<void> {
  requireRoot();
  const { failed } = await execa(process.execPath, ['--version'], { uid, cwd: packageRoot, reject: false });
  if (failed)
    throw new Error(`Other users cannot read ${packageRoot}, or cannot run ${process.execPath}. Move them elsewhere.`);
}

/**
 * @returns a Node for arm64, which SWP_NODE_ARM64 names, and the libraries that it needs
 * @throws Error unless QEMU can run it, and an x86-64 without AVX
 */
export async function requireProcessors(): Promise<{ node: string; libraries: string }> {
  for (const program of ['qemu-aarch64-static', 'qemu-x86_64-static']) {
    const { code } = await execa(program, ['--version'], { reject: false });
    if (code === 'ENOENT') throw missing(`There is no ${program} here.`, 'Install QEMU (qemu-user-static).');
  }
  const [node, libraries] = [process.env.SWP_NODE_ARM64 ?? '', '/usr/aarch64-linux-gnu'];
  if (!existsSync(node)) throw missing('There is no Node for arm64 here.', 'Name one in SWP_NODE_ARM64.');
  if (!existsSync(`${libraries}/lib/libstdc++.so.6`))
    throw missing(
      `There are no libraries for arm64 in ${libraries}.`,
      'Install them (libc6-arm64-cross, libstdc++6-arm64-cross).',
    );
  return { node, libraries };
}

/** @returns the paths of the versions of Node.js with which bits have to be the same: $SWP_NODES, joined by colons */
export function requireNodes(): string[] {
  const nodes = (process.env.SWP_NODES ?? '').split(':');
  const absent = nodes.find((node) => !existsSync(node));
  if (absent !== undefined) throw missing(`There is no Node.js at ${absent}.`, 'Name some in SWP_NODES.');
  return nodes;
}

/** @returns the path of a Python that has PyTorch: $SWP_BENCH_PYTHON, else `python3`, else the system's own */
export async function pythonWithTorch(): Promise<string> {
  const found = await findPyTorch();
  if (found !== undefined) return found;
  const { failed } = await execa('/usr/bin/python3', ['-c', 'import torch'], { reject: false });
  if (failed)
    throw missing('No Python here can import torch.', 'Install PyTorch, or name a Python in SWP_BENCH_PYTHON.');
  return '/usr/bin/python3';
}

/** @throws Error if libtensorflow or the addon that binds it is not there */
export function requireTensorflow(): void {
  if (!existsSync(findTensorflowPackage()?.addon ?? ''))
    throw missing('TensorFlow has no native part here.', 'docs/tensorflow.md says how to get it.');
}

/** @throws Error if WebGPU finds no driver; tried in another process, since a faulty driver may end it */
export function requireWebgpu(): void {
  const graph = new Graph();
  graph.output('y', graph.exp(graph.input('x', [1])));
  const model = Buffer.from(lowerToOnnx(graph)).toString('base64');
  const script = `
    const { InferenceSession } = require(${JSON.stringify(createRequire(import.meta.url).resolve('onnxruntime-node'))});
    InferenceSession.create(Buffer.from('${model}', 'base64'), { executionProviders: ['webgpu'] }).then(
      () => process.exit(0),
      (error) => { console.error(error); process.exit(1); },
    );`;
  try {
    execFileSync(process.execPath, ['--eval', script], { env: { ...process.env, ORT_DISABLE_TELEMETRY: '1' } });
  } catch (error) {
    throw missing(
      `WebGPU does not work here: ${(error as Error).message}`,
      'On Linux it takes the Vulkan loader and a driver, SwiftShader for example, named by VK_ICD_FILENAMES.',
    );
  }
}
