/** The exact engine gives the same bits on other processors, which QEMU executes. */
import { chmod } from 'node:fs/promises';
import * as esbuild from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../src/base/package-root.ts';
import { digestOf } from '../compute/exact/digest.ts';
import { interpreter } from '../compute/exact/interpreter.ts';
import { computeExactly } from '../support/exact-digests.ts';
import { command, SwpProject } from '../support/swp-project.ts';
import { tinyStudy } from '../support/tiny-study.ts';
import { requireProcessors } from './requirements.ts';

/** Of a whole study: a training step takes a second there. */
const A_STUDY_TAKES = 1_200_000;

/** Prints the digest of what WebAssembly computes. */
const PROGRAM = `
  import { digestOf } from './tests/compute/exact/digest.ts';
  import { wasmGenerator } from './src/compute/runtimes/exact/wasm/wasm-generator.ts';
  console.log(process.arch, digestOf(wasmGenerator));`;

describe('the exact engine', () => {
  let arm: { node: string; libraries: string };
  const processors: Record<'arm64' | 'x64', () => string> = {
    arm64: () => `qemu-aarch64-static -L ${arm.libraries} ${arm.node}`,
    // It has no AVX.
    x64: () => `qemu-x86_64-static -cpu Nehalem ${process.execPath}`,
  };
  const names = ['arm64', 'x64'] as const;

  beforeAll(async () => {
    arm = await requireProcessors();
  });

  /** A command that is Node on another processor, also for the processes that it starts. */
  async function nodeOf(project: SwpProject, name: 'arm64' | 'x64'): Promise<string> {
    const [node, preload] = [project.path(`node-${name}`), project.path(`node-${name}.mjs`)];
    await project.write(`node-${name}.mjs`, `process.execPath = ${JSON.stringify(node)};\n`);
    await project.write(`node-${name}`, `#!/bin/sh\nexec ${processors[name]()} --import ${preload} "$@"\n`);
    await chmod(node, 0o755);
    return node;
  }

  it.each(names)('gives the bits of the scalar interpreter on another processor: %s', async (name) => {
    const project = await SwpProject.create({});
    const program = project.path('digest.mjs');
    await esbuild.build({
      stdin: { contents: PROGRAM, resolveDir: packageRoot, loader: 'ts' },
      ...{ bundle: true, platform: 'node', format: 'esm', outfile: program },
    });
    const { stdout } = await project.startProgram(await nodeOf(project, name), [program]);
    expect(stdout).toBe(`${name} ${digestOf(interpreter)}`);
  });

  it.each(names)(
    'computes the study on another processor that it computes here: %s',
    { timeout: A_STUDY_TAKES },
    async (name) => {
      const [here, there] = await Promise.all([SwpProject.create(study()), SwpProject.create(study())]);
      const repro = ['repro', '--engine', 'exact', '--jobs', '1'];
      const { exitCode, stderr } = await there.startProgram(await nodeOf(there, name), [command, ...repro]);
      expect(exitCode, String(stderr)).toBe(0);
      // What is there is not computed again.
      expect((await there.swp('repro', '--engine', 'exact')).stdout).toContain('6 cached, 0 to run');
      const digests = await computeExactly(here);
      expect(Object.keys(digests)).toHaveLength(6);
      expect(await computeExactly(there)).toEqual(digests);
    },
  );
});

/** From new weights: a model that is loaded is tried on ONNX Runtime, which QEMU cannot execute for arm64. */
function study(): unknown {
  const { dag, defaults, ...rest } = tinyStudy();
  const rounds = dag.at(-1);
  return {
    ...rest,
    dag: [{ step: 'init', stage: 'init' }, rounds],
    experiments: { A1: {} },
    defaults: {
      ...defaults,
      params: {
        init: { scheme: 'xavier' },
        train: {
          ...{ steps: 8, batchSize: 4, microBatchSize: 2, sequenceLength: 64 },
          ...{ schedule: 'warmup-cosine', warmupSteps: 2, learningRate: 0.003 },
        },
        eval: { sequences: 8, batchSize: 4, sequenceLength: 64 },
        prune: { fraction: 0.5 },
      },
    },
  };
}
