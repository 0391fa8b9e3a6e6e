/** Machine code of x86-64 gives the bits of the scalar interpreter, with each set of instructions of this machine. */
import { describe, expect, it } from 'vitest';
import { NoMachineCode } from '../../../src/compute/runtimes/exact/x86/executable-memory.ts';
import { instructionSets } from '../../../src/compute/runtimes/exact/x86/processor.ts';
import { x86Generator } from '../../../src/compute/runtimes/exact/x86/x86-generator.ts';
import { describeGenerator } from './generator-contract.ts';

const isLinux = process.platform === 'linux' && process.arch === 'x64';

for (const set of isLinux ? instructionSets() : []) describeGenerator(`x86-64 ${set}`, x86Generator(set));

describe('x86Generator', () => {
  it('says what it generates, or why it cannot', () => {
    try {
      expect(x86Generator().name).toMatch(/^x86-64 AVX/);
    } catch (error) {
      expect(error).toBeInstanceOf(NoMachineCode);
    }
  });
});
