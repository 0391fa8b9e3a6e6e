import { describe, expect, it } from 'vitest';
import { errorFunction } from '../../../bench/error-function.ts';
import { generatorNamed, generatorsHere } from '../../../src/compute/runtimes/exact/generators.ts';
import type { Generator } from '../../../src/compute/runtimes/exact/language.ts';
import { functionBody, functionProgram, type FunctionName } from './function-program.ts';
import { interpreter } from './interpreter.ts';
import { execute } from './random-programs.ts';
import * as scalar from './scalar-functions.ts';

type Name = keyof typeof scalar;

const FLOATS = new Float32Array(1);
const BITS = new Uint32Array(FLOATS.buffer);

function bitsOf(x: number): number {
  FLOATS[0] = x;
  return BITS[0]!;
}

function floatOf(bits: number): number {
  BITS[0] = bits;
  return FLOATS[0]!;
}

/** What a generator's code makes of numbers. */
function results(generator: Generator, name: FunctionName, of: Float32Array): Float32Array {
  const program = functionProgram(name, of.length);
  return execute(generator, { program, repetitions: 1, inputs: new Map([[0, of]]) }).get(1) as Float32Array;
}

/** Floats of both signs and all exponents, and all special ones; NaN has several payloads. */
const SAMPLE = new Float32Array(
  Uint32Array.from([
    ...Array.from({ length: 40_000 }, (_, index) => (index * 107_371 + (index % 7)) >>> 0),
    ...[0, -0, Infinity, -Infinity, NaN, 1, -1, 2 ** -126, 2 ** -149].map(bitsOf),
    ...[-87.33654, -87.33655, 88.72283, 88.72284, 0.5, 1.5, 1.125, 1.1250001].flatMap((x) => [bitsOf(x), bitsOf(-x)]),
    ...[0x7f800001, 0xffc00005],
  ]).buffer,
);

const GENERATORS: [string, Generator][] = [
  ['the interpreter', interpreter],
  ...generatorsHere().map((name): [string, Generator] => [name, generatorNamed(name)]),
];

/** The first numbers of which two results differ; a NaN is a NaN. */
function differing(of: Float32Array, a: Float32Array, b: Float32Array): number[] {
  return [...of].filter((_, index) => !Object.is(a[index], b[index])).slice(0, 5);
}

/** Errors in units of the last place of the result. */
function ulps(y: number, exact: number): number {
  const exponent = Math.max(bitsOf(Math.abs(exact)) >>> 23, 1);
  return Math.abs(y - exact) / 2 ** (exponent - 150);
}

function worst(f: (x: number) => number, exact: (x: number) => number, from: number, to: number): number {
  let largest = 0;
  const [low, high] = [bitsOf(from), bitsOf(to)].sort((a, b) => a - b) as [number, number];
  const step = Math.max(1, Math.floor((high - low) / 200_000));
  for (let bits = low; bits <= high; bits += step) {
    const x = floatOf(bits);
    largest = Math.max(largest, ulps(f(x), exact(x)));
  }
  return largest;
}

describe('functions of the exact arithmetic', () => {
  describe.each(GENERATORS)('by %s', (_, generator) => {
    it.each(Object.keys(scalar) as Name[])('%s is the same as in plain JavaScript, bit for bit', (name) => {
      expect(differing(SAMPLE, results(generator, name, SAMPLE), SAMPLE.map(scalar[name]))).toEqual([]);
    });

    it('exp of what is not above 0 has the bits of exp, and keeps NaN', () => {
      const sample = SAMPLE.filter((x) => !(x > 0));
      expect(differing(sample, results(generator, 'expOfNonPositive', sample), sample.map(scalar.exp))).toEqual([]);
    });
  });

  it('are within their errors', () => {
    const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
    expect(worst(scalar.exp, Math.exp, 1e-9, 88.72)).toBeLessThan(1.2);
    expect(worst(scalar.exp, Math.exp, -1e-9, -87.336)).toBeLessThan(1.2);
    expect(worst(scalar.log, Math.log, 2 ** -149, 3e38)).toBeLessThan(1);
    expect(worst(scalar.log, Math.log, 0.5, 2)).toBeLessThan(1);
    expect(worst(scalar.erf, errorFunction, 1e-30, 6)).toBeLessThan(2);
    expect(worst(scalar.sigmoid, sigmoid, 1e-9, 100)).toBeLessThan(1.6);
    expect(worst(scalar.sigmoid, sigmoid, -1e-9, -87)).toBeLessThan(2.5);
    expect(worst(scalar.rsqrt, (x) => 1 / Math.sqrt(x), 1e-44, 3e38)).toBeLessThan(1.5);
  });

  it('have the results at the ends that the docs state', () => {
    expect([-Infinity, -88, -0, 0, 88.8, Infinity, NaN].map(scalar.exp)).toEqual([0, 0, 1, 1, Infinity, Infinity, NaN]);
    expect([0, -0, -1, 1, Infinity, NaN].map(scalar.log)).toEqual([-Infinity, -Infinity, NaN, 0, Infinity, NaN]);
    expect([-Infinity, -4, -0, 0, 4, Infinity, NaN].map(scalar.erf)).toEqual([-1, -1, -0, 0, 1, 1, NaN]);
    expect([-Infinity, -100, 0, 100, Infinity, NaN].map(scalar.sigmoid)).toEqual([0, 0, 0.5, 1, 1, NaN]);
    expect([0, -0, Infinity, -1].map(scalar.rsqrt)).toEqual([Infinity, -Infinity, 0, NaN]);
    // The least result of exp that is not 0 is a normal number.
    expect(scalar.exp(floatOf(0xc2aeac4f))).toBeGreaterThanOrEqual(2 ** -126);
    expect(scalar.exp(floatOf(0xc2aeac50))).toBe(0);
    expect(scalar.exp(floatOf(0x42b17217))).toBeLessThan(Infinity);
  });

  it('take few instructions', () => {
    const names = [...(Object.keys(scalar) as Name[]), 'expOfNonPositive'] as const;
    const count = (name: (typeof names)[number]): number =>
      functionBody(name).instructions.filter(({ op }) => !['constant', 'load', 'store'].includes(op)).length;
    expect(Object.fromEntries(names.map((name) => [name, count(name)]))).toEqual({
      exp: 26,
      expOfNonPositive: 23,
      sigmoid: 28,
      silu: 29,
      gelu: 33,
      rsqrt: 2,
      log: 35,
      erf: 39,
    });
  });
});
