import { describe, expect, it, vi } from 'vitest';
import { Body } from '../../../src/compute/runtimes/exact/body.ts';
import { ProgramTooLarge, type Program } from '../../../src/compute/runtimes/exact/language.ts';
import { wasmGenerator } from '../../../src/compute/runtimes/exact/wasm/wasm-generator.ts';
import { describeGenerator } from './generator-contract.ts';

describeGenerator('WebAssembly', wasmGenerator);

describe('WebAssembly addresses 4 GiB', () => {
  /** Writes a number into the last of so many elements, and copies it from there. */
  function programOf(elements: number): Program {
    const [write, copy] = [new Body(0), new Body(0)];
    write.store(write.constant(3), { slot: 0, strides: [], lane: 1 });
    copy.store(copy.load({ slot: 0, strides: [], lane: 1 }), { slot: 1, strides: [], lane: 1 });
    const last = { buffer: 0, offset: elements - 1 };
    return {
      buffers: [
        { name: 'large', dtype: 'float32', elements, kind: 'scratch' },
        { name: 'result', dtype: 'float32', elements: 1, kind: 'output' },
      ],
      kernels: [write.kernel([], 1), copy.kernel([], 1)],
      phases: {
        before: [],
        each: [
          { kernel: 0, places: [last] },
          { kernel: 1, places: [last, { buffer: 1, offset: 0 }] },
        ],
        after: [],
      },
    };
  }

  it('of which all can be used', () => {
    const program = wasmGenerator.compile(programOf(2 ** 30 - 64));
    const result = new Float32Array(1);
    program.bind(1, result);
    program.run(1);
    program.release();
    expect([...result]).toEqual([3]);
  });

  it('and a program that takes more is refused before anything is allocated', () => {
    const memory = vi.spyOn(WebAssembly, 'Memory');
    try {
      expect(() => wasmGenerator.compile(programOf(3 * 2 ** 30))).toThrow(
        new ProgramTooLarge('The program takes 12.9 GB, and WebAssembly addresses 4.29 GB.'),
      );
      expect(memory).not.toHaveBeenCalled();
    } finally {
      memory.mockRestore();
    }
  });

  it('and says so where the system refuses memory', () => {
    const memory = vi.spyOn(WebAssembly, 'Memory').mockImplementation(function () {
      throw new RangeError('WebAssembly.Memory(): could not allocate memory');
    });
    try {
      expect(() => wasmGenerator.compile(programOf(1000))).toThrow(/refuses 65.5 kB of memory.*`ulimit -v`/);
    } finally {
      memory.mockRestore();
    }
  });
});
