/**
 * Executes programs as WebAssembly with vectors of 128 bits, which every machine has that runs Node. A program is one
 * module and one memory: kernels are functions, phases are functions that call them, and what is bound is copied into
 * the memory before it is read and out of it when it is written.
 */
import { PHASES, type CompiledProgram, type Generator, type Kernel, type Phase, type Program } from '../language.ts';
import { FunctionWriter } from './function-writer.ts';
import { mapFunction } from './map-kernel.ts';
import { allocate, layOut, type MemoryLayout } from './memory-layout.ts';
import { encodeModule, type WasmFunction } from './module.ts';
import { productFunction } from './product-kernel.ts';
import { transposeFunction } from './transpose-kernel.ts';

type Numbers = Float32Array | Int32Array;

export const wasmGenerator: Generator = {
  name: 'WebAssembly SIMD',
  compile: (program) => new WasmProgram(program),
};

class WasmProgram implements CompiledProgram {
  readonly #buffers: Program['buffers'];
  readonly #bound = new Map<number, Numbers>();
  /** The buffers in the memory; none after the release. */
  #views: readonly Numbers[];
  #phases: Readonly<Record<Phase, () => void>> | undefined;

  constructor(program: Program) {
    const layout = layOut(program);
    const code = encodeModule(functionsOf(program, layout), layout.pages);
    const memory = allocate(layout);
    this.#buffers = program.buffers;
    this.#views = program.buffers.map(({ dtype, elements, table }, buffer) => {
      const view = new (dtype === 'float32' ? Float32Array : Int32Array)(
        memory.buffer,
        layout.buffers[buffer],
        elements,
      );
      if (table !== undefined) view.set(table.numbers());
      return view;
    });
    new Uint32Array(memory.buffer).set(layout.pointers);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code), { host: { memory } });
    this.#phases = exports as Readonly<Record<Phase, () => void>>;
  }

  bind(buffer: number, data: Numbers): void {
    this.#bound.set(buffer, data);
  }

  run(repetitions: number): void {
    const phases = this.#phases;
    if (phases === undefined) throw new Error('The program was released.');
    this.#copyIn(false, 0);
    phases.before();
    for (let repetition = 0; repetition < repetitions; repetition++) {
      this.#copyIn(true, repetition);
      phases.each();
      this.#copyOut(true, repetition);
    }
    phases.after();
    this.#copyOut(false, 0);
  }

  release(): void {
    this.#phases = undefined;
    this.#views = [];
    this.#bound.clear();
  }

  /** Of what is bound, what advances or what does not. */
  #copyIn(advances: boolean, repetition: number): void {
    for (const [buffer, data] of this.#bound)
      if (this.#buffers[buffer]!.kind === 'input' && (this.#buffers[buffer]!.advances ?? false) === advances)
        this.#views[buffer]!.set(this.#part(buffer, data, repetition));
  }

  #copyOut(advances: boolean, repetition: number): void {
    for (const [buffer, data] of this.#bound)
      if (this.#buffers[buffer]!.kind === 'output' && (this.#buffers[buffer]!.advances ?? false) === advances)
        this.#part(buffer, data, repetition).set(this.#views[buffer]!);
  }

  #part(buffer: number, data: Numbers, repetition: number): Numbers {
    const { elements } = this.#buffers[buffer]!;
    return data.subarray(repetition * elements, (repetition + 1) * elements);
  }
}

/** The kernels, by their numbers, and then the phases. */
function functionsOf({ kernels, phases }: Program, layout: MemoryLayout): WasmFunction[] {
  const calls = PHASES.flatMap((phase) => phases[phase]);
  const drivers = PHASES.map((phase) => {
    const writer = new FunctionWriter(0);
    phases[phase].forEach(({ kernel }, call) => writer.integer(layout.calls[phase][call]!).call(kernel));
    return writer.done(phase);
  });
  const slots = kernels.map((_, kernel) =>
    calls.reduce((most, call) => (call.kernel === kernel ? Math.max(most, call.places.length) : most), 0),
  );
  return [...kernels.map((kernel, index) => functionOf(kernel, slots[index]!)), ...drivers];
}

function functionOf(kernel: Kernel, slots: number): WasmFunction {
  if (kernel.kind === 'map') return mapFunction(kernel, slots);
  return kernel.kind === 'product' ? productFunction(kernel) : transposeFunction(kernel);
}
