/**
 * Runs random programs as machine code with every buffer beside pages that cannot be accessed, and compares the bits
 * with the interpreter's. A program of its own: a wrong address ends it. Arguments: set of instructions, side of the
 * pages, and `overrun` for a program that does read outside.
 */
import { Body } from '../../../src/compute/runtimes/exact/body.ts';
import type { Generator, Program } from '../../../src/compute/runtimes/exact/language.ts';
import type { InstructionSet } from '../../../src/compute/runtimes/exact/x86/processor.ts';
import { x86Generator } from '../../../src/compute/runtimes/exact/x86/x86-generator.ts';
import { guardedMemory } from './guarded-memory.ts';
import { interpreter } from './interpreter.ts';
import { randomMap } from './random-maps.ts';
import { type Case, Draw, randomProduct, randomTranspose } from './random-programs.ts';

type Numbers = Float32Array | Int32Array;
type Side = 'before' | 'behind';

const PROGRAMS = 120;
const TAPE = 300;

const [set, side, mode] = process.argv.slice(2) as [InstructionSet, Side, string | undefined];
const allocate = (elements: number) => guardedMemory(elements, side);
const generator = x86Generator(set, allocate);
if (mode === 'overrun') overrun();

let compared = 0;
for (const [kind, random] of [randomMap, randomProduct, randomTranspose].entries())
  for (let seed = 0; seed < PROGRAMS; seed++) compare(random(new Draw(tapeOf(kind * PROGRAMS + seed))));
console.log(`${compared} elements are equal`);

function compare(made: Case): void {
  const expected = execute(interpreter, made, (elements) => new Float32Array(elements));
  const actual = execute(generator, made, allocate);
  for (const [buffer, numbers] of expected)
    numbers.forEach((number, element) => {
      if (made.open?.(buffer, element)) return;
      if (!Object.is(actual.get(buffer)![element], number)) throw new Error(`${number} in element ${element}`);
      compared++;
    });
}

function execute(
  generator: Generator,
  { program, inputs }: Case,
  allocate: (elements: number) => Float32Array,
): Map<number, Numbers> {
  const compiled = generator.compile(program);
  const outputs = new Map<number, Numbers>();
  program.buffers.forEach(({ kind, dtype, elements }, buffer) => {
    if (kind !== 'input' && kind !== 'output') return;
    const floats = allocate(elements);
    const data: Numbers =
      dtype === 'float32' ? floats : new Int32Array(floats.buffer, floats.byteOffset, floats.length);
    data.set(inputs.get(buffer) ?? []);
    if (kind === 'output') outputs.set(buffer, data);
    compiled.bind(buffer, data);
  });
  compiled.run(1);
  compiled.release();
  return outputs;
}

/** Numbers that are the same each time. */
function tapeOf(seed: number): number[] {
  let state = (seed + 1) * 0x9e3779b1;
  return Array.from({ length: TAPE }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % 2 ** 30;
  });
}

/** Reads an element before or behind a buffer. */
function overrun(): void {
  const body = new Body(0);
  const value = body.load({ slot: 0, strides: [], lane: 1 });
  body.store(value, { slot: 1, strides: [], lane: 1 });
  const program: Program = {
    buffers: [0, 1].map((buffer) => ({ name: `${buffer}`, dtype: 'float32', elements: 5, kind: 'scratch' })),
    kernels: [body.kernel([], 5)],
    phases: {
      before: [],
      each: [
        {
          kernel: 0,
          places: [
            { buffer: 0, offset: side === 'before' ? -1 : 1 },
            { buffer: 1, offset: 0 },
          ],
        },
      ],
      after: [],
    },
  };
  generator.compile(program).run(1);
}
