/**
 * Programs as machine code of x86-64 with AVX2 or AVX-512, on Linux. Every kernel becomes a function, every phase a
 * function that calls them in order.
 */
import type { Call, CompiledProgram, Generator, Kernel, Phase, Program } from '../language.ts';
import { PHASES } from '../language.ts';
import { Label } from './code-buffer.ts';
import { Encoder, R12, R13, R14, R15, RAX, RBP, RBX, RDI, RSP } from './encoder.ts';
import { ExecutableMemory, NoMachineCode } from './executable-memory.ts';
import type { KernelCode } from './kernel-code.ts';
import { emitMap } from './map-kernel.ts';
import { type InstructionSet, instructionSets } from './processor.ts';
import { emitProduct } from './product-kernel.ts';
import { type Allocate, allocateAligned, type Numbers, ProgramMemory } from './program-memory.ts';
import { emitTranspose } from './transpose-kernel.ts';

/** What a function keeps for its caller. */
const KEPT = [RBX, RBP, R12, R13, R14, R15];
/** Of the processor's control register: rounds to nearest, keeps subnormal numbers, reports nothing. */
const IEEE_CONTROL = 0x1f80;

/**
 * @param set of instructions: by default the best that this machine has
 * @param allocate where the program's own buffers are: in tests, next to memory that cannot be accessed
 * @throws NoMachineCode if this processor lacks the instructions, or the system refuses to execute generated code
 */
export function x86Generator(set?: InstructionSet, allocate: Allocate = allocateAligned): Generator {
  const sets = instructionSets();
  const chosen = set ?? sets.at(-1);
  if (chosen === undefined || !sets.includes(chosen))
    throw new NoMachineCode(`This processor, or the system, lacks ${chosen ?? 'AVX2'}.`);
  return { name: `x86-64 ${chosen}`, compile: (program) => new X86Program(program, chosen, allocate) };
}

class X86Program implements CompiledProgram {
  readonly #memory: ProgramMemory;
  readonly #code: ExecutableMemory;
  /** Undefined once the program is released: its code is gone. */
  #phases: Readonly<Record<Phase, () => unknown>> | undefined;

  constructor(program: Program, set: InstructionSet, allocate: Allocate) {
    this.#memory = new ProgramMemory(program, allocate);
    const code = new Encoder();
    const target: KernelCode = { code, width: set === 'AVX2' ? 8 : 16, registers: set === 'AVX2' ? 16 : 32 };
    const kernels = program.kernels.map((kernel) => emitKernel(target, kernel));
    const drivers = PHASES.map((phase) => ({
      phase,
      label: emitDriver(code, program.phases[phase], kernels, (call) => this.#memory.placesOf(phase, call)),
    }));
    this.#code = new ExecutableMemory(code.finish());
    this.#phases = Object.fromEntries(
      drivers.map(({ phase, label }) => [phase, this.#code.entry(label.position!, 'void ()')]),
    ) as Record<Phase, () => unknown>;
  }

  bind(buffer: number, data: Numbers): void {
    this.#memory.bind(buffer, data);
  }

  run(repetitions: number): void {
    const phases = this.#phases;
    if (phases === undefined) throw new Error('The program has been released.');
    this.#memory.checkBound();
    phases.before();
    for (let repetition = 0; repetition < repetitions; repetition++) {
      this.#memory.advanceTo(repetition);
      phases.each();
    }
    phases.after();
  }

  release(): void {
    this.#phases = undefined;
    this.#code.release();
  }
}

function emitKernel(target: KernelCode, kernel: Kernel): Label {
  target.code.align(64);
  const begin = target.code.place(new Label());
  if (kernel.kind === 'map') emitMap(target, kernel);
  else if (kernel.kind === 'product') emitProduct(target, kernel);
  else emitTranspose(target, kernel);
  return begin;
}

function emitDriver(
  code: Encoder,
  calls: readonly Call[],
  kernels: readonly Label[],
  placesOf: (call: number) => number,
): Label {
  code.align(64);
  const begin = code.place(new Label());
  for (const register of KEPT) code.push(register);
  code.move(RAX, RSP);
  code.andNumber(RSP, -64);
  code.addNumber(RSP, -64);
  const [control, ieee, stack] = [0, 8, 16].map((displacement) => ({ base: RSP, displacement }));
  code.store(stack!, RAX);
  code.storeControl(control!);
  code.storeNumber(ieee!, IEEE_CONTROL);
  code.loadControl(ieee!);
  calls.forEach(({ kernel }, call) => {
    code.moveNumber(RDI, placesOf(call));
    code.call(kernels[kernel]!);
  });
  code.zeroUpper();
  code.loadControl(control!);
  code.move(RSP, stack!);
  for (const register of [...KEPT].reverse()) code.pop(register);
  code.ret();
  return begin;
}
