/**
 * The vector instructions that generated code uses, as the processor's manual numbers them. Each works on four, eight
 * or sixteen numbers of 32 bits; VEX or EVEX is the encoder's choice.
 */
export interface VectorInstruction {
  /** Mandatory prefix: 0 none, 1 is 66, 2 is F3, 3 is F2. */
  prefix: 0 | 1 | 2 | 3;
  /** 1 is 0F, 2 is 0F38, 3 is 0F3A. */
  map: 1 | 2 | 3;
  opcode: number;
  /** Takes the place of a register in ModRM. */
  extension?: number;
  /** Memory operands are one number, however wide the vector is. */
  single?: true;
  /** Only with AVX-512. */
  onlyEvex?: true;
}

const one = (opcode: number, prefix: VectorInstruction['prefix'] = 0): VectorInstruction => ({
  prefix,
  map: 1,
  opcode,
});

/** target = f(a, b): a is a register, b a register or memory. */
export const BINARY = {
  add: one(0x58),
  mul: one(0x59),
  sub: one(0x5c),
  div: one(0x5e),
  /** a > b ? a : b */
  max: one(0x5f),
  and: one(0x54),
  or: one(0x56),
  xor: one(0x57),
  addInteger: one(0xfe, 1),
  subInteger: one(0xfa, 1),
  /** Of each four: a0 b0 a1 b1, a2 b2 a3 b3. */
  interleaveLow: one(0x14),
  interleaveHigh: one(0x15),
} as const;

/** Like those above, and a byte that says more. */
export const BINARY_WITH_BYTE = {
  /** Of each four: two of a, then two of b. */
  shuffle: one(0xc6),
  /** a, with four numbers of b as its lower or upper half. */
  insertFour: { prefix: 1, map: 3, opcode: 0x18 },
  /** To a vector with all bits set or none; with AVX-512 to a mask register. */
  compare: one(0xc2),
  /** b where the sign of the register in the byte's upper half is set, a elsewhere. */
  selectBySign: { prefix: 1, map: 3, opcode: 0x4a },
} as const satisfies Record<string, VectorInstruction>;

/** target = f(a): a is a register or memory. */
export const UNARY = {
  load: one(0x10),
  loadOne: { ...one(0x10, 2), single: true },
  sqrt: one(0x51),
  toFloat: one(0x5b),
  /** Towards zero. */
  toInteger: one(0x5b, 2),
  broadcast: { prefix: 1, map: 2, opcode: 0x18, single: true },
  broadcastInteger: { prefix: 1, map: 2, opcode: 0x58, single: true },
  /** The mask of the numbers whose sign is set. */
  maskOfSigns: { prefix: 2, map: 2, opcode: 0x39, onlyEvex: true },
  /** All bits where the mask is set. */
  bitsOfMask: { prefix: 2, map: 2, opcode: 0x38, onlyEvex: true },
} as const satisfies Record<string, VectorInstruction>;

/** Of a register, to memory. */
export const STORES = {
  store: one(0x11),
  storeOne: { ...one(0x11, 2), single: true },
} as const satisfies Record<string, VectorInstruction>;

/** By a constant number of bits. */
export const SHIFTS = {
  shiftLeft: { ...one(0x72, 1), extension: 6 },
  shiftRight: { ...one(0x72, 1), extension: 2 },
} as const satisfies Record<string, VectorInstruction>;

/** From a general register. */
export const MOVE_INTEGER: VectorInstruction = { ...one(0x6e, 1), single: true };
/** b where the mask is set, a elsewhere. */
export const SELECT_BY_MASK: VectorInstruction = { prefix: 1, map: 2, opcode: 0x65, onlyEvex: true };
