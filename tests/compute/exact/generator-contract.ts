/** The tests that every generator must pass: it gives the bits that the scalar interpreter gives. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Body } from '../../../src/compute/runtimes/exact/body.ts';
import { checkProgram } from '../../../src/compute/runtimes/exact/check-program.ts';
import { Table } from '../../../src/compute/graph/table.ts';
import type { CompiledProgram, Generator, Program } from '../../../src/compute/runtimes/exact/language.ts';
import { interpreter } from './interpreter.ts';
import { randomMap } from './random-maps.ts';
import { Draw, execute, FINITE, randomProduct, randomTranspose, type Case } from './random-programs.ts';

type Numbers = Float32Array | Int32Array;

/** Declares the tests for one generator. */
export function describeGenerator(name: string, generator: Generator): void {
  const kinds: [string, (draw: Draw) => Case, number][] = [
    ['map', randomMap, 150],
    ['product', randomProduct, 150],
    ['transpose', randomTranspose, 40],
  ];

  describe(name, () => {
    it.each(kinds)('gives the bits of the scalar interpreter for every %s kernel', (_, random, numRuns) => {
      const tape = fc.array(fc.nat(2 ** 30), { minLength: 50, maxLength: 400 });
      fc.assert(
        fc.property(tape, (numbers) => {
          const made = random(new Draw(numbers));
          checkProgram(made.program);
          const actual = execute(generator, made);
          const expected = execute(interpreter, made);
          for (const [buffer, numbers] of expected) expectSameBits(actual.get(buffer)!, numbers, buffer, made.open);
        }),
        { numRuns },
      );
    });

    it('adds terms to rows in the order of iterations', () => {
      // 1e8 + 1 - 1e8 is 0, and 1e8 - 1e8 + 1 is 1.
      const made = scattered(new Float32Array([1e8, 1, -1e8, 1e8, -1e8, 1]), new Int32Array([0, 0, 0, 1, 1, 1]));
      expect(execute(generator, made).get(2)).toEqual(new Float32Array([0, 0, 0, 1, 1, 1]));
    });

    it.each([1, 2, 5])('runs `each` %i times, on the next part of what advances', (repetitions) => {
      const draw = new Draw([3, 1415, 92, 653, 58, 979]);
      const program = trainingLike();
      const compiled = [generator, interpreter].map(({ compile }) => compile(program)) as [
        CompiledProgram,
        CompiledProgram,
      ];
      // Memory that is bound later replaces what was bound before; what is kept in scratch stays.
      for (let run = 0; run < 3; run++) {
        const inputs = [draw.floats(6, FINITE), draw.floats(10 * repetitions, FINITE)];
        const outputs = compiled.map((one) => {
          const [sums, products] = [new Float32Array(15), new Float32Array(15 * repetitions)];
          [...inputs, sums, products].forEach((data, buffer) => one.bind(buffer, data));
          one.run(repetitions);
          return [sums, products] as const;
        });
        for (const index of [0, 1] as const) expectSameBits(outputs[0]![index], outputs[1]![index], index);
      }
      for (const one of compiled) one.release();
    });

    it('reads what is bound as it is when it runs, at any offset of its buffer', () => {
      const made = scattered(new Float32Array(6).fill(1), new Int32Array(6));
      const compiled = generator.compile(made.program);
      const values = new Float32Array(8).subarray(1, 7);
      const result = new Float32Array(9).fill(5);
      compiled.bind(0, values);
      compiled.bind(1, made.inputs.get(1)!);
      compiled.bind(2, result.subarray(2, 8));
      compiled.run(1);
      expect([...result]).toEqual([5, 5, 0, 0, 0, 0, 0, 0, 5]);
      values.fill(2);
      compiled.run(1);
      expect([...result]).toEqual([5, 5, 12, 12, 12, 0, 0, 0, 5]);
      compiled.release();
    });
  });
}

/** A NaN is a NaN, whatever its payload; anything else is the same bit for bit. */
function expectSameBits(actual: Numbers, expected: Numbers, buffer: number, open: Case['open'] = () => false): void {
  const bits = [actual, expected].map((data) => new Uint32Array(data.buffer, data.byteOffset, data.length));
  for (let element = 0; element < expected.length; element++) {
    if (bits[0]![element] === bits[1]![element] || open(buffer, element)) continue;
    if (Number.isNaN(actual[element]) && Number.isNaN(expected[element])) continue;
    expect.fail(`buffer ${buffer}, element ${element}: ${actual[element]} instead of ${expected[element]}`);
  }
}

/** Adds each value to the three elements of a row of the output. */
function scattered(values: Float32Array, rows: Int32Array): Case {
  const zero = new Body(0);
  zero.store(zero.constant(0), { slot: 0, strides: [], lane: 1 });
  const body = new Body(1);
  const to = { slot: 2, strides: [0], lane: 1, row: { slot: 1, strides: [1], length: 3 } } as const;
  const value = body.load({ slot: 0, strides: [1], lane: 0 });
  body.store(body.add(body.load(to), value), to);
  const program: Program = {
    buffers: [
      { name: 'values', dtype: 'float32', elements: values.length, kind: 'input' },
      { name: 'rows', dtype: 'int32', elements: rows.length, kind: 'input', below: 2 },
      { name: 'sums', dtype: 'float32', elements: 6, kind: 'output' },
    ],
    kernels: [zero.kernel([], 6), body.kernel([values.length], 3)],
    phases: {
      before: [{ kernel: 0, places: [{ buffer: 2, offset: 0 }] }],
      each: [{ kernel: 1, places: [0, 1, 2].map((buffer) => ({ buffer, offset: 0 })) }],
      after: [],
    },
  };
  return {
    program,
    repetitions: 1,
    inputs: new Map<number, Numbers>([
      [0, values],
      [1, rows],
    ]),
  };
}

/**
 * A sum over repetitions: products of a weight of 3 x 2, doubled beforehand, and each repetition's 2 x 5, times the
 * number of runs so far, which scratch keeps; afterwards the sum is halved.
 */
function trainingLike(): Program {
  const all = { slot: 0, strides: [], lane: 1 } as const;
  const scaled = (factor: number, lanes: number, to: 0 | 1) => {
    const body = new Body(0);
    body.store(body.mul(body.load(all), body.constant(factor)), { ...all, slot: to });
    return body.kernel([], lanes);
  };
  const count = new Body(0);
  const number = { slot: 0, strides: [], lane: 0 } as const;
  count.store(count.add(count.load(number), count.load({ ...number, slot: 1 })), number);
  const zero = new Body(0);
  zero.store(zero.constant(0), all);
  const add = new Body(0);
  const factor = add.load({ ...number, slot: 2 });
  add.store(add.add(add.load(all), add.mul(factor, add.load({ ...all, slot: 1 }))), all);
  const at = (...buffers: number[]) => buffers.map((buffer) => ({ buffer, offset: 0 }));
  return {
    buffers: [
      { name: 'weight', dtype: 'float32', elements: 6, kind: 'input' },
      { name: 'x', dtype: 'float32', elements: 10, kind: 'input', advances: true },
      { name: 'sums', dtype: 'float32', elements: 15, kind: 'output' },
      { name: 'products', dtype: 'float32', elements: 15, kind: 'output', advances: true },
      { name: 'doubled', dtype: 'float32', elements: 6, kind: 'scratch' },
      { name: 'runs', dtype: 'float32', elements: 1, kind: 'scratch' },
      { name: 'one', dtype: 'float32', elements: 1, kind: 'constant', table: Table.filled(1, 1) },
    ],
    kernels: [
      scaled(2, 6, 1),
      zero.kernel([], 15),
      count.kernel([], 1),
      {
        ...{ kind: 'product', batch: [], rows: 3, inner: 2, lanes: 5, scale: 1 },
        a: { slot: 0, batch: [], row: 2, inner: 1 },
        b: { slot: 1, batch: [], inner: 5 },
        c: { slot: 2, batch: [], row: 5 },
      },
      add.kernel([], 15),
      scaled(0.5, 15, 0),
    ],
    phases: {
      before: [
        { kernel: 0, places: at(0, 4) },
        { kernel: 1, places: at(2) },
        { kernel: 2, places: at(5, 6) },
      ],
      each: [
        { kernel: 3, places: at(4, 1, 3) },
        { kernel: 4, places: at(2, 3, 5) },
      ],
      after: [{ kernel: 5, places: at(2) }],
    },
  };
}
