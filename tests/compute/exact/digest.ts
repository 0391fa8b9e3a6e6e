/** A digest of what a generator computes: the same for every generator, on every machine. */
import { createHash } from 'node:crypto';
import { Body } from '../../../src/compute/runtimes/exact/body.ts';
import { erf, exp, gelu, log, rsqrt, silu, type ExactFunction } from '../../../src/compute/runtimes/exact/functions.ts';
import type { Generator } from '../../../src/compute/runtimes/exact/language.ts';
import { randomMap } from './random-maps.ts';
import { Buffers, Draw, execute, FINITE, randomProduct, randomTranspose, type Case } from './random-programs.ts';

const FUNCTIONS: readonly ExactFunction[] = [exp, log, erf, gelu, silu, rsqrt];
const PROGRAMS_OF_A_KIND = 20;
/** Whose payload is open. */
const NAN = 0x7fc00000;

export function digestOf(generator: Generator): string {
  const hash = createHash('sha256');
  for (const made of cases())
    for (const [buffer, numbers] of execute(generator, made)) {
      const bits = new Uint32Array(numbers.buffer).map((bits, element) => {
        if (made.open?.(buffer, element)) return 0;
        return Number.isNaN(numbers[element]) ? NAN : bits;
      });
      hash.update(bits);
    }
  return hash.digest('hex');
}

function* cases(): Iterable<Case> {
  let state = 1;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 2;
  const draw = () => new Draw(Array.from({ length: 200 }, next));
  for (const random of [randomMap, randomProduct, randomTranspose])
    for (let made = 0; made < PROGRAMS_OF_A_KIND; made++) yield random(draw());
  for (const apply of FUNCTIONS) yield caseOf(apply, draw());
}

/** A function of numbers of many magnitudes. */
function caseOf(apply: ExactFunction, draw: Draw): Case {
  const buffers = new Buffers();
  const body = new Body(0);
  const [from, to] = [0, 1].map((slot) => ({ slot, strides: [], lane: 1 }) as const);
  body.store(apply(body, body.load(from!)), to!);
  const data = draw.floats(2001, FINITE);
  const places = [buffers.input(data), buffers.output(data.length)].map((buffer) => ({ buffer, offset: 0 }));
  const program = buffers.program(body.kernel([], data.length), places);
  return { program, repetitions: 1, inputs: buffers.inputs };
}
