/**
 * Subnormal numbers (below 1.2e-38 in float32) in graphs and in the optimizer: they are zeros there. Some processors
 * compute many times slower with them, and products of small gradients and decaying moments are full of them.
 *
 * A processor is told so for a thread ("flush to zero" and "denormals are zero"), and JavaScript would compute in the
 * same way: two weights of different magnitude would be equal to a prune. So flushing begins and ends with each call.
 * ONNX Runtime's own option `session.set_denormal_as_zero` is no way to that: the first session of a process decides
 * for the thread, and never takes it back.
 */
import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';
import { computesAsIeee } from '../../base/ieee-arithmetic.ts';

/** Tells the processor. */
type SetFlushing = (flushing: boolean) => void;

/** Undefined where there is no way to it. */
let setFlushing: SetFlushing | undefined;
let isTried = false;

/** Whether this platform can flush; where it cannot, graphs and optimizer compute with subnormal numbers. */
export function canFlushSubnormals(): boolean {
  if (!isTried) setFlushing = findSwitch();
  isTried = true;
  return setFlushing !== undefined;
}

/**
 * Does work in which subnormal operands and results are zeros, where the platform can. The thread is as before
 * afterwards, also if the work throws.
 * @param work synchronous: whatever else ran meanwhile would compute in the same way. It flushes by itself nowhere:
 *   what came after that would not
 */
export function flushingSubnormals<Result>(work: () => Result): Result {
  if (!canFlushSubnormals()) return work();
  setFlushing!(true);
  try {
    return work();
  } finally {
    setFlushing!(false);
  }
}

/** One that was seen to work on this machine. */
function findSwitch(): SetFlushing | undefined {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
    const set = process.platform === 'win32' ? switchOfWindows(koffi) : switchOfPosix(koffi);
    if (set === undefined) return undefined;
    set(true);
    const flushes = !computesAsIeee();
    set(false);
    return flushes && computesAsIeee() ? set : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Where the C library's `fenv_t` has the control register, in bytes, and the register's bits: on x64 FZ (bit 15) and
 * DAZ (bit 6) of MXCSR, on arm64 FZ (bit 24) of FPCR. glibc and musl agree.
 */
const REGISTERS: Record<string, { at: number; bits: number }> = {
  'linux x64': { at: 28, bits: 0x8040 },
  'darwin x64': { at: 4, bits: 0x8040 },
  'linux arm64': { at: 0, bits: 1 << 24 },
  'darwin arm64': { at: 8, bits: 1 << 24 },
};
/** Longer than any `fenv_t`. */
const ENVIRONMENT_BYTES = 64;

function switchOfPosix(koffi: typeof Koffi): SetFlushing | undefined {
  const register = REGISTERS[`${process.platform} ${process.arch}`];
  if (register === undefined) return undefined;
  const program = koffi.load(null); // Node.js itself is linked to the mathematical library
  const getEnvironment = program.func('int fegetenv(void *)');
  const setEnvironment = program.func('int fesetenv(const void *)');
  const keeping = new Uint8Array(new ArrayBuffer(ENVIRONMENT_BYTES));
  getEnvironment(keeping);
  const flushing = keeping.slice();
  new DataView(keeping.buffer).setUint32(register.at, controlOf(keeping, register.at) & ~register.bits, true);
  new DataView(flushing.buffer).setUint32(register.at, controlOf(flushing, register.at) | register.bits, true);
  return (on) => void setEnvironment(on ? flushing : keeping);
}

function controlOf({ buffer }: Uint8Array<ArrayBuffer>, at: number): number {
  return new DataView(buffer).getUint32(at, true);
}

/** `_controlfp_s` with the mask `_MCW_DN`: `_DN_FLUSH` or `_DN_SAVE`. */
function switchOfWindows(koffi: typeof Koffi): SetFlushing {
  const [mask, flush, save] = [0x0300_0000, 0x0100_0000, 0];
  const control = koffi.load('ucrtbase.dll').func('int _controlfp_s(_Out_ unsigned int *, unsigned int, unsigned int)');
  return (on) => void control([0], on ? flush : save, mask);
}
