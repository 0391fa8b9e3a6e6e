/**
 * The header of a safetensors file: a JSON object of tensors with type, shape and range of bytes. Everything that it
 * says is checked before a tensor is read, so that a broken or hostile file takes no more memory than it has bytes.
 * Source: https://huggingface.co/docs/safetensors.
 */
import { repeatedName } from '../base/repeated-name.ts';
import { quoted } from '../base/nearest-name.ts';

/** Longer headers are refused, as by the reference implementation. */
export const HEADER_LIMIT = 100_000_000;
/** Of the number before the header. */
export const LENGTH_BYTES = 8;

/** What is wrong with a file. */
export class HeaderMistake extends Error {
  constructor(
    message: string,
    readonly remedy = 'Fetch it again, or write it anew.',
  ) {
    super(message);
  }
}

export type ReadableType = 'F32' | 'F16' | 'BF16' | 'U8' | 'BOOL';

export interface TensorEntry {
  name: string;
  dtype: ReadableType;
  shape: number[];
  elements: number;
  /** Where its bytes begin, after the header. */
  start: number;
  end: number;
}

export interface Header {
  /** In the order of the header. */
  entries: TensorEntry[];
  metadata: Record<string, string>;
  /** Bytes of all tensors together. */
  bytes: number;
}

/** Bits of an element; of those that are not read, too. */
const ELEMENT_BITS: Record<string, number> = {
  ...{ F64: 64, F32: 32, F16: 16, BF16: 16, F8_E4M3: 8, F8_E5M2: 8, F8_E8M0: 8, F8_E4M3FNUZ: 8, F8_E5M2FNUZ: 8 },
  ...{ F6_E2M3: 6, F6_E3M2: 6, F4: 4, C64: 64 },
  ...{ I64: 64, I32: 32, I16: 16, I8: 8, U64: 64, U32: 32, U16: 16, U8: 8, BOOL: 8 },
};
const READABLE: readonly string[] = ['F32', 'F16', 'BF16', 'U8', 'BOOL'] satisfies ReadableType[];

/** What to do about a tensor that is not read, by the first letter of its type. */
const CONVERSIONS: Record<string, string> = {
  F: 'Convert its tensors to F32, F16 or BF16 (in Python: tensor.float()) and save the file again.',
  C: 'Weights are real numbers: convert its tensors to F32 and save the file again.',
  I: 'Weights are F32, F16 or BF16, masks U8: leave the tensor out if it is neither, or convert it.',
};

/**
 * @param text of the header
 * @throws HeaderMistake for the first thing that is wrong with it
 */
export function parseHeader(text: string): Header {
  const { __metadata__: metadata, ...tensors } = jsonObject(text);
  const entries = Object.entries(tensors).map(([name, entry]) => tensorEntry(name, entry));
  const ordered = entries.toSorted((a, b) => a.start - b.start || a.end - b.end);
  let before: TensorEntry | undefined;
  for (const entry of ordered) {
    const { name, start } = entry;
    const expected = before?.end ?? 0;
    if (start < expected)
      throw new HeaderMistake(
        `tensor ${quoted(name)} begins at byte ${start}, inside of ${quoted(before!.name)}, which ends at ${expected}`,
      );
    if (start > expected) throw new HeaderMistake(`the bytes ${expected} to ${start} belong to no tensor`);
    before = entry;
  }
  return { entries, metadata: metadataOf(metadata), bytes: before?.end ?? 0 };
}

function jsonObject(text: string): Record<string, unknown> {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw new HeaderMistake('its header is no JSON');
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw new HeaderMistake('its header is JSON, but no object');
  const repeated = repeatedName(text);
  if (repeated !== undefined) throw new HeaderMistake(`its header has the name ${quoted(repeated)} twice`);
  return content as Record<string, unknown>;
}

function metadataOf(metadata: unknown): Record<string, string> {
  if (metadata === undefined) return {};
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata))
    throw new HeaderMistake('its "__metadata__" is no object of texts');
  const odd = Object.entries(metadata).find(([, value]) => typeof value !== 'string');
  if (odd !== undefined)
    throw new HeaderMistake(`its "__metadata__" has a value that is no text, of ${quoted(odd[0])}`);
  return metadata as Record<string, string>;
}

function tensorEntry(name: string, entry: unknown): TensorEntry {
  const tensor = `tensor ${quoted(name)}`;
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
    throw new HeaderMistake(`${tensor} is described by no object`);
  const { dtype, shape, data_offsets: offsets, ...others } = entry as Record<string, unknown>;
  const [other] = Object.keys(others);
  if (other !== undefined)
    throw new HeaderMistake(`${tensor} has ${quoted(other)} besides "dtype", "shape" and "data_offsets"`);
  const bits = typeof dtype === 'string' && Object.hasOwn(ELEMENT_BITS, dtype) ? ELEMENT_BITS[dtype]! : undefined;
  if (bits === undefined)
    throw new HeaderMistake(
      `${tensor} has ${typeof dtype === 'string' ? `the type ${quoted(dtype)}, which swp does not know` : 'no type ("dtype")'}`,
      CONVERSIONS.F,
    );
  const elements = elementsOf(tensor, shape);
  const { start, end } = rangeOf(tensor, offsets);
  const size = Math.ceil((elements * bits) / 8);
  if (end - start !== size)
    throw new HeaderMistake(
      `${tensor} has ${end - start} bytes, and its shape ${shapeText(shape as number[])} of ${dtype as string} takes ${size}`,
    );
  if (!READABLE.includes(dtype as string))
    throw new HeaderMistake(
      `${tensor} is ${dtype as string}, and swp reads F32, F16 and BF16, and of masks U8 and BOOL`,
      CONVERSIONS[(dtype as string).replace('U', 'I').charAt(0)],
    );
  return { name, dtype: dtype as ReadableType, shape: shape as number[], elements, start, end };
}

function elementsOf(tensor: string, shape: unknown): number {
  if (!Array.isArray(shape)) throw new HeaderMistake(`${tensor} has no shape`);
  const odd = (shape as unknown[]).find((length) => !isNatural(length));
  if (odd !== undefined)
    throw new HeaderMistake(`${tensor} has ${shown(odd)} in its shape, and lengths are whole numbers, 0 or more`);
  const elements = (shape as number[]).includes(0)
    ? 0
    : (shape as number[]).reduce((product, length) => product * length, 1);
  if (elements > Number.MAX_SAFE_INTEGER / 64)
    throw new HeaderMistake(`${tensor} has a shape ${shapeText(shape as number[])} that no file can hold`);
  return elements;
}

function rangeOf(tensor: string, offsets: unknown): { start: number; end: number } {
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isNatural))
    throw new HeaderMistake(`${tensor} has no "data_offsets" of two whole numbers, 0 or more`);
  const [start, end] = offsets as [number, number];
  if (end < start) throw new HeaderMistake(`${tensor} ends at byte ${end}, before it begins at ${start}`);
  return { start, end };
}

function isNatural(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function shown(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  return typeof value === 'object' && value !== null ? 'a list or an object' : String(value);
}

/** A shape may be as long as a header. */
function shapeText(shape: readonly number[]): string {
  return shape.length > 8 ? `[${shape.slice(0, 8).join(', ')}, ...]` : `[${shape.join(', ')}]`;
}
