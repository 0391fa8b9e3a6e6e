/** Loads the WebAssembly kernel (src/compute/kernel/optimizer.ts) onto a parameter memory. */
import { readFileSync } from 'node:fs';

/** The exported functions of the kernel; see there for the arithmetic. */
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

let compiled: WebAssembly.Module | undefined;

/** @param file path of optimizer.wasm as built by build/build.js */
export function loadOptimizerKernel(memory: WebAssembly.Memory, file: string | URL): OptimizerKernel {
  compiled ??= new WebAssembly.Module(readFileSync(file));
  const instance = new WebAssembly.Instance(compiled, { env: { memory } });
  return instance.exports as unknown as OptimizerKernel;
}
