/** Which generator executes programs on this machine, and what a user is told who names another one. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Failure, SwpError } from '../../../src/base/failure.ts';

/** The module as a process has it that begins with SWP_EXACT_CODE. */
function generators(name: string) {
  vi.stubEnv('SWP_EXACT_CODE', name);
  return import('../../../src/compute/runtimes/exact/generators.ts');
}

async function failureOf(name: string): Promise<Failure> {
  const { generatorOfThisMachine } = await generators(name);
  try {
    generatorOfThisMachine();
  } catch (error) {
    if ((error as Error).name === 'SwpError') return (error as SwpError).failure;
    throw error;
  }
  throw new Error(`${name} is accepted.`);
}

beforeEach(() => vi.resetModules());
afterEach(() => {
  vi.doUnmock('../../../src/compute/runtimes/exact/x86/x86-generator.ts');
  vi.unstubAllEnvs();
});

describe('SWP_EXACT_CODE', () => {
  it('names the generator', async () => {
    expect((await generators('webassembly')).generatorOfThisMachine().name).toBe('WebAssembly SIMD');
  });

  it('is the fastest if it is empty', async () => {
    const { generatorOfThisMachine, generatorNamed, generatorsHere } = await generators('');
    expect(generatorOfThisMachine().name).toBe(generatorNamed(generatorsHere().at(-1)!).name);
  });

  it('is wrong: a failure that says what there is', async () => {
    expect(await failureOf('avx')).toMatchObject({
      kind: 'usage',
      message: expect.stringContaining('SWP_EXACT_CODE is avx') as string,
      expected: expect.stringContaining('webassembly') as string,
    });
  });

  it('names what this machine lacks: a failure with a remedy', async () => {
    refuseMachineCode();
    expect(await failureOf('avx2')).toMatchObject({
      kind: 'unavailable',
      message: 'Memory cannot be executed.',
      remedy: expect.stringContaining('Leave SWP_EXACT_CODE out') as string,
    });
  });

  it('is empty where machine code is refused: WebAssembly serves', async () => {
    refuseMachineCode();
    expect((await generators('')).generatorOfThisMachine().name).toBe('WebAssembly SIMD');
  });
});

function refuseMachineCode(): void {
  vi.doMock('../../../src/compute/runtimes/exact/x86/x86-generator.ts', async () => {
    const { NoMachineCode: Refusal } = await import('../../../src/compute/runtimes/exact/x86/executable-memory.ts');
    return {
      x86Generator: () => {
        throw new Refusal('Memory cannot be executed.');
      },
    };
  });
}
