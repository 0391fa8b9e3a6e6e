/**
 * Memory that the processor executes. Pages are written first and made executable then, never both at once; a system
 * that refuses is an expected case.
 */
import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';

const READ = 1;
const WRITE = 2;
const EXECUTE = 4;
const PRIVATE_ANONYMOUS = 0x22;

/** What mmap returns where it fails is no address: it is above 2^53, and so a bigint. */
type Pointer = number;

interface Calls {
  map: (at: null, length: number, protection: number, flags: number, file: number, offset: number) => Pointer | bigint;
  protect: (at: Pointer, length: number, protection: number) => number;
  unmap: (at: Pointer, length: number) => number;
  copy: (to: Pointer, from: Uint8Array, length: number) => void;
}

/** This machine or system does not run generated code. The message says why. */
export class NoMachineCode extends Error {
  override name = 'NoMachineCode';
}

let calls: Calls | undefined;

export class ExecutableMemory {
  #at: Pointer | undefined;
  readonly #length: number;

  /** @throws NoMachineCode if the system refuses */
  constructor(code: Uint8Array) {
    const { map, protect, unmap, copy } = systemCalls();
    const at = map(null, code.length, READ | WRITE, PRIVATE_ANONYMOUS, -1, 0);
    if (typeof at !== 'number' || at === 0) throw new NoMachineCode('The system gives no memory for generated code.');
    copy(at, code, code.length);
    if (protect(at, code.length, READ | EXECUTE) !== 0) {
      unmap(at, code.length);
      throw new NoMachineCode('The system does not let memory be executed.');
    }
    this.#at = at;
    this.#length = code.length;
  }

  /** A function in the code. It must not be called after `release`. */
  entry(offset: number, signature: string): (...args: unknown[]) => unknown {
    if (this.#at === undefined) throw new Error('The code has been released.');
    const { decode, proto } = koffi();
    return decode(BigInt(this.#at + offset), proto(signature)) as (...args: unknown[]) => unknown;
  }

  release(): void {
    if (this.#at !== undefined) systemCalls().unmap(this.#at, this.#length);
    this.#at = undefined;
  }
}

/**
 * Address of memory that JavaScript owns, which has to be held as long as it is used. Small arrays are in the heap,
 * where they may move, until `buffer` is read.
 */
export function addressOf(data: NodeJS.TypedArray): number {
  void data.buffer;
  return Number(koffi().address(data));
}

function systemCalls(): Calls {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new NoMachineCode(
      `Machine code is generated for Linux on x86-64, not for ${process.platform} on ${process.arch}.`,
    );
  calls ??= findCalls();
  return calls;
}

function findCalls(): Calls {
  try {
    const program = koffi().load(null); // Node.js itself is linked to the C library
    return {
      map: program.func('uintptr_t mmap(void *, size_t, int, int, int, int64_t)'),
      protect: program.func('int mprotect(uintptr_t, size_t, int)'),
      unmap: program.func('int munmap(uintptr_t, size_t)'),
      copy: program.func('void *memcpy(uintptr_t, const void *, size_t)'),
    };
  } catch (error) {
    throw new NoMachineCode(`The system cannot be asked for memory: ${(error as Error).message}`);
  }
}

function koffi(): typeof Koffi {
  return createRequire(import.meta.url)('koffi') as typeof Koffi;
}
