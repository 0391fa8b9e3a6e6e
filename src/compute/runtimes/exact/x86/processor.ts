/** What this processor and system can execute, as the processor tells generated code. */
import { Label } from './code-buffer.ts';
import { Encoder, R8, RAX, RBX, RCX, RDI } from './encoder.ts';
import { addressOf, ExecutableMemory } from './executable-memory.ts';

/** Sets of instructions that there are generators for, the narrower first. */
export type InstructionSet = 'AVX2' | 'AVX-512';

/** Answers of the processor, by their place in what the code below writes. */
const [LEAVES, FEATURES, MORE_FEATURES, STATE] = [0, 1, 2, 3];
const KEEPS_STATE = 1 << 27;
const AVX = 1 << 28;
const AVX2 = 1 << 5;
/** F, DQ, BW, VL */
const AVX512 = [1 << 16, 1 << 17, 1 << 30, 1 << 31];
/** Of registers that the system keeps for each thread: of 128 and 256 bits; masks, and those of 512 bits. */
const STATE_256 = 0x06;
const STATE_512 = 0xe6;

let found: readonly InstructionSet[] | undefined;

/**
 * Those that can be used here, the narrower first; none on an old processor.
 * @throws NoMachineCode if the system refuses generated code
 */
export function instructionSets(): readonly InstructionSet[] {
  found ??= find();
  return found;
}

function find(): InstructionSet[] {
  const answers = new Uint32Array(new ArrayBuffer(16));
  const memory = new ExecutableMemory(question());
  try {
    memory.entry(0, 'void (uintptr_t)')(addressOf(answers));
  } finally {
    memory.release();
  }
  const has = (answer: number, ...bits: number[]) => bits.every((bit) => (answers[answer]! & bit) !== 0);
  const keeps = (state: number) => has(FEATURES, KEEPS_STATE, AVX) && (answers[STATE]! & state) === state;
  if (answers[LEAVES]! < 7 || !keeps(STATE_256) || !has(MORE_FEATURES, AVX2)) return [];
  return keeps(STATE_512) && has(MORE_FEATURES, ...AVX512) ? ['AVX2', 'AVX-512'] : ['AVX2'];
}

function question(): Uint8Array {
  const code = new Encoder();
  const done = new Label();
  code.push(RBX); // identify() overwrites it
  code.move(R8, RDI);
  const ask = (leaf: number) => {
    code.moveNumber(RAX, leaf);
    code.moveNumber(RCX, 0);
    code.identify();
  };
  ask(0);
  code.store32({ base: R8, displacement: 4 * LEAVES }, RAX);
  ask(7);
  code.store32({ base: R8, displacement: 4 * MORE_FEATURES }, RBX);
  ask(1);
  code.store32({ base: R8, displacement: 4 * FEATURES }, RCX);
  code.andNumber(RCX, KEEPS_STATE);
  code.jumpIf('equal', done);
  code.moveNumber(RCX, 0);
  code.readEnabledState();
  code.store32({ base: R8, displacement: 4 * STATE }, RAX);
  code.place(done);
  code.pop(RBX);
  code.ret();
  return code.finish();
}
