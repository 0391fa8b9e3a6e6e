import { describe, expect, it } from 'vitest';
import { Table } from '../../../src/compute/graph/table.ts';
import { Body } from '../../../src/compute/runtimes/exact/body.ts';
import { checkProgram } from '../../../src/compute/runtimes/exact/check-program.ts';
import type {
  Access,
  Instruction,
  Kernel,
  ProductKernel,
  Program,
  ProgramBuffer,
  TransposeKernel,
} from '../../../src/compute/runtimes/exact/language.ts';

/** Its buffers have 12 elements; what is called begins at their beginnings. */
function programOf(kernel: Kernel, buffers: Partial<ProgramBuffer>[], offsets: readonly number[] = []): Program {
  return {
    buffers: buffers.map((buffer, index) => ({
      ...{ name: `b${index}`, dtype: 'float32', elements: 12, kind: 'scratch' },
      ...buffer,
    })),
    kernels: [kernel],
    phases: {
      before: [],
      each: [{ kernel: 0, places: buffers.map((_, buffer) => ({ buffer, offset: offsets[buffer] ?? 0 })) }],
      after: [],
    },
  };
}

const checked =
  (...program: Parameters<typeof programOf>) =>
  () =>
    checkProgram(programOf(...program));
const TWO: Partial<ProgramBuffer>[] = [{}, {}];
const THREE: Partial<ProgramBuffer>[] = [{}, {}, {}];
const LINE: Access = { slot: 0, strides: [], lane: 1 };

/** Copies rows of lanes from slot 0 to slot 1. */
function copying(loops: readonly number[], lanes: number, from: Partial<Access>, to: Partial<Access> = {}): Kernel {
  const body = new Body(loops.length);
  const target: Access = { slot: 1, strides: loops.length === 0 ? [] : [lanes], lane: 1, ...to };
  body.store(body.load({ ...LINE, ...from }), target);
  return body.kernel(loops, lanes);
}

function body(...instructions: Instruction[]): Kernel {
  return { kind: 'map', loops: [2], lanes: 4, body: instructions };
}

const PRODUCT: ProductKernel = {
  ...{ kind: 'product', batch: [], rows: 3, inner: 2, lanes: 4, scale: 1 },
  a: { slot: 0, batch: [], row: 2, inner: 1 },
  b: { slot: 1, batch: [], inner: 4 },
  c: { slot: 2, batch: [], row: 4 },
};

describe('a program is refused', () => {
  it.each<[string, () => void, string]>([
    [
      'that reads behind a buffer',
      checked(copying([3], 4, { strides: [5] }), TWO),
      'elements 0 to 13 of b0, which has 12',
    ],
    ['that writes behind one', checked(copying([], 4, {}), TWO, [0, 9]), 'slot 1 reaches elements 9 to 12 of b1'],
    ['that reads before one', checked(copying([3], 4, { strides: [-1] }), TWO), 'elements -2 to 3'],
    [
      'whose rows may lie behind a buffer',
      checked(copying([], 4, { row: { slot: 2, strides: [], length: 5 } }), [
        ...TWO,
        { dtype: 'int32', kind: 'input', below: 3 },
      ]),
      'elements 0 to 13 of b0',
    ],
    [
      'whose rows may be any',
      checked(copying([], 4, { row: { slot: 2, strides: [], length: 1 } }), [...TWO, { dtype: 'int32' }]),
      'nothing says which rows b2 leads to',
    ],
    [
      'whose product reads behind a',
      checked({ ...PRODUCT, inner: 3, b: { ...PRODUCT.b, inner: 0 } }, [{ elements: 6 }, {}, {}]),
      'slot 0',
    ],
    ['whose product reads behind b', checked({ ...PRODUCT, inner: 4 }, THREE), 'slot 1 reaches elements 0 to 15'],
    ['whose product writes behind c', checked(PRODUCT, THREE, [0, 0, 1]), 'slot 2 reaches elements 1 to 12'],
    [
      'whose transpose writes behind its target',
      checked(transpose({ rows: 4, columns: 3, target: { slot: 1, batch: [], column: 5 } }), TWO),
      'slot 1 reaches elements 0 to 13',
    ],
    ['without a place for a slot', checked(copying([], 4, { slot: 2 }), TWO), 'slot 2 has no place'],
    ['whose kernel is not there', () => checkProgram({ ...programOf(PRODUCT, THREE), kernels: [] }), 'no such kernel'],
    [
      'that reads int32 as float32',
      checked(copying([], 4, {}), [{ dtype: 'int32' }, {}]),
      'slot 0 is float32, b0 is int32',
    ],
    ['that writes an input', checked(copying([], 4, {}), [{}, { kind: 'input' }]), 'writes input b1'],
    [
      'whose table is shorter than its buffer',
      checked(copying([], 4, {}), [{ kind: 'constant', table: Table.filled(5, 1) }, {}]),
      'has 5 float32',
    ],
    [
      'with a row in a table that is too large',
      checked(copying([], 4, {}), [
        ...TWO,
        { kind: 'constant', dtype: 'int32', below: 11, table: Table.counting(12, 'int32') },
      ]),
      'not below 11',
    ],
    [
      'that sees something that advances when nothing does',
      () => {
        const { phases, ...rest } = programOf(copying([], 4, {}), [{ kind: 'input', advances: true }, {}]);
        checkProgram({ ...rest, phases: { before: phases.each, each: [], after: [] } });
      },
      "Call 0 of 'before', kernel 0 (map): b0 advances",
    ],
    ['with an extent of nothing', checked(copying([0], 4, {}), TWO), 'an extent of 0'],
    [
      'that uses what is not made',
      checked(body({ op: 'store', value: 7, to: LINE }), TWO),
      'variable 7 is used where nothing',
    ],
    [
      'that makes something twice',
      checked(body({ op: 'lane', to: 1 }, { op: 'lane', to: 1 }), TWO),
      'variable 1 is made twice',
    ],
    [
      'that selects by a number',
      checked(body({ op: 'lane', to: 1 }, { op: 'select', to: 2, mask: 1, a: 1, b: 1 }), TWO),
      'variable 1 is no mask',
    ],
    [
      'with the index of another loop',
      checked(body({ op: 'index', to: 1, loop: 1 }), TWO),
      'the index of loop 1 outside of it',
    ],
    [
      'with a stride along another loop',
      checked(copying([], 4, { strides: [1] }), TWO),
      'a stride along loop 0 outside of it',
    ],
    [
      'that uses inner variables outside',
      checked(body(loop(1, [{ op: 'lane', to: 1 }]), { op: 'sqrt', to: 2, a: 1 }), TWO),
      'variable 1',
    ],
    ['with two loops of one number', checked(body(loop(1, []), loop(1, [])), TWO), 'loop 1 is there twice'],
    ['with a loop of the number of one around the lanes', checked(body(loop(0, [])), TWO), 'loop 0 is there twice'],
    [
      'with a shift out of the bits',
      checked(body({ op: 'lane', to: 1 }, { op: 'shiftLeft', to: 2, a: 1, count: 32 }), TWO),
      'a shift by 32',
    ],
    [
      'whose lanes all write one element',
      checked(copying([], 4, {}, { lane: 0 }), TWO),
      'all lanes store into one element',
    ],
  ])('%s', (_, check, message) => {
    expect(check).toThrow(message);
  });

  it('whose accumulator turns from a mask into a number', () => {
    const made: Instruction[] = [
      { op: 'lane', to: 1 },
      { op: 'less', to: 2, a: 1, b: 1 },
      { ...loop(1, [{ op: 'sqrt', to: 4, a: 1 }]), accumulators: [{ initial: 2, variable: 3, next: 4 }] },
    ];
    expect(checked(body(...made), TWO)).toThrow('accumulator 3 is a mask at first');
  });
});

describe('what overlaps', () => {
  /** Reads and writes one buffer, at some distance. */
  const shifted = (distance: number, lanes = 4) => {
    const { kernels, phases, buffers } = programOf(copying([], lanes, {}), [{}, {}]);
    const places = [
      { buffer: 0, offset: 0 },
      { buffer: 0, offset: distance },
    ];
    return () => checkProgram({ buffers, kernels, phases: { ...phases, each: [{ kernel: 0, places }] } });
  };

  it('is refused where a lane would see what another has written', () => {
    expect(shifted(1)).toThrow('it writes slot 1 where it reads or writes slot 0 for something else');
    expect(shifted(3)).toThrow('it writes slot 1');
  });

  it('is allowed in place, beside one another, and where one lane is all', () => {
    for (const check of [shifted(0), shifted(4), shifted(1, 1)]) expect(check).not.toThrow();
  });

  it('is allowed between iterations, which run in order', () => {
    const body = new Body(1);
    const to: Access = { slot: 0, strides: [0], lane: 1, row: { slot: 1, strides: [1], length: 4 } };
    body.store(body.add(body.load(to), body.constant(1)), to);
    expect(checked(body.kernel([5], 4), [{}, { dtype: 'int32', below: 3 }])).not.toThrow();
  });

  it('is allowed between rows that lie apart in one buffer', () => {
    // Lanes 0 to 1 of every row of four are copied to lanes 2 to 3.
    const { kernels, phases, buffers } = programOf(copying([3], 2, { strides: [4] }, { strides: [4] }), TWO);
    const places = [
      { buffer: 0, offset: 0 },
      { buffer: 0, offset: 2 },
    ];
    const program = { buffers, kernels, phases: { ...phases, each: [{ kernel: 0, places }] } };
    expect(() => checkProgram(program)).not.toThrow();
  });

  it('is c and what its sums begin with, if they are the same', () => {
    const program = (initial: ProductKernel['initial']) => checked({ ...PRODUCT, initial }, THREE);
    expect(program({ slot: 2, batch: [], row: 4, lane: 1 })).not.toThrow();
    expect(program({ slot: 2, batch: [], row: 3, lane: 1 })).toThrow('it writes slot 2');
    expect(program({ slot: 2, batch: [], row: 4, lane: 0 })).toThrow('it writes slot 2');
  });

  it('is refused where elements of a product or a transpose meet', () => {
    expect(checked({ ...PRODUCT, c: { ...PRODUCT.c, row: 3 } }, THREE)).toThrow('a stride of 3 is too short');
    const target = { slot: 1, batch: [], column: 3 };
    expect(checked(transpose({ rows: 4, columns: 3, target }), TWO)).toThrow('a stride of 3 is too short');
  });
});

function transpose(more: Pick<TransposeKernel, 'rows' | 'columns' | 'target'>): TransposeKernel {
  return { kind: 'transpose', batch: [], source: { slot: 0, batch: [], row: more.columns }, ...more };
}

function loop(number: number, body: Instruction[]): Extract<Instruction, { op: 'loop' }> {
  return { op: 'loop', loop: number, extent: 2, accumulators: [], body };
}
