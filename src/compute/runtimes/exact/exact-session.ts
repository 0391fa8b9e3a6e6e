/** A session of the exact engine: a compiled program with the memory that its inputs and outputs are bound to. */
import { SwpError } from '../../../base/failure.ts';
import { computesAsIeee } from '../../../base/ieee-arithmetic.ts';
import { yieldToEventLoop } from '../event-loop.ts';
import type { GraphSession, TensorData } from '../runtime.ts';
import type { CompiledProgram, Program, ProgramBuffer } from './language.ts';

export class ExactSession implements GraphSession {
  readonly #program: Program;
  readonly #repetitions: number;
  readonly #isIeee: () => boolean;
  /** Undefined once the session is released. */
  #compiled: CompiledProgram | undefined;
  readonly #inputs: ReadonlyMap<string, number>;
  readonly #outputs: ReadonlyMap<string, number>;
  /** By buffer: what inputs and outputs are bound to. */
  readonly #bound = new Map<number, TensorData>();
  /** Outputs for which the caller has given no memory. */
  readonly #own = new Set<number>();

  /** @param isIeee whether the thread computes as IEEE 754 says: WebAssembly has the thread's mode */
  constructor(
    program: Program,
    compiled: CompiledProgram,
    repetitions: number,
    isIeee: () => boolean = computesAsIeee,
  ) {
    this.#program = program;
    this.#compiled = compiled;
    this.#repetitions = repetitions;
    this.#isIeee = isIeee;
    this.#inputs = named(program, 'input');
    this.#outputs = named(program, 'output');
    for (const buffer of this.#outputs.values()) {
      this.#own.add(buffer);
      this.#bind(buffer, emptyFor(program.buffers[buffer]!, this.#lengthOf(buffer)));
    }
  }

  feed(name: string, data: TensorData): void {
    const buffer = this.#inputs.get(name);
    if (buffer === undefined) throw new Error(`The graph has no input ${name}.`);
    this.#bind(buffer, data);
  }

  fetch(name: string, data: TensorData): void {
    const buffer = this.#outputs.get(name);
    if (buffer === undefined) throw new Error(`The graph has no output ${name}.`);
    this.#own.delete(buffer);
    this.#bind(buffer, data);
  }

  async run(): Promise<Record<string, TensorData>> {
    await yieldToEventLoop();
    if (this.#compiled === undefined) throw new Error('The session is released.');
    for (const [name, buffer] of [...this.#inputs, ...this.#outputs]) this.#check(name, buffer);
    if (!this.#isIeee())
      throw new SwpError({
        kind: 'unavailable',
        what: 'engine exact',
        message:
          'Another library has told this thread to compute in another way: subnormal numbers are zeros, or rounding is not to nearest',
        remedy: 'Run it again: it goes to a new process.',
      });
    this.#compiled.run(this.#repetitions);
    return Object.fromEntries(
      [...this.#outputs].map(([name, buffer]) => {
        const data = this.#bound.get(buffer)!;
        return [name, this.#own.has(buffer) ? data.slice() : data];
      }),
    );
  }

  release(): Promise<void> {
    this.#compiled?.release();
    this.#compiled = undefined;
    this.#bound.clear();
    return Promise.resolve();
  }

  #bind(buffer: number, data: TensorData): void {
    this.#bound.set(buffer, data);
    const { dtype } = this.#program.buffers[buffer]!;
    // Anything else is refused when the session runs.
    if (dtypeOf(data) === dtype && data.length === this.#lengthOf(buffer)) this.#compiled?.bind(buffer, data);
  }

  #lengthOf(buffer: number): number {
    const { elements, advances } = this.#program.buffers[buffer]!;
    return advances ? elements * this.#repetitions : elements;
  }

  /** @throws Error if what is bound is not what the program reads or writes: a wrong index would lead anywhere */
  #check(name: string, buffer: number): void {
    const data = this.#bound.get(buffer);
    if (data === undefined) throw new Error(`The input ${name} was not fed.`);
    const { dtype, below } = this.#program.buffers[buffer]!;
    const length = this.#lengthOf(buffer);
    if (dtypeOf(data) !== dtype || data.length !== length)
      throw new Error(`${name} is ${length} numbers of type ${dtype}, not ${data.length} of type ${dtypeOf(data)}.`);
    if (below === undefined) return;
    const wrong = data.find((index) => index < 0 || index >= below);
    if (wrong !== undefined) throw new Error(`${name} has an index ${wrong}, which is not from 0 to ${below - 1}.`);
  }
}

function named({ buffers }: Program, kind: ProgramBuffer['kind']): Map<string, number> {
  return new Map(buffers.flatMap((buffer, index) => (buffer.kind === kind ? [[buffer.name, index] as const] : [])));
}

function dtypeOf(data: TensorData): ProgramBuffer['dtype'] {
  return data instanceof Float32Array ? 'float32' : 'int32';
}

function emptyFor({ dtype }: ProgramBuffer, length: number): TensorData {
  return dtype === 'float32' ? new Float32Array(length) : new Int32Array(length);
}
