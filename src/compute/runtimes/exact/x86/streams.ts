/**
 * The pointers of a map kernel: one for each way in which loops move through a place. They are in general registers,
 * and those that are used least are on the stack.
 */
import type { Access, Instruction, LoopInstruction, MapKernel, Row } from '../language.ts';
import {
  type Encoder,
  type Memory,
  R8,
  R9,
  R10,
  R11,
  R12,
  R13,
  R14,
  R15,
  RAX,
  RBP,
  RBX,
  RCX,
  RDI,
  RDX,
  type Register,
  RSI,
} from './encoder.ts';
import { advance, bytesOf, ELEMENT, Frame, type Pointer } from './kernel-code.ts';

/** Bytes of the lanes that are done. */
export const LANE_OFFSET = RDX;
/** Free for what an instruction needs for a moment. */
export const [SCRATCH, SCRATCH_TOO] = [RAX, RCX];
/** The one that holds the table of places comes last: it is overwritten last. */
const REGISTERS = [RBX, RBP, RSI, R8, R9, R10, R11, R12, R13, R14, R15, RDI];

/** How much more often a loop's body is run than what is around it, for the choice of registers. */
const TIMES = 8;

type Path = Pick<Access, 'slot' | 'strides'>;

/** Something that wants a register. */
interface Claim {
  weight: number;
  at: Register | Memory;
  slot?: number;
  strides: readonly number[];
}

export class Streams {
  readonly frame: Frame;
  /** Of the loops around the lanes. */
  readonly counters: readonly Memory[];
  readonly #code: Encoder;
  readonly #claims = new Map<string, Claim>();
  readonly #loops = new Map<number, { counter: Claim; end: Memory; paths: Set<Claim> }>();

  constructor(code: Encoder, kernel: MapKernel) {
    this.#code = code;
    const collect = (body: readonly Instruction[], weight: number, loops: readonly LoopInstruction[]): void => {
      for (const instruction of body) {
        if (instruction.op === 'loop') {
          this.#claims.set(`loop ${instruction.loop}`, { weight: 2 * weight * TIMES, at: 0, strides: [] });
          collect(instruction.body, weight * TIMES, [...loops, instruction]);
          continue;
        }
        const access = accessOf(instruction);
        if (access === undefined) continue;
        for (const path of access.row === undefined ? [access] : [access, access.row]) {
          const key = keyOf(path);
          const claim = this.#claims.get(key) ?? { weight: 0, at: 0, slot: path.slot, strides: path.strides };
          claim.weight += weight;
          this.#claims.set(key, claim);
        }
      }
    };
    collect(kernel.body, 1, []);
    const claims = [...this.#claims.values()].sort((a, b) => b.weight - a.weight);
    const inLoops = [...this.#claims.keys()].filter((key) => key.startsWith('loop ')).length;
    this.frame = new Frame(code, claims.length + inLoops + kernel.loops.length);
    claims.forEach((claim, index) => (claim.at = REGISTERS[index] ?? this.frame.slot()));
    for (const { at, slot } of [...claims].reverse().sort((a, b) => Number(a.at === RDI) - Number(b.at === RDI))) {
      if (slot === undefined) continue;
      const place = { base: RDI, displacement: 8 * slot };
      code.move(typeof at === 'number' ? at : SCRATCH, place);
      if (typeof at !== 'number') code.store(at, SCRATCH);
    }
    this.counters = kernel.loops.map(() => this.frame.slot());
    this.#findLoops(kernel.body);
  }

  /** All pointers, for the loops around the lanes. */
  get pointers(): Pointer[] {
    return [...this.#claims.values()].filter(({ slot }) => slot !== undefined);
  }

  counterOf(loop: number): Register | Memory {
    return this.#loops.get(loop)!.counter.at;
  }

  /** Where a loop ends, if that is not known before. */
  endOf(loop: LoopInstruction): Memory {
    return this.#loops.get(loop.loop)!.end;
  }

  /** Moves the pointers that are used in a loop by a number of its iterations. */
  advance(loop: LoopInstruction, iterations: number): void {
    for (const { at, strides } of this.#loops.get(loop.loop)!.paths)
      advance(this.#code, at, (strides[loop.loop] ?? 0) * iterations);
  }

  /** The same for a number in a register or on the stack. */
  advanceBy(loop: LoopInstruction, iterations: Register | Memory, sign: 1 | -1): void {
    for (const { at, strides } of this.#loops.get(loop.loop)!.paths) {
      const stride = strides[loop.loop] ?? 0;
      if (stride === 0) continue;
      this.#code.multiply(SCRATCH_TOO, iterations, bytesOf(sign * stride));
      this.#code.add(at, SCRATCH_TOO);
    }
  }

  /** Where an access begins in the first of the lanes in work. It may be in `SCRATCH`. */
  locate(access: Access): Memory {
    const { lane, row } = access;
    const pointer = this.#pointer(access);
    let base: Register;
    if (row === undefined) {
      base = typeof pointer === 'number' ? pointer : SCRATCH;
      if (typeof pointer !== 'number') this.#code.move(SCRATCH, pointer);
    } else {
      const index = this.#pointer(row);
      base = SCRATCH;
      if (typeof index !== 'number') this.#code.move(SCRATCH, index);
      this.#code.moveInteger(SCRATCH, { base: typeof index === 'number' ? index : SCRATCH });
      this.#code.multiply(SCRATCH, SCRATCH, bytesOf(row.length));
      this.#code.add(SCRATCH, pointer);
    }
    return { base, ...(lane === 1 && { index: LANE_OFFSET }) };
  }

  #pointer(path: Path | Row): Register | Memory {
    return this.#claims.get(keyOf(path))!.at;
  }

  /** Which pointers a loop moves. */
  #findLoops(body: readonly Instruction[]): Claim[] {
    return body.flatMap((instruction) => {
      if (instruction.op !== 'loop') {
        const access = accessOf(instruction);
        if (access === undefined) return [];
        return (access.row === undefined ? [access] : [access, access.row]).map((path) =>
          this.#claims.get(keyOf(path))!,
        );
      }
      const paths = this.#findLoops(instruction.body);
      const counter = this.#claims.get(`loop ${instruction.loop}`)!;
      this.#loops.set(instruction.loop, { counter, end: this.frame.slot(), paths: new Set(paths) });
      return paths;
    });
  }
}

function accessOf(instruction: Exclude<Instruction, LoopInstruction>): Access | undefined {
  if ('from' in instruction) return instruction.from;
  return 'value' in instruction ? instruction.to : undefined;
}

function keyOf({ slot, strides }: Path): string {
  const last = strides.findLastIndex((stride) => stride !== 0);
  return [slot, ...strides.slice(0, last + 1)].join();
}

export function shifted(memory: Memory, access: Access, lanes: number): Memory {
  return access.lane === 0 ? memory : { ...memory, displacement: lanes * ELEMENT };
}
