/** The exact engine gives the same bits on other processors, which QEMU executes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as esbuild from 'esbuild';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf } from '../compute/exact/digest.ts';
import { interpreter } from '../compute/exact/interpreter.ts';
import { packageRoot } from '../../src/base/package-root.ts';
import { requireProcessors } from './requirements.ts';

/** Prints the digest of what WebAssembly computes. */
const PROGRAM = `
  import { digestOf } from './tests/compute/exact/digest.ts';
  import { wasmGenerator } from './src/compute/runtimes/exact/wasm/wasm-generator.ts';
  console.log(process.arch, digestOf(wasmGenerator));`;

describe('the exact engine', () => {
  let folder: string;
  let program: string;
  let arm: { node: string; libraries: string };

  beforeAll(async () => {
    arm = await requireProcessors();
    folder = mkdtempSync(join(tmpdir(), 'swp-processors-'));
    program = join(folder, 'digest.mjs');
    await esbuild.build({
      stdin: { contents: PROGRAM, resolveDir: packageRoot, loader: 'ts' },
      ...{ bundle: true, platform: 'node', format: 'esm', outfile: program },
    });
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('gives the bits of the scalar interpreter on arm64', async () => {
    const { stdout } = await execa('qemu-aarch64-static', ['-L', arm.libraries, arm.node, program]);
    expect(stdout).toBe(`arm64 ${digestOf(interpreter)}`);
  });

  it('gives the bits of the scalar interpreter on an x86-64 without AVX', async () => {
    const { stdout } = await execa('qemu-x86_64-static', ['-cpu', 'Nehalem', process.execPath, program]);
    expect(stdout).toBe(`x64 ${digestOf(interpreter)}`);
  });
});
