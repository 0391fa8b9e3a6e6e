/**
 * The native TensorFlow: found, refused with what is missing, opened on the declared device, installed. Packages are
 * fakes in temporary folders here, named by SWP_TFJS_NODE; the real one runs in the suites beside this, where it is
 * installed.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import util from 'node:util';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Graph } from '../../src/compute/graph/graph.ts';
import { engineVersion } from '../../src/compute/runtimes/engine-version.ts';
import { CPU_TARGET, type ExecutionTarget, type Runtime } from '../../src/compute/runtimes/runtime.ts';
import { installNativePart } from '../../src/compute/runtimes/tensorflow/native-part.ts';

const CPU: ExecutionTarget = { ...CPU_TARGET, engine: 'tensorflow' };
const CUDA: ExecutionTarget = { ...CPU, device: 'cuda' };
const ADDON = 'lib/napi-v8/tfjs_binding.node';
const DOCS = 'docs/tensorflow.md says how to use another TensorFlow or CUDA.';

afterEach(() => vi.unstubAllEnvs());

/** A package on a machine with or without a GPU: it looks for one when it is loaded, as libtensorflow does. */
const onMachine = (gpu: boolean) => `
  const isUsingGpuDevice = ${gpu} && process.env.CUDA_VISIBLE_DEVICES !== '-1';
  exports.backend = () => ({ isUsingGpuDevice, binding: { TF_Version: '2.9.1' } });`;

/** Writes a package with these files and makes it the one that is used. */
async function usePackage(files: Record<string, string>, install = 'node install.js'): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'swp-tensorflow-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  vi.stubEnv('SWP_TFJS_NODE', directory);
  const binary = {
    module_name: 'tfjs_binding',
    module_path: './lib/napi-v{napi_build_version}',
    napi_versions: [3, 8],
  };
  const packageJson = {
    name: '@tensorflow/tfjs-node-gpu',
    version: '9.8.7',
    main: 'index.js',
    scripts: { install },
    binary,
  };
  for (const [file, text] of Object.entries({ 'package.json': JSON.stringify(packageJson), ...files })) {
    await mkdir(dirname(join(directory, file)), { recursive: true });
    await writeFile(join(directory, file), text);
  }
  return directory;
}

async function useNoPackage(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'swp-tensorflow-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  vi.stubEnv('SWP_TFJS_NODE', directory);
  return directory;
}

/** The runtime of a process that has loaded nothing yet. */
async function freshRuntime(): Promise<Runtime> {
  vi.resetModules();
  return (await import('../../src/compute/runtimes/tensorflow/tensorflow-runtime.ts')).tensorflowRuntime;
}

const refusal = (message: string, remedy: string) => ({ name: 'UnavailableTarget', message, remedy });

describe('the tensorflow runtime refuses', () => {
  it.each([
    [
      { ...CPU, device: 'webgpu' as const },
      'Engine tensorflow knows no device webgpu.',
      'Use device cpu or cuda, or engine onnx.',
    ],
    [
      { ...CUDA, precision: 'tf32' as const },
      'Engine tensorflow computes in float32 only, not in tf32.',
      'Use precision float32, or engine onnx.',
    ],
    [
      { ...CPU, precision: 'bf16' as const },
      'Engine tensorflow computes in float32 only, not in bf16.',
      'Use precision float32, or engine onnx.',
    ],
  ])('%o', async (target, message, remedy) => {
    await expect((await freshRuntime()).open(new Graph(), target)).rejects.toMatchObject(refusal(message, remedy));
  });

  it('where there is no package, or no native part in it', async () => {
    const runtime = await freshRuntime();
    const directory = await useNoPackage();
    await expect(runtime.open(new Graph(), CPU)).rejects.toMatchObject(
      refusal(
        `SWP_TFJS_NODE names ${directory}, where there is no package.json.`,
        'Name the folder of a @tensorflow/tfjs-node-gpu, or unset it.',
      ),
    );
    await usePackage({ 'index.js': onMachine(false) });
    await expect(runtime.open(new Graph(), CPU)).rejects.toMatchObject(
      refusal(
        'The native part of @tensorflow/tfjs-node-gpu is not installed.',
        'Fetch it: swp doctor --install tensorflow.',
      ),
    );
  });

  it('where the native part cannot be loaded', async () => {
    await usePackage({
      [ADDON]: '',
      'index.js': `throw new Error('libtensorflow.so.2: cannot open shared object file\\nRequire stack: ...')`,
    });
    await expect((await freshRuntime()).open(new Graph(), CPU)).rejects.toMatchObject(
      refusal(
        '@tensorflow/tfjs-node-gpu cannot be loaded: libtensorflow.so.2: cannot open shared object file',
        `Fetch it: swp doctor --install tensorflow. ${DOCS}`,
      ),
    );
  });

  it.each([
    [
      'has no GPU support',
      'TFE_Execute',
      'libtensorflow 2.9.1 was built without GPU support.',
      `Fetch one that has it: swp doctor --install tensorflow. ${DOCS}`,
    ],
    [
      'found no GPU',
      'TFE_Execute cuInit',
      'libtensorflow 2.9.1 found no GPU that it can use.',
      `Install a driver, and the CUDA and cuDNN that it was built for. ${DOCS}`,
    ],
  ])('device cuda where libtensorflow %s', async (_, library, message, remedy) => {
    await usePackage({ [ADDON]: '', 'index.js': onMachine(false), 'deps/lib/libtensorflow.so.2': library });
    await expect((await freshRuntime()).open(new Graph(), CUDA)).rejects.toMatchObject(refusal(message, remedy));
  });
});

describe('on a machine with a GPU', () => {
  it('device cpu is the CPU: TensorFlow sees no GPU, what is loaded after it does', async () => {
    vi.stubEnv('CUDA_VISIBLE_DEVICES', '0');
    await usePackage({ [ADDON]: '', 'index.js': onMachine(true) });
    const runtime = await freshRuntime();
    await runtime.open(new Graph(), CPU);
    expect(process.env.CUDA_VISIBLE_DEVICES).toBe('0');
    await expect(runtime.open(new Graph(), CUDA)).rejects.toMatchObject(
      refusal(
        'This process computes with TensorFlow on the CPU already, and it knows one device per process.',
        'Run the nodes of each device by themselves, with a selector.',
      ),
    );
  });

  it('device cuda is the GPU, in float32 and not in TF32', async () => {
    await usePackage({ [ADDON]: '', 'index.js': onMachine(true) });
    const runtime = await freshRuntime();
    await runtime.open(new Graph(), CUDA);
    await runtime.open(new Graph(), CUDA);
    expect(process.env.NVIDIA_TF32_OVERRIDE).toBe('0');
    await expect(runtime.open(new Graph(), CPU)).rejects.toMatchObject({
      message: 'This process computes with TensorFlow on the GPU already, and it knows one device per process.',
    });
  });
});

it.each([
  ['isNullOrUndefined', [null, undefined], [0, '', false]],
  ['isArray', [[], [1]], [{ length: 1 }, 'array', null]],
])('the package finds util.%s where Node no longer has it', async (name, those, others) => {
  const old = Object.getOwnPropertyDescriptor(util, name);
  onTestFinished(() => void (old && Object.defineProperty(util, name, old)));
  Reflect.deleteProperty(util, name);
  await usePackage({ [ADDON]: '', 'index.js': `globalThis.found = require('util').${name}; ${onMachine(false)}` });
  await (await freshRuntime()).open(new Graph(), CPU);
  const { found } = globalThis as unknown as { found: (value: unknown) => boolean };
  expect([...those, ...others].map((value) => found(value))).toEqual([
    ...those.map(() => true),
    ...others.map(() => false),
  ]);
});

it("the engine's version is the package's, or the one that swp would install", async () => {
  await usePackage({});
  expect(engineVersion('tensorflow')).toBe('@tensorflow/tfjs-node-gpu 9.8.7');
  await useNoPackage();
  const name = '@tensorflow/tfjs-node-gpu';
  const { devDependencies, peerDependencies, peerDependenciesMeta } = JSON.parse(
    await readFile('package.json', 'utf8'),
  ) as {
    devDependencies: Record<string, string>;
    peerDependencies: Record<string, string>;
    peerDependenciesMeta: Record<string, { optional?: boolean }>;
  };
  expect(engineVersion('tensorflow')).toBe(`${name} ${devDependencies[name]}`);
  // Who installs swp as a package chooses it, and then takes this version.
  expect([peerDependencies[name], peerDependenciesMeta[name]]).toEqual([devDependencies[name], { optional: true }]);
});

describe('installing the native part', () => {
  /** An installation that was there before, and a script that clears it away first, as the real one does. */
  const before = { [ADDON]: 'old addon', 'deps/lib/libtensorflow.so': 'old library' };
  const script = (ending: string) => `
    const fs = require('fs');
    console.log('clearing away');
    fs.rmSync('deps', { recursive: true, force: true });
    fs.mkdirSync('deps');
    fs.writeFileSync('package.json', '{}');
    ${ending}`;

  it("runs the package's script and replaces what was there", async () => {
    const directory = await usePackage({
      ...before,
      'install.js': script(
        `fs.mkdirSync('lib/napi-v8', { recursive: true }); fs.writeFileSync('${ADDON}', 'new addon'); console.error('done');`,
      ),
    });
    const lines: string[] = [];
    await installNativePart((line) => lines.push(line));
    expect(lines.toSorted()).toEqual(['clearing away', 'done']);
    expect(await readFile(join(directory, ADDON), 'utf8')).toBe('new addon');
    expect((await readdir(directory)).toSorted()).toEqual(['deps', 'install.js', 'lib', 'package.json']);
  });

  it.each([
    [
      'a download fails',
      `throw new Error('getaddrinfo ENOTFOUND storage.googleapis.com')`,
      'The download failed (ENOTFOUND).',
      'Check the network; HTTPS_PROXY names a proxy, TFJS_NODE_CDN_STORAGE a mirror of https://storage.googleapis.com/. Or build it from a TensorFlow wheel: docs/tensorflow.md.',
    ],
    [
      'the script fails',
      `throw new Error('no compiler')`,
      'Its install script failed: Error: no compiler',
      'The lines above may say why. Or build it from a TensorFlow wheel: docs/tensorflow.md.',
    ],
    [
      'the script ends without an addon',
      '',
      'Its install script ended without leaving tfjs_binding.node.',
      'The lines above may say why. Or build it from a TensorFlow wheel: docs/tensorflow.md.',
    ],
  ])('leaves everything as it was where %s', async (_, ending, message, remedy) => {
    const directory = await usePackage({ ...before, 'install.js': script(ending) });
    const packageJson = await readFile(join(directory, 'package.json'), 'utf8');
    await expect(installNativePart(() => {})).rejects.toMatchObject({ name: 'InstallError', message, remedy });
    expect((await readdir(directory)).toSorted()).toEqual(['deps', 'install.js', 'lib', 'package.json']);
    for (const [file, text] of Object.entries({ ...before, 'package.json': packageJson }))
      expect(await readFile(join(directory, file), 'utf8')).toBe(text);
  });

  it('has no package to install it into', async () => {
    await useNoPackage();
    await expect(installNativePart(() => {})).rejects.toMatchObject({
      message: 'The optional package @tensorflow/tfjs-node-gpu is not installed.',
      remedy: expect.stringMatching(
        /^Install it: npm install --ignore-scripts @tensorflow\/tfjs-node-gpu@[\d.]+, in the folder where swp is installed/,
      ) as string,
    });
  });
});
