/**
 * Types of tensors in GGUF files, and those that are read, as float32: to the same bits as ggml's reference
 * (`dequantize_row_*` in ggml-quants.c). A quantised row is a sequence of blocks of 32 numbers.
 */
import { bfloat16Bits, float16Bits } from './half-floats.ts';

/** All types of ggml by number; those that no file has any more are left empty. */
const TYPES = [
  ...['F32', 'F16', 'Q4_0', 'Q4_1', '', '', 'Q5_0', 'Q5_1', 'Q8_0', 'Q8_1', 'Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K'],
  ...['Q8_K', 'IQ2_XXS', 'IQ2_XS', 'IQ3_XXS', 'IQ1_S', 'IQ4_NL', 'IQ3_S', 'IQ2_S', 'IQ4_XS', 'I8', 'I16', 'I32'],
  ...['I64', 'F64', 'IQ1_M', 'BF16', '', '', '', 'TQ1_0', 'TQ2_0', '', '', '', 'MXFP4', 'NVFP4', 'Q1_0'],
];

export interface GgmlBlock {
  type: string;
  /** Numbers of a block. */
  elements: number;
  /** Bytes of a block. */
  bytes: number;
  /**
   * Writes the numbers of some blocks as float32.
   * @param source their bytes, and nothing else
   * @param to the first of the numbers to write
   */
  decode(source: DataView, target: Float32Array, to: number): void;
}

/** In the order in which messages list them. */
const BLOCKS: GgmlBlock[] = [
  { type: 'F32', elements: 1, bytes: 4, decode: decodeF32 },
  { type: 'F16', elements: 1, bytes: 2, decode: halves(float16Bits) },
  { type: 'BF16', elements: 1, bytes: 2, decode: halves(bfloat16Bits) },
  { type: 'Q8_0', elements: 32, bytes: 34, decode: decodeQ8_0 },
  { type: 'Q4_0', elements: 32, bytes: 18, decode: decodeQ4_0 },
  { type: 'Q4_1', elements: 32, bytes: 20, decode: decodeQ4_1 },
];

export const READABLE_TYPES: readonly string[] = BLOCKS.map(({ type }) => type);

/** How tensors of the type with this number are read; undefined for a type that is not. */
export function blockOf(type: number): GgmlBlock | undefined {
  return BLOCKS.find((block) => block.type === TYPES[type]);
}

/** The type's name; of one that is not known, its number. */
export function typeName(type: number): string {
  return TYPES[type] || `of the type ${type}, which swp does not know`;
}

function decodeF32(source: DataView, target: Float32Array, to: number): void {
  // Bits, not numbers: a number that is NaN might lose its payload.
  const words = new Uint32Array(target.buffer, target.byteOffset, target.length);
  for (let at = 0; at < source.byteLength; at += 4) words[to++] = source.getUint32(at, true);
}

function halves(bits: (half: number) => number): GgmlBlock['decode'] {
  return (source, target, to) => {
    const words = new Uint32Array(target.buffer, target.byteOffset, target.length);
    for (let at = 0; at < source.byteLength; at += 2) words[to++] = bits(source.getUint16(at, true));
  };
}

/** A scale as F16, and 32 whole numbers of 8 bits. */
function decodeQ8_0(source: DataView, target: Float32Array, to: number): void {
  for (let at = 0; at < source.byteLength; at += 34) {
    const scale = float16(source, at);
    for (let index = 0; index < 32; index++) target[to++] = scale * source.getInt8(at + 2 + index);
  }
}

/** A scale as F16, and 32 numbers of 4 bits, from -8: the low ones of 16 bytes, then their high ones. */
function decodeQ4_0(source: DataView, target: Float32Array, to: number): void {
  for (let at = 0; at < source.byteLength; at += 18, to += 32) {
    const scale = float16(source, at);
    for (let index = 0; index < 16; index++) {
      const pair = source.getUint8(at + 2 + index);
      target[to + index] = scale * ((pair & 15) - 8);
      target[to + 16 + index] = scale * ((pair >> 4) - 8);
    }
  }
}

/** A scale and a least value as F16, and 32 numbers of 4 bits, ordered as in Q4_0. */
function decodeQ4_1(source: DataView, target: Float32Array, to: number): void {
  for (let at = 0; at < source.byteLength; at += 20, to += 32) {
    const scale = float16(source, at);
    const least = float16(source, at + 2);
    for (let index = 0; index < 16; index++) {
      const pair = source.getUint8(at + 4 + index);
      // Exact up to the last sum: a product has 15 bits, so that it does not matter where it is rounded.
      target[to + index] = scale * (pair & 15) + least;
      target[to + 16 + index] = scale * (pair >> 4) + least;
    }
  }
}

const word = new Uint32Array(1);
const number = new Float32Array(word.buffer);

function float16(source: DataView, at: number): number {
  word[0] = float16Bits(source.getUint16(at, true));
  return number[0]!;
}
