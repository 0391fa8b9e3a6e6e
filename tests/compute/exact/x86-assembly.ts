/** Random instructions for the encoder of x86-64, each with the text that objdump gives for it. */
import {
  type Arithmetic,
  type Condition,
  type Encoder,
  type Lanes,
  type Memory,
  RSP,
} from '../../../src/compute/runtimes/exact/x86/encoder.ts';

/** Draws a number from 0 to below a limit. */
export type Draw = (below: number) => number;

export interface Instruction {
  text: string;
  write: (code: Encoder) => void;
}

const REGISTERS = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'].concat(
  Array.from({ length: 8 }, (_, number) => `r${number + 8}`),
);
const REGISTERS_32 = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'].concat(
  Array.from({ length: 8 }, (_, number) => `r${number + 8}d`),
);
const VECTORS = { 1: 'xmm', 4: 'xmm', 8: 'ymm', 16: 'zmm' };
const POINTERS = { 1: 'XMMWORD', 4: 'XMMWORD', 8: 'YMMWORD', 16: 'ZMMWORD' };

const BINARY = {
  ...{ add: 'vaddps', mul: 'vmulps', sub: 'vsubps', div: 'vdivps', max: 'vmaxps', and: 'vandps', or: 'vorps' },
  ...{ xor: 'vxorps', addInteger: 'vpaddd', subInteger: 'vpsubd' },
  ...{ interleaveLow: 'vunpcklps', interleaveHigh: 'vunpckhps' },
} as const;
const COMPARISONS = { 0x00: 'eq', 0x11: 'lt_oq', 0x12: 'le_oq' };
const CONDITIONS = { equal: 'e', notEqual: 'ne', less: 'l', greaterOrEqual: 'ge', lessOrEqual: 'le', greater: 'g' };
const ARITHMETIC = { add: 'add', and: 'and', sub: 'sub', xor: 'xor', compare: 'cmp' };

function one<Element>(draw: Draw, list: readonly Element[]): Element {
  return list[draw(list.length)]!;
}

function hex(value: number): string {
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

/** A number of 32 bits, small or large. */
function number(draw: Draw): number {
  return one(draw, [
    () => draw(256) - 128,
    () => (draw(256) - 128) * one(draw, [4, 16, 32, 64]),
    () => draw(2 ** 31) - 2 ** 30,
  ])();
}

/** Of 64 bits, as objdump writes a number that an instruction extends. */
function extended(value: number): string {
  return `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`;
}

function memory(draw: Draw): { memory: Memory; text: string } {
  const base = draw(16);
  const index = one(
    draw,
    [undefined, ...Array.from({ length: 16 }, (_, register) => register)].filter((r) => r !== RSP),
  );
  const scale = index === undefined ? 1 : one(draw, [1, 2, 4, 8] as const);
  const displacement = one(draw, [0, number(draw)]);
  const showsZero = (base & 7) === 5;
  const sign = displacement < 0 ? '' : '+';
  const text =
    REGISTERS[base]! +
    (index === undefined ? '' : `+${REGISTERS[index]!}*${scale}`) +
    (displacement !== 0 || showsZero ? `${sign}${hex(displacement)}` : '');
  return { memory: { base, ...(index !== undefined && { index, scale }), displacement }, text: `[${text}]` };
}

export function randomInstruction(draw: Draw): Instruction {
  return one(draw, [...VECTOR_KINDS, ...GENERAL_KINDS])(draw);
}

/** Lanes, and registers that are only the lower 16 half of the time: then the encoding is VEX. */
function form(draw: Draw) {
  const lanes: Lanes = one(draw, [4, 8, 16]);
  const limit = one(draw, [16, 32]);
  const register = () => draw(limit);
  const name = (at: number, of: Lanes = lanes) => `${VECTORS[of]}${at}`;
  return { lanes, limit, register, name, pointer: `${POINTERS[lanes]} PTR` };
}

/** A register or memory. */
function operand(draw: Draw, { register, name, pointer }: ReturnType<typeof form>, of = pointer) {
  if (draw(2) === 0) {
    const at = register();
    return { at, text: name(at) };
  }
  const { memory: at, text } = memory(draw);
  return { at, text: `${of} ${text}` };
}

const VECTOR_KINDS: readonly ((draw: Draw) => Instruction)[] = [
  (draw) => {
    const f = form(draw);
    const operation = one(draw, Object.keys(BINARY) as (keyof typeof BINARY)[]);
    const [to, a] = [f.register(), f.register()];
    const b = operand(draw, f);
    return {
      text: `${BINARY[operation]} ${f.name(to)},${f.name(a)},${b.text}`,
      write: (code) => code.binary(operation, f.lanes, to, a, b.at),
    };
  },
  (draw) => {
    const f = form(draw);
    const [to, a] = [f.register(), f.register()];
    const b = memory(draw);
    return {
      text: `vmulps ${f.name(to)},${f.name(a)},DWORD BCST ${b.text}`,
      write: (code) => code.binary('mul', f.lanes, to, a, b.memory, true),
    };
  },
  (draw) => {
    const f = form(draw);
    const [to, a] = [f.register(), f.register()];
    const b = operand(draw, f);
    const byte = draw(256);
    return {
      text: `vshufps ${f.name(to)},${f.name(a)},${b.text},${hex(byte)}`,
      write: (code) => code.binaryWithByte('shuffle', f.lanes, to, a, b.at, byte),
    };
  },
  (draw) => {
    const [to, a, { memory: at, text }, byte] = [draw(16), draw(16), memory(draw), draw(2)];
    return {
      text: `vinsertf128 ymm${to},ymm${a},XMMWORD PTR ${text},${hex(byte)}`,
      write: (code) => code.binaryWithByte('insertFour', 8, to, a, at, byte),
    };
  },
  (draw) => {
    const lanes: Lanes = one(draw, [4, 8]);
    const [to, a, b, sign] = [draw(16), draw(16), draw(16), draw(16)];
    const name = (at: number) => `${VECTORS[lanes]}${at}`;
    return {
      text: `vblendvps ${name(to)},${name(a)},${name(b)},${name(sign)}`,
      write: (code) => code.binaryWithByte('selectBySign', lanes, to, a, b, sign << 4),
    };
  },
  (draw) => {
    const lanes: Lanes = one(draw, [4, 8]);
    const [to, a, b] = [draw(16), draw(16), draw(16)];
    const name = (at: number) => `${VECTORS[lanes]}${at}`;
    const [predicate, text] = one(draw, Object.entries(COMPARISONS));
    return {
      text: `vcmp${text}ps ${name(to)},${name(a)},${name(b)}`,
      write: (code) => code.compareVectors(Number(predicate), lanes, to, a, b),
    };
  },
  (draw) => {
    const f = form(draw);
    const [to, a] = [1 + draw(7), f.register()];
    const b = operand(draw, f);
    const [predicate, text] = one(draw, Object.entries(COMPARISONS));
    return {
      text: `vcmp${text}ps k${to},${f.name(a)},${b.text}`,
      write: (code) => code.compareToMask(Number(predicate), f.lanes, to, a, b.at),
    };
  },
  (draw) => {
    const f = form(draw);
    const [to, mask, a] = [f.register(), 1 + draw(7), f.register()];
    const b = operand(draw, f);
    return {
      text: `vblendmps ${f.name(to)}{k${mask}},${f.name(a)},${b.text}`,
      write: (code) => code.selectByMask(f.lanes, to, mask, a, b.at),
    };
  },
  (draw) => {
    const f = form(draw);
    const [operation, text] = one(draw, [
      ['load', 'vmovups'],
      ['sqrt', 'vsqrtps'],
      ['toFloat', 'vcvtdq2ps'],
      ['toInteger', 'vcvttps2dq'],
    ] as const);
    const to = f.register();
    const from = operand(draw, f);
    return {
      text: `${text} ${f.name(to)},${from.text}`,
      write: (code) => code.unary(operation, f.lanes, to, from.at),
    };
  },
  (draw) => {
    const f = form(draw);
    const [operation, text] = one(draw, [
      ['broadcast', 'vbroadcastss'],
      ['broadcastInteger', 'vpbroadcastd'],
    ] as const);
    const to = f.register();
    const from = operand(draw, { ...f, name: (at) => `xmm${at}` }, 'DWORD PTR');
    return {
      text: `${text} ${f.name(to)},${from.text}`,
      write: (code) => code.unary(operation, f.lanes, to, from.at),
    };
  },
  (draw) => {
    const f = form(draw);
    const [register, { memory: at, text }] = [f.register(), memory(draw)];
    return one(draw, [
      {
        text: `vmovss xmm${register},DWORD PTR ${text}`,
        write: (code) => code.unary('loadOne', 1, register, at),
      },
      {
        text: `vmovss DWORD PTR ${text},xmm${register}`,
        write: (code) => code.storeVector('storeOne', 1, at, register),
      },
      {
        text: `vmovups ${f.pointer} ${text},${f.name(register)}`,
        write: (code) => code.storeVector('store', f.lanes, at, register),
      },
    ] satisfies Instruction[]);
  },
  (draw) => {
    const f = form(draw);
    const [mask, vector] = [1 + draw(7), f.register()];
    return one(draw, [
      {
        text: `vpmovd2m k${mask},${f.name(vector)}`,
        write: (code) => code.unary('maskOfSigns', f.lanes, mask, vector),
      },
      {
        text: `vpmovm2d ${f.name(vector)},k${mask}`,
        write: (code) => code.unary('bitsOfMask', f.lanes, vector, mask),
      },
    ] satisfies Instruction[]);
  },
  (draw) => {
    const f = form(draw);
    const [to, from, count] = [f.register(), f.register(), draw(32)];
    const [operation, text] = one(draw, [
      ['shiftLeft', 'vpslld'],
      ['shiftRight', 'vpsrld'],
    ] as const);
    return {
      text: `${text} ${f.name(to)},${f.name(from)},${hex(count)}`,
      write: (code) => code.shift(operation, f.lanes, to, from, count),
    };
  },
  (draw) => {
    const [to, from] = [draw(32), draw(16)];
    return {
      text: `vmovd xmm${to},${REGISTERS_32[from]!}`,
      write: (code) => code.moveToVector(to, from),
    };
  },
];

const GENERAL_KINDS: readonly ((draw: Draw) => Instruction)[] = [
  (draw) => {
    const [to, from] = [draw(16), draw(16)];
    return {
      text: `mov ${REGISTERS[to]!},${REGISTERS[from]!}`,
      write: (code) => code.move(to, from),
    };
  },
  (draw) => {
    const [register, { memory: at, text }, value] = [draw(16), memory(draw), number(draw)];
    const name = REGISTERS[register]!;
    return one(draw, [
      { text: `mov ${name},QWORD PTR ${text}`, write: (code) => code.move(register, at) },
      { text: `mov QWORD PTR ${text},${name}`, write: (code) => code.store(at, register) },
      { text: `mov DWORD PTR ${text},${REGISTERS_32[register]!}`, write: (code) => code.store32(at, register) },
      { text: `mov QWORD PTR ${text},${extended(value)}`, write: (code) => code.storeNumber(at, value) },
      { text: `lea ${name},${text}`, write: (code) => code.address(register, at) },
      { text: `movsxd ${name},DWORD PTR ${text}`, write: (code) => code.moveInteger(register, at) },
      { text: `prefetcht0 BYTE PTR ${text}`, write: (code) => code.prefetch(at) },
      { text: `prefetchw BYTE PTR ${text}`, write: (code) => code.prefetchToWrite(at) },
      { text: `ldmxcsr DWORD PTR ${text}`, write: (code) => code.loadControl(at) },
      { text: `stmxcsr DWORD PTR ${text}`, write: (code) => code.storeControl(at) },
      {
        text: `imul ${name},QWORD PTR ${text},${extended(value)}`,
        write: (code) => code.multiply(register, at, value),
      },
    ] satisfies Instruction[]);
  },
  (draw) => {
    const to = draw(16);
    const value = one(draw, [1 + draw(2 ** 31), 2 ** 32 + draw(2 ** 31) * 2 ** 20]);
    const wide = value >= 2 ** 32;
    return {
      text: `${wide ? 'movabs' : 'mov'} ${(wide ? REGISTERS : REGISTERS_32)[to]!},${hex(value)}`,
      write: (code) => code.moveNumber(to, value),
    };
  },
  (draw) => {
    const operation = one(draw, Object.keys(ARITHMETIC) as Arithmetic[]);
    const [register, other, { memory: at, text }, value] = [draw(16), draw(16), memory(draw), number(draw)];
    const name = REGISTERS[register]!;
    const start = ARITHMETIC[operation];
    return one(draw, [
      { text: `${start} ${name},${REGISTERS[other]!}`, write: (code) => code.arithmetic(operation, register, other) },
      { text: `${start} ${name},QWORD PTR ${text}`, write: (code) => code.arithmetic(operation, register, at) },
      { text: `${start} QWORD PTR ${text},${name}`, write: (code) => code.arithmetic(operation, at, register) },
      {
        text: `${start} ${name},${extended(value)}`,
        write: (code) => code.arithmetic(operation, register, value, true),
      },
      {
        text: `${start} QWORD PTR ${text},${extended(value)}`,
        write: (code) => code.arithmetic(operation, at, value, true),
      },
    ] satisfies Instruction[]);
  },
  (draw) => {
    const [register, other, count] = [draw(16), draw(16), 2 + draw(62)];
    const condition = one(draw, Object.keys(CONDITIONS) as Condition[]);
    const name = REGISTERS[register]!;
    return one(draw, [
      { text: `shl ${name},${hex(count)}`, write: (code) => code.shiftLeft(register, count) },
      { text: `shr ${name},${hex(count)}`, write: (code) => code.shiftRight(register, count) },
      { text: `push ${name}`, write: (code) => code.push(register) },
      { text: `pop ${name}`, write: (code) => code.pop(register) },
      {
        text: `cmov${CONDITIONS[condition]} ${name},${REGISTERS[other]!}`,
        write: (code) => code.moveIf(condition, register, other),
      },
      { text: `cpuid`, write: (code) => code.identify() },
      { text: `xgetbv`, write: (code) => code.readEnabledState() },
      { text: `vzeroupper`, write: (code) => code.zeroUpper() },
      { text: `ret`, write: (code) => code.ret() },
    ] satisfies Instruction[]);
  },
];
