/** Loads a WebAssembly kernel (src/compute/kernel) onto a parameter memory. */
import { readFileSync } from 'node:fs';

/** The exported functions of a kernel; see optimizer.ts there for the arithmetic. */
export interface OptimizerKernel {
  maskAndSquare(gradient: number, mask: number, length: number): number;
  accumulate(total: number, part: number, factor: number, length: number): void;
  adamw(
    weight: number,
    gradient: number,
    first: number,
    second: number,
    mask: number,
    length: number,
    clip: number,
    beta1: number,
    beta2: number,
    rate: number,
    inverseCorrection2: number,
    epsilon: number,
    decay: number,
  ): void;
}

/** By file. */
const COMPILED = new Map<string, WebAssembly.Module>();

/** @param file path of optimizer.wasm or exact-optimizer.wasm as built by build/build.js */
export function loadOptimizerKernel(memory: WebAssembly.Memory, file: string | URL): OptimizerKernel {
  const module = COMPILED.get(String(file)) ?? new WebAssembly.Module(readFileSync(file));
  COMPILED.set(String(file), module);
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  return instance.exports as unknown as OptimizerKernel;
}
