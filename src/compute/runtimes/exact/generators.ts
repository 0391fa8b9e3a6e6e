/**
 * Chooses what executes the exact engine's programs on this machine: machine code where there is a generator for it,
 * else WebAssembly. That is allowed here, and nowhere else, because it changes no bit.
 */
import type { Generator } from './language.ts';
import { x86Generator } from './x86/x86-generator.ts';

/** Names a generator that shall be used, for tests and benchmarks: `webassembly`, `avx2` or `avx512`. */
export const GENERATOR_VARIABLE = 'SWP_EXACT_CODE';

let chosen: Generator | undefined;

/** @throws Error if SWP_EXACT_CODE names one that this machine does not have */
export function generatorOfThisMachine(): Generator {
  chosen ??= choose(process.env[GENERATOR_VARIABLE]);
  return chosen;
}

function choose(named: string | undefined): Generator {
  throw new Error(`${named} ${String(x86Generator)}`);
}
