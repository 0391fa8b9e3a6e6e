/** swp doctor on the machine that runs the tests, with fakes where a plain machine has nothing to find. */
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { onnxPackage } from '../../src/compute/runtimes/onnx/onnx-package.ts';
import { CPU_TARGET } from '../../src/compute/runtimes/runtime.ts';
import { examineAccelerators } from '../../src/doctor/accelerators.ts';
import { examineCachePlace } from '../../src/doctor/cache-place.ts';
import type { DoctorFindings } from '../../src/doctor/examine.ts';
import { installCudaProvider } from '../../src/doctor/install-cuda.ts';
import { probe } from '../../src/doctor/targets.ts';
import { packageRoot } from '../../src/base/package-root.ts';
import { SwpProject } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';

/** The real command line, in another environment. */
async function doctor(project: SwpProject, env: NodeJS.ProcessEnv, ...args: string[]) {
  const clean = { NO_COLOR: '1', SWP_CACHE: undefined, SWP_PROFILE: undefined, FORCE_COLOR: undefined, ...env };
  return execa(process.execPath, [join(packageRoot, 'bin/swp.js'), 'doctor', ...args], {
    cwd: project.root,
    reject: false,
    env: clean,
  });
}

/** A folder with a program that writes `output` and ends with `exitCode`. */
async function fakeProgram(project: SwpProject, name: string, output: string, exitCode = 0): Promise<string> {
  const folder = project.path('programs');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, name), `#!/bin/sh\ncat <<'END'\n${output}\nEND\nexit ${exitCode}\n`);
  await chmod(join(folder, name), 0o755);
  return folder;
}

/** NODE_OPTIONS under which the probes of a device kill themselves, as a library that crashes would. */
async function crashing(project: SwpProject, device: string): Promise<string> {
  const code = `if (process.argv[1]?.endsWith('probe.js') && process.argv[3] === '${device}') { console.error('illegal instruction'); process.kill(process.pid, 'SIGABRT'); setInterval(() => {}, 1000); }`;
  await project.write('crash.mjs', code);
  return `--import=${pathToFileURL(project.path('crash.mjs')).href}`;
}

describe('swp doctor', () => {
  test('on a plain machine: the default target works, the others say why not: 0', async () => {
    const project = await SwpProject.create(tinyStudy());
    const { exitCode, stdout, stderr } = await doctor(project, {}, '--json');
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    const findings = JSON.parse(stdout) as DoctorFindings;
    expect(findings).toMatchObject({
      ok: true,
      node: { version: process.versions.node, supported: true },
      machine: { platform: process.platform, arch: process.arch },
      cache: { path: project.path('cache'), exists: false, writable: true, code: null },
      packages: { 'onnxruntime-node': expect.stringMatching(/^\d+\./) },
    });
    expect(findings.targets.map(({ engine, device }) => `${engine} ${device}`)).toEqual([
      'onnx cpu',
      'exact cpu',
      'onnx cuda',
      'onnx webgpu',
      'tensorflow cpu',
      'tensorflow cuda',
    ]);
    const [first, exact, ...others] = findings.targets;
    expect(exact).toMatchObject({ works: 'ok', why: null, remedy: null });
    expect(exact!.generators!.at(-1)!.name).toBe('WebAssembly SIMD');
    for (const { gemmGflops } of exact!.generators!) expect(gemmGflops).toBeGreaterThan(0.1);
    expect(first).toMatchObject({ works: 'ok', why: null, remedy: null });
    expect(first!.deviation).toBeLessThan(1e-5);
    expect(first!.gemmGflops).toBeGreaterThan(0.1);
    expect(first!.flushesSubnormals).toBe(true);
    for (const { works, why, remedy } of others)
      if (works === 'no') expect([why, remedy]).toEqual([expect.stringMatching(/\S/), expect.stringMatching(/\S/)]);
    expect(await readdir(project.root)).toEqual(['pipeline.json']); // it leaves nothing behind
  });

  test('without FFI the default target works, and the way it computes is told', async () => {
    const project = await SwpProject.create(tinyStudy());
    await project.write(
      'without-koffi.mjs',
      `import Module from 'node:module';
      const load = Module._load;
      Module._load = (name, ...rest) => {
        if (name === 'koffi') throw new Error('Cannot find module');
        return load(name, ...rest);
      };`,
    );
    const { stdout } = await doctor(project, {
      NODE_OPTIONS: `--import=${pathToFileURL(project.path('without-koffi.mjs')).href}`,
    });
    expect(stdout).toMatch(/^onnx +cpu +ok +\d+ GFLOP\/s on one core; no FFI: subnormal numbers are kept$/m);
    expect(stdout).toMatch(/^exact +cpu +ok +WebAssembly SIMD: \d+ GFLOP\/s$/m); // no FFI, no machine code
  });

  test('an engine that crashes is a finding of its own; GPUs are what nvidia-smi says', async () => {
    const project = await SwpProject.create(tinyStudy());
    const programs = await fakeProgram(
      project,
      'nvidia-smi',
      '0, GPU-aaaa, 3, 81559, 550.54.15, NVIDIA H100 80GB HBM3\n1, GPU-bbbb, [N/A], [N/A], 580.95.05, NVIDIA GB10, Spark',
    );
    const { exitCode, stdout } = await doctor(project, {
      PATH: [programs, process.env.PATH].join(delimiter),
      NODE_OPTIONS: await crashing(project, 'webgpu'),
    });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^engine +device +works$/m);
    expect(stdout).toMatch(/^onnx +cpu +ok +\d+ GFLOP\/s on one core$/m);
    expect(stdout).toMatch(/^onnx +webgpu +broken +its process was killed by SIGABRT; it wrote: illegal instruction$/m);
    expect(stdout).toMatch(
      /^GPUs +NVIDIA H100 80GB HBM3 \(85\.5 GB\), driver 550\.54\.15; NVIDIA GB10, Spark, driver 580\.95\.05$/m,
    );
    expect(stdout).toMatch(/^cache +.+\/cache: can be made, [\d.]+ .?B free/m);
  });

  test('without the default target: 1', async () => {
    const project = await SwpProject.create(tinyStudy());
    const { exitCode, stdout } = await doctor(project, { NODE_OPTIONS: await crashing(project, 'cpu') });
    expect(stdout).toMatch(/^onnx +cpu +broken +its process was killed by SIGABRT/m);
    expect(exitCode).toBe(1);
  });

  test('--install cuda without a connection: 2, what to do, and nothing half done', async () => {
    const project = await SwpProject.create(tinyStudy());
    const asked: string[] = [];
    const refusing = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (data) => {
        asked.push(String(data).split('\r\n')[0]!);
        socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      });
    });
    await new Promise<void>((resolve) => void refusing.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void refusing.close());
    const folder = onnxPackage().directory;
    const before = await readdir(folder, { recursive: true });

    const proxy = `http://127.0.0.1:${(refusing.address() as AddressInfo).port}`;
    const { exitCode, stdout, stderr } = await doctor(
      project,
      { HTTPS_PROXY: proxy, GLOBAL_AGENT_HTTPS_PROXY: undefined },
      '--install',
      'cuda',
    );
    expect(stdout).toBe('');
    if (process.platform === 'linux' && process.arch === 'x64') {
      expect(asked[0]).toBe('CONNECT api.nuget.org:443 HTTP/1.1');
      expect(stderr).toMatch(
        /^error: Cannot install ONNX Runtime's CUDA provider: the download from https:\/\/api\.nuget\.org failed \(.+\)\.\n {2}It takes a connection to .+ Nothing has changed: run the command again/,
      );
    } else expect(stderr).toMatch(/^error: Cannot install ONNX Runtime's CUDA provider: there is none for /);
    expect(exitCode).toBe(2);
    expect(await readdir(folder, { recursive: true })).toEqual(before);
  });

  test('--install of what there is not: 2', async () => {
    const project = await SwpProject.create(tinyStudy());
    const { exitCode, stderr } = await doctor(project, {}, '--install', 'rocm');
    expect(stderr).toContain("argument 'rocm' is invalid. Allowed choices are");
    expect(exitCode).toBe(2);
  });
});

describe('the installation of the CUDA provider', () => {
  const binaries = `bin/napi-v6/${process.platform}/${process.arch}`;

  /** A package like onnxruntime-node, with an install script of ours. */
  async function packageWith(script: string): Promise<SwpProject> {
    const project = await SwpProject.create({});
    await project.write(
      'script/install-metadata.js',
      `module.exports = { requirements: { '${process.platform}/${process.arch}': ['cuda12'] } };`,
    );
    await project.write(
      'script/install.js',
      `const { mkdirSync, writeFileSync } = require('node:fs');\nconst bin = require('node:path').join(__dirname, '../${binaries}');\n${script}`,
    );
    await project.write(`${binaries}/binding.node`, 'there before');
    return project;
  }
  const filesOf = async (project: SwpProject) => ({
    package: (await readdir(project.root)).sort(),
    binaries: (await readdir(project.path(binaries))).sort(),
  });

  test('puts everything beside what is there', async () => {
    const project = await packageWith(
      "console.log('Downloading'); mkdirSync(bin, { recursive: true }); for (const name of ['a.so', 'b.so']) writeFileSync(`${bin}/${name}`, name);",
    );
    const log: string[] = [];
    await installCudaProvider((line) => void log.push(line), project.root);
    expect(log).toEqual(['Downloading', `Installed a.so, b.so in ${project.path(binaries)}`]);
    expect(await filesOf(project)).toEqual({
      package: ['bin', 'pipeline.json', 'script'],
      binaries: ['a.so', 'b.so', 'binding.node'],
    });
  });

  test('that breaks off halfway leaves everything as it was', async () => {
    const project = await packageWith(
      "mkdirSync(bin, { recursive: true }); writeFileSync(`${bin}/a.so`, ''); throw new Error('connection reset');",
    );
    await expect(installCudaProvider(() => undefined, project.root)).rejects.toMatchObject({
      failure: { kind: 'install', message: 'the download from https://api.nuget.org failed (connection reset)' },
    });
    expect(await filesOf(project)).toEqual({ package: ['bin', 'pipeline.json', 'script'], binaries: ['binding.node'] });
  });

  test('that fetches nothing and does not say why has failed', async () => {
    const project = await packageWith('');
    await expect(installCudaProvider(() => undefined, project.root)).rejects.toMatchObject({
      failure: { kind: 'install', message: 'its install script fetched nothing' },
    });
  });
});

describe('the probe of a target', () => {
  async function probing(code: string, timeoutMs?: number) {
    const project = await SwpProject.create({});
    await project.write('probe.mjs', code);
    return probe(CPU_TARGET, { module: project.path('probe.mjs'), ...(timeoutMs !== undefined && { timeoutMs }) });
  }

  test('that hangs is ended', async () => {
    expect(await probing('setInterval(() => {}, 1000);', 500)).toMatchObject({
      works: 'broken',
      why: expect.stringMatching(/^it hung: no answer in \d+ s$/),
    });
  });

  test('that ends without an answer says how', async () => {
    expect(
      await probing("console.log('loading'); console.error('GLIBC_2.38 not found'); process.exit(3);"),
    ).toMatchObject({
      works: 'broken',
      why: 'its process ended with exit code 3; it wrote: GLIBC_2.38 not found',
    });
  });

  test('that computes something else is broken, not ok', async () => {
    expect(
      await probing(
        "process.send({ kind: 'ran', agrees: false, deviation: 0.25, tolerance: 1e-5 }, () => process.exit(0));",
      ),
    ).toMatchObject({
      works: 'broken',
      why: 'it computes something else: off by 2.5e-1, where rounding explains 0.00001',
      deviation: 0.25,
    });
  });

  test('that crashes after its answer, as libraries do when they are unloaded, has answered', async () => {
    const code =
      "process.send({ kind: 'ran', agrees: true, deviation: 1e-7, tolerance: 1e-5 }, () => process.kill(process.pid, 'SIGKILL'));";
    expect(await probing(code)).toMatchObject({ works: 'ok', deviation: 1e-7 });
  });
});

describe('the place of the cache', () => {
  test('need not exist: the folder above it counts', async () => {
    const project = await SwpProject.create({});
    expect(await examineCachePlace(project.path('a/b/cache'))).toMatchObject({
      exists: false,
      writable: true,
      free: expect.any(Number),
    });
    expect(await readdir(project.root)).toEqual(['pipeline.json']);
  });

  test('cannot be where a file stands', async () => {
    const project = await SwpProject.create({});
    expect(await examineCachePlace(project.path('pipeline.json/cache'))).toMatchObject({
      exists: false,
      writable: false,
      code: 'ENOTDIR',
    });
  });
});

describe('accelerators', () => {
  test('a driver that does not answer is repeated in its own words', async () => {
    const project = await SwpProject.create({});
    const programs = await fakeProgram(
      project,
      'nvidia-smi',
      "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
      9,
    );
    vi.stubEnv('PATH', [programs, process.env.PATH].join(delimiter));
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await examineAccelerators()).toMatchObject({
      gpus: [],
      nvidiaSmi: "nvidia-smi fails: NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
    });
  });

  test('libraries are those of LD_LIBRARY_PATH, too; drivers are those that the environment names', async () => {
    const project = await SwpProject.create({});
    for (const name of ['libcudart.so.12', 'libcudart.so.12.4.99', 'libcudnn.so.9', 'libother.so.1'])
      await project.write(`lib/${name}`, '');
    vi.stubEnv('LD_LIBRARY_PATH', project.path('lib'));
    vi.stubEnv('VK_DRIVER_FILES', '/opt/swiftshader/vk_swiftshader_icd.json');
    onTestFinished(() => void vi.unstubAllEnvs());
    const { cudaLibraries, vulkanDrivers } = await examineAccelerators();
    expect(cudaLibraries).toEqual(expect.arrayContaining(['libcudart.so.12', 'libcudnn.so.9']));
    expect(cudaLibraries).not.toContain('libother.so.1');
    expect(vulkanDrivers).toEqual(['/opt/swiftshader/vk_swiftshader_icd.json']);
  });
});
