/**
 * Chooses what executes the exact engine's programs on this machine: machine code where there is a generator for it,
 * else WebAssembly. That is allowed here, and nowhere else, because it changes no bit.
 */
import { SwpError } from '../../../base/failure.ts';
import type { Generator } from './language.ts';
import { wasmGenerator } from './wasm/wasm-generator.ts';
import { NoMachineCode } from './x86/executable-memory.ts';
import { x86Generator } from './x86/x86-generator.ts';

/** The generators, by the name that SWP_EXACT_CODE gives to one, the slowest first. */
const GENERATORS = {
  webassembly: () => wasmGenerator,
  avx2: () => x86Generator('AVX2'),
  avx512: () => x86Generator('AVX-512'),
} satisfies Record<string, () => Generator>;

export type GeneratorName = keyof typeof GENERATORS;
export const GENERATOR_NAMES = Object.keys(GENERATORS) as GeneratorName[];

/** Names the one that is used, for tests and measurements. */
const VARIABLE = 'SWP_EXACT_CODE';

let chosen: Generator | undefined;

/**
 * The one that programs are executed with here: the fastest, or that which SWP_EXACT_CODE names.
 * @throws SwpError if SWP_EXACT_CODE names none, or one that this machine does not have
 */
export function generatorOfThisMachine(): Generator {
  chosen ??= choose(process.env[VARIABLE]);
  return chosen;
}

/** @throws NoMachineCode if this machine does not have it */
export function generatorNamed(name: GeneratorName): Generator {
  return GENERATORS[name]();
}

/** Those of this machine, the slowest first. */
export function generatorsHere(): GeneratorName[] {
  return GENERATOR_NAMES.filter((name) => generatorIfThere(name) !== undefined);
}

function choose(named: string | undefined): Generator {
  if (named === undefined || named === '') return generatorNamed(generatorsHere().at(-1)!);
  const name = GENERATOR_NAMES.find((each) => each === named);
  const here = () => generatorsHere().join(', ');
  if (name === undefined)
    throw new SwpError({
      kind: 'usage',
      message: `${VARIABLE} is ${named}, which is no way to execute the exact engine's programs.`,
      expected: `one that this machine has (${here()}), or nothing: the bits are the same`,
    });
  try {
    return generatorNamed(name);
  } catch (error) {
    if (!(error instanceof NoMachineCode)) throw error;
    throw new SwpError(
      {
        kind: 'unavailable',
        what: `engine exact with ${VARIABLE}=${name}`,
        message: error.message,
        remedy: `Leave ${VARIABLE} out, or give it what this machine has (${here()}): the bits are the same.`,
      },
      { cause: error },
    );
  }
}

function generatorIfThere(name: GeneratorName): Generator | undefined {
  try {
    return generatorNamed(name);
  } catch (error) {
    if (error instanceof NoMachineCode) return undefined;
    throw error;
  }
}
