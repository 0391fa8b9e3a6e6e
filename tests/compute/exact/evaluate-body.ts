/** Computes what the instructions of a body without loops and memory make of one lane, in plain JavaScript. */
import type { Instruction, Variable } from '../../../src/compute/runtimes/exact/language.ts';

const FLOATS = new Float32Array(1);
const BITS = new Uint32Array(FLOATS.buffer);

/** As bits of float32. */
export type Bits = number;

export function bitsOf(x: number): Bits {
  FLOATS[0] = x;
  return BITS[0]!;
}

export function floatOf(bits: Bits): number {
  BITS[0] = bits;
  return FLOATS[0]!;
}

/** @param given what is known of the variables, which grows */
export function evaluateBody(instructions: readonly Instruction[], given: Map<Variable, Bits>): void {
  for (const instruction of instructions) {
    if (!('to' in instruction) || typeof instruction.to !== 'number') throw new Error(`no ${instruction.op} here`);
    given.set(instruction.to, result(instruction, (variable) => given.get(variable)!) >>> 0);
  }
}

function result(instruction: Instruction, bits: (variable: Variable) => Bits): Bits {
  const x = (variable: Variable): number => floatOf(bits(variable));
  switch (instruction.op) {
    case 'constant':
      return instruction.bits;
    case 'add':
      return bitsOf(x(instruction.a) + x(instruction.b));
    case 'sub':
      return bitsOf(x(instruction.a) - x(instruction.b));
    case 'mul':
      return bitsOf(x(instruction.a) * x(instruction.b));
    case 'div':
      return bitsOf(x(instruction.a) / x(instruction.b));
    case 'max':
      return x(instruction.b) > x(instruction.a) ? bits(instruction.b) : bits(instruction.a);
    case 'sqrt':
      return bitsOf(Math.sqrt(x(instruction.a)));
    case 'less':
      return x(instruction.a) < x(instruction.b) ? -1 : 0;
    case 'lessOrEqual':
      return x(instruction.a) <= x(instruction.b) ? -1 : 0;
    case 'equal':
      return x(instruction.a) === x(instruction.b) ? -1 : 0;
    case 'select':
      return bits(instruction.mask) === 0 ? bits(instruction.b) : bits(instruction.a);
    case 'and':
      return bits(instruction.a) & bits(instruction.b);
    case 'or':
      return bits(instruction.a) | bits(instruction.b);
    case 'xor':
      return bits(instruction.a) ^ bits(instruction.b);
    case 'addInteger':
      return (bits(instruction.a) + bits(instruction.b)) | 0;
    case 'subInteger':
      return (bits(instruction.a) - bits(instruction.b)) | 0;
    case 'shiftLeft':
      return bits(instruction.a) << instruction.count;
    case 'shiftRight':
      return bits(instruction.a) >>> instruction.count;
    case 'toFloat':
      return bitsOf(bits(instruction.a) | 0);
    default:
      throw new Error(`no ${instruction.op} here`);
  }
}
