/** Machine code of x86-64 gives the bits of the scalar interpreter, with each set of instructions of this machine. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { computesAsIeee } from '../../../src/base/ieee-arithmetic.ts';
import { Body } from '../../../src/compute/runtimes/exact/body.ts';
import type { ProductKernel } from '../../../src/compute/runtimes/exact/language.ts';
import { NoMachineCode } from '../../../src/compute/runtimes/exact/x86/executable-memory.ts';
import { instructionSets } from '../../../src/compute/runtimes/exact/x86/processor.ts';
import { x86Generator } from '../../../src/compute/runtimes/exact/x86/x86-generator.ts';
import { canFlushSubnormals, flushingSubnormals } from '../../../src/compute/runtimes/subnormals.ts';
import { bundle } from '../../engine/rig.ts';
import { describeGenerator } from './generator-contract.ts';
import { interpreter } from './interpreter.ts';
import { Buffers, type Case, Draw, execute, FINITE } from './random-programs.ts';

const isLinux = process.platform === 'linux' && process.arch === 'x64';
const sets = isLinux ? instructionSets() : [];

for (const set of sets) {
  describeGenerator(`x86-64 ${set}`, x86Generator(set));

  describe(`x86-64 ${set}`, () => {
    it.each([
      ['cuts what is long in the inner dimension', { rows: 7, inner: 701, lanes: 130 }],
      ['cuts what is long and wide', { rows: 3, inner: 523, lanes: 277 }],
      ['cuts what is wide', { rows: 5, inner: 97, lanes: 1157 }],
      ['reads a across its rows', { rows: 19, inner: 1025, lanes: 67, isAcross: true }],
    ])('%s', (_, shape) => {
      const made = largeProduct(shape);
      expect(execute(x86Generator(set), made)).toEqual(execute(interpreter, made));
    });

    it.each([3, 14, 40])('lets %i accumulators change places in every iteration', (count) => {
      const made = rotated(count);
      expect(execute(x86Generator(set), made)).toEqual(execute(interpreter, made));
    });

    it('reads and writes more places than there are registers', () => {
      const made = manyPlaces(30);
      expect(execute(x86Generator(set), made)).toEqual(execute(interpreter, made));
    });

    it('refuses to run what is released, or lacks memory', () => {
      const compiled = x86Generator(set).compile(halvedSubnormals().program);
      expect(() => compiled.run(1)).toThrow('not bound');
      compiled.release();
      expect(() => compiled.run(1)).toThrow('released');
    });

    it('computes with subnormal numbers whatever the mode of the thread, and leaves the mode', () => {
      const made = halvedSubnormals();
      const expected = execute(interpreter, made);
      const isFlushed = canFlushSubnormals();
      const [actual, isFlushing] = flushingSubnormals(
        () => [execute(x86Generator(set), made), !computesAsIeee()] as const,
      );
      expect(actual).toEqual(expected);
      expect(isFlushing).toBe(isFlushed);
    });

    it('says so where the system lets no memory become executable', async () => {
      const program = await bundle('tests/compute/exact/refused-code.ts');
      const { stdout } = spawnSync(process.execPath, ['--jitless', program, set], { encoding: 'utf8' });
      expect(stdout).toMatch(/^(refused NoMachineCode: The system does not let .*|not refused x86-64 AVX.*)\n$/);
    });
  });
}

describe('x86Generator', () => {
  it('says what it generates, or why it cannot', () => {
    try {
      expect(x86Generator().name).toMatch(/^x86-64 AVX/);
    } catch (error) {
      expect(error).toBeInstanceOf(NoMachineCode);
    }
  });
});

/** Each accumulator becomes the one before it, and the last the sum of the first and a number that is loaded. */
function rotated(count: number): Case {
  const lanes = 45;
  const buffers = new Buffers();
  const body = new Body(0);
  const one = { slot: 0, strides: [], lane: 1 } as const;
  const initials = Array.from({ length: count }, (_, index) => body.mul(body.load(one), body.constant(index + 1)));
  const sums = body.loop(count + 5, initials, (inside, loop, accumulators) => {
    const strides = Array.from({ length: loop }, () => 0).concat(lanes);
    return [...accumulators.slice(1), inside.add(accumulators[0]!, inside.load({ slot: 1, strides, lane: 1 }))];
  });
  sums.forEach((sum, index) => body.store(sum, { slot: 2 + index, strides: [], lane: 1 }));
  const draw = new Draw([271828, 18284, 59045, 23536]);
  const places = [
    buffers.input(draw.floats(lanes, FINITE)),
    buffers.input(draw.floats(lanes * (count + 5), FINITE)),
    ...sums.map(() => buffers.output(lanes)),
  ].map((buffer) => ({ buffer, offset: 0 }));
  return { program: buffers.program(body.kernel([], lanes), places), repetitions: 1, inputs: buffers.inputs };
}

/** Sums in a loop what is in rows of many places, each of which moves in its own way, and stores the sum in as many. */
function manyPlaces(count: number): Case {
  const [lanes, rows, extent] = [29, 3, 4];
  const buffers = new Buffers();
  const draw = new Draw([141421, 35623, 73095, 4880]);
  const indices = buffers.input(Int32Array.from([2, 0, 1]), { below: rows });
  const body = new Body(1);
  const row = { slot: 0, strides: [1], length: 7 };
  const stride = (place: number) => 40 + place;
  const sums = body.loop(extent, [body.constant(0)], (inside, loop, [sum]) => [
    Array.from({ length: count }, (_, place) => place).reduce((sum, place) => {
      const strides = Array.from({ length: loop + 1 }, (_, at) => (at === loop ? stride(place) : at));
      const moved = place % 3 === 0 ? { row } : {};
      return inside.add(sum, inside.load({ slot: 1 + place, strides, lane: 1, ...moved }));
    }, sum!),
  ]);
  const places = [indices];
  for (let place = 0; place < count; place++)
    places.push(buffers.input(draw.floats(lanes + rows * 7 + extent * stride(place), FINITE)));
  for (let place = 0; place < count; place++) {
    body.store(body.add(sums[0]!, body.index(0)), { slot: 1 + count + place, strides: [lanes + place], lane: 1 });
    places.push(buffers.output(rows * (lanes + place)));
  }
  const kernel = body.kernel([rows], lanes);
  const at = places.map((buffer) => ({ buffer, offset: 0 }));
  return { program: buffers.program(kernel, at), repetitions: 1, inputs: buffers.inputs };
}

function halvedSubnormals(): Case {
  const buffers = new Buffers();
  const body = new Body(0);
  const all = { slot: 0, strides: [], lane: 1 } as const;
  body.store(body.mul(body.load(all), body.constant(0.5)), { ...all, slot: 1 });
  const data = Float32Array.from({ length: 37 }, (_, index) => (index - 18) * 1e-39);
  const places = [buffers.input(data), buffers.output(37)].map((buffer) => ({ buffer, offset: 0 }));
  return { program: buffers.program(body.kernel([], 37), places), repetitions: 1, inputs: buffers.inputs };
}

/** Adds to what is in c. */
function largeProduct({
  rows,
  inner,
  lanes,
  isAcross = false,
}: Record<'rows' | 'inner' | 'lanes', number> & { isAcross?: boolean }): Case {
  const draw = new Draw(Array.from({ length: 1000 }, (_, index) => (index * 7919 + 12345) % 2 ** 30));
  const buffers = new Buffers();
  const input = (elements: number) => buffers.input(draw.floats(elements, FINITE.slice(0, 6)));
  const places = [input(rows * inner), input(inner * lanes), buffers.copied(draw.floats(rows * lanes, FINITE))];
  const c = { slot: 2, batch: [], row: lanes };
  const kernel: ProductKernel = {
    ...{ kind: 'product', batch: [], rows, inner, lanes, c, scale: 0.3 },
    a: { slot: 0, batch: [], ...(isAcross ? { row: 1, inner: rows } : { row: inner, inner: 1 }) },
    b: { slot: 1, batch: [], inner: lanes },
    initial: { ...c, lane: 1 },
  };
  const program = buffers.program(
    kernel,
    places.map((buffer) => ({ buffer, offset: 0 })),
  );
  return { program, repetitions: 1, inputs: buffers.inputs };
}
