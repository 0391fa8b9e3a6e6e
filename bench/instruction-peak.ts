/**
 * What one core reaches with registers alone, in GFLOP/s: separate multiplications and additions, which the exact
 * engine uses, and fused ones, which others use. x86-64 Linux.
 */
import { Label } from '../src/compute/runtimes/exact/x86/code-buffer.ts';
import { Encoder, RDI, type Lanes } from '../src/compute/runtimes/exact/x86/encoder.ts';
import { ExecutableMemory } from '../src/compute/runtimes/exact/x86/executable-memory.ts';
import { instructionSets } from '../src/compute/runtimes/exact/x86/processor.ts';

export interface InstructionPeaks {
  /** Vectors of four lanes, as WebAssembly has them. */
  separate128: number;
  /** Of the widest vectors of this processor. */
  separate: number;
  fused: number;
}

const STEPS = 20_000;
const MEASUREMENTS = 15;

/** @throws NoMachineCode where there is no generated code */
export function measurePeaks(): InstructionPeaks {
  const widest: Lanes = instructionSets().includes('AVX-512') ? 16 : 8;
  return { separate128: peakOf(4, separate), separate: peakOf(widest, separate), fused: peakOf(widest, fused) };
}

/** Writes instructions that wait for no result of each other. @returns how many operations a lane does */
type Work = (code: Encoder, lanes: Lanes) => number;

export function separate(code: Encoder, lanes: Lanes): number {
  const pairs = lanes === 16 ? 14 : 7;
  for (let pair = 0; pair < pairs; pair++) {
    code.binary('mul', lanes, pairs + pair, 2 * pairs, 2 * pairs);
    code.binary('add', lanes, pair, pair, pairs + pair);
  }
  return 2 * pairs;
}

function fused(code: Encoder, lanes: Lanes): number {
  const sums = 12;
  for (let sum = 0; sum < sums; sum++) for (const byte of fusedMultiplyAdd(sum, lanes)) code.byte(byte);
  return 2 * sums;
}

/** vfmadd231ps of register `sum` with 14 and 15: the exact engine has no such instruction, and so has no encoding. */
function fusedMultiplyAdd(sum: number, lanes: Lanes): number[] {
  const [high, register] = [sum < 8 ? 0x80 : 0, ((sum & 7) << 3) | 0xc7];
  if (lanes === 16) return [0x62, high | 0x52, 0x0d, 0x48, 0xb8, register];
  return [0xc4, high | 0x42, 0x0d, 0xb8, register];
}

/** A function that repeats such instructions, and how many operations it does. */
export function loopOf(lanes: Lanes, work: Work): { code: Uint8Array; operations: number } {
  const code = new Encoder();
  for (let register = 0; register < (lanes === 16 ? 32 : 16); register++)
    code.binary('xor', lanes, register, register, register);
  code.moveNumber(RDI, STEPS);
  const begin = code.place(new Label());
  const operations = work(code, lanes);
  code.addNumber(RDI, -1);
  code.jumpIf('notEqual', begin);
  code.zeroUpper();
  code.ret();
  return { code: code.finish(), operations: operations * lanes * STEPS };
}

function peakOf(lanes: Lanes, work: Work): number {
  const { code, operations } = loopOf(lanes, work);
  const memory = new ExecutableMemory(code);
  const call = memory.entry(0, 'void ()');
  let best = Infinity;
  for (let measurement = 0; measurement < MEASUREMENTS; measurement++) {
    const start = performance.now();
    call();
    best = Math.min(best, performance.now() - start);
  }
  memory.release();
  return operations / best / 1e6;
}
