/**
 * Machine code of the exact engine between pages that cannot be accessed: a wrong address would end the process, and
 * does where a program is made to have one.
 */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { type InstructionSet, instructionSets } from '../../src/compute/runtimes/exact/x86/processor.ts';
import { bundle } from '../engine/rig.ts';

describe.each(instructionSets())('x86-64 %s', (set) => {
  it.each(['before', 'behind'])('touches nothing outside of its buffers: pages %s them are closed', async (side) => {
    const { status, signal, stdout } = await guarded(set, side);
    expect({ status, signal, stdout }).toEqual({
      status: 0,
      signal: null,
      stdout: expect.stringMatching(/^\d{5,} elements are equal\n$/),
    });
  });

  it.each(['before', 'behind'])('would end if it did: a program reads %s a buffer', async (side) => {
    expect((await guarded(set, side, 'overrun')).signal).toBe('SIGSEGV');
  });
});

async function guarded(set: InstructionSet, ...rest: string[]) {
  const program = await bundle('tests/compute/exact/guarded-programs.ts');
  return spawnSync(process.execPath, [program, set, ...rest], { encoding: 'utf8' });
}
