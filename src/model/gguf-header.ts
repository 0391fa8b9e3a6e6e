/**
 * The header of a GGUF file: typed metadata and a list of tensors with type, shape and offset. Everything that it says
 * is checked before a tensor is read, so that a broken or hostile file takes no more memory than it has bytes.
 * Versions 2 and 3, little-endian. Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
 */
import { quoted } from '../base/nearest-name.ts';
import { blockOf, typeName, READABLE_TYPES, type GgmlBlock } from './ggml-blocks.ts';
import { foreignFile } from './foreign-file.ts';
import { invalidGguf, truncatedGguf, type GgufBytes } from './gguf-bytes.ts';
import { HeaderMistake } from './safetensors-header.ts';

/** Where the bytes of a metadata value lie in the header; values are decoded when somebody asks for them. */
export interface GgufValue {
  /** Number of the type; of a list, that of its elements. */
  type: number;
  /** Of a list: how many elements it has. */
  count?: number;
  at: number;
}

export interface GgufTensor {
  name: string;
  block: GgmlBlock;
  /** As [out, in]: rows first. The file has it the other way round. */
  shape: number[];
  elements: number;
  /** Where its bytes begin and end in the file. */
  start: number;
  end: number;
}

export interface GgufHeader {
  metadata: ReadonlyMap<string, GgufValue>;
  /** In the order of the header. */
  tensors: GgufTensor[];
}

/** Types of metadata values by number: name and bytes; texts and lists have a length of their own. */
const VALUE_TYPES: readonly { name: string; bytes?: number }[] = [
  { name: 'UINT8', bytes: 1 },
  { name: 'INT8', bytes: 1 },
  { name: 'UINT16', bytes: 2 },
  { name: 'INT16', bytes: 2 },
  { name: 'UINT32', bytes: 4 },
  { name: 'INT32', bytes: 4 },
  { name: 'FLOAT32', bytes: 4 },
  { name: 'BOOL', bytes: 1 },
  { name: 'STRING' },
  { name: 'ARRAY' },
  { name: 'UINT64', bytes: 8 },
  { name: 'INT64', bytes: 8 },
  { name: 'FLOAT64', bytes: 8 },
];
const STRING = 8;
const ARRAY = 9;

/** Bytes of the shortest metadata entry and of the shortest tensor entry: by them, counts are told from nonsense. */
const LEAST_ENTRY = { metadata: 8 + 4 + 1, tensor: 8 + 4 + 4 + 8 };
const MOST_DIMENSIONS = 4;
const DEFAULT_ALIGNMENT = 32;
const ALIGNMENT_KEY = 'general.alignment';

/**
 * @param bytes of the file, from its beginning
 * @throws HeaderMistake for the first thing that is wrong with it
 */
export function parseGgufHeader(bytes: GgufBytes): GgufHeader {
  checkVersion(bytes);
  const tensorCount = countOf(bytes, 'tensors', LEAST_ENTRY.tensor);
  const metadataCount = countOf(bytes, 'metadata', LEAST_ENTRY.metadata);
  const metadata = new Map<string, GgufValue>();
  for (let index = 0; index < metadataCount; index++) {
    const name = bytes.text('the name of a metadata value');
    if (metadata.has(name)) throw invalidGguf(`its metadata has the name ${quoted(name)} twice`);
    metadata.set(name, skipValue(bytes, name));
  }
  const alignment = alignmentOf(bytes, metadata.get(ALIGNMENT_KEY));
  const entries: TensorEntry[] = [];
  const names = new Set<string>();
  for (let index = 0; index < tensorCount; index++) {
    const entry = tensorEntry(bytes, alignment);
    if (names.has(entry.name)) throw invalidGguf(`it has two tensors called ${quoted(entry.name)}`);
    names.add(entry.name);
    entries.push(entry);
  }
  const bodyStart = padded(bytes.position, alignment);
  checkRanges(entries, alignment, bodyStart, bytes.fileSize);
  const tensors = entries.map(({ offset, bytes: length, ...tensor }): GgufTensor => {
    const start = bodyStart + offset;
    return { ...tensor, start, end: start + length };
  });
  return { metadata, tensors };
}

/** What a metadata value is, for messages, e.g. `a list of STRING`. */
export function valueTypeName({ type, count }: GgufValue): string {
  const name = VALUE_TYPES[type]!.name;
  return count === undefined ? name : `a list of ${name}`;
}

/** Its value, or the values of its list. Whole numbers of 64 bits that are not exact are given as they round. */
export function decodeValue(bytes: GgufBytes, value: GgufValue): unknown {
  bytes.position = value.at;
  if (value.count === undefined) return scalar(bytes, value.type);
  return Array.from({ length: value.count }, () => scalar(bytes, value.type));
}

function scalar(bytes: GgufBytes, type: number): unknown {
  if (type === STRING) return bytes.text('a text of its metadata');
  return bytes.number(VALUE_TYPES[type]!.name, VALUE_TYPES[type]!.bytes!);
}

function checkVersion(bytes: GgufBytes): void {
  const start = bytes.peek(256);
  if (start.length === 0) throw new HeaderMistake('The file is empty');
  if (start.subarray(0, 4).toString('latin1') !== 'GGUF') {
    const foreign = foreignFile(start);
    if (foreign !== undefined) throw new HeaderMistake(`It is no GGUF file, but ${foreign.what}`, foreign.remedy);
    if (start.length < 4) throw truncatedGguf(4 - start.length, ' of its header');
    throw new HeaderMistake('It is no GGUF file: it does not begin with "GGUF"');
  }
  bytes.position = 4;
  const version = bytes.number('UINT32', 4) as number;
  if (version === 2 || version === 3) return;
  if (version > 0 && version % 0x1_00_00_00 === 0)
    throw new HeaderMistake('It is big-endian, and swp reads little-endian files', 'Fetch the little-endian file.');
  throw new HeaderMistake(
    `It has the version ${version} of GGUF, and swp reads 2 and 3`,
    "Convert the model again with today's llama.cpp.",
  );
}

function countOf(bytes: GgufBytes, what: string, least: number): number {
  const count = bytes.length();
  if (count * least > bytes.fileSize)
    throw invalidGguf(
      `its header tells of ${count} ${what === 'metadata' ? 'metadata values' : what}, and the file has ${bytes.fileSize} bytes`,
    );
  return count;
}

/** Goes past a value, so far checked that decoding it meets nothing odd but text that is not UTF-8. */
function skipValue(bytes: GgufBytes, name: string): GgufValue {
  const type = valueType(bytes, name);
  if (type !== ARRAY) {
    const at = bytes.position;
    skip(bytes, type, 1, name);
    return { type, at };
  }
  const elements = valueType(bytes, name);
  if (elements === ARRAY) throw invalidGguf(`its metadata ${quoted(name)} is a list of lists`);
  const count = bytes.length();
  const at = bytes.position;
  skip(bytes, elements, count, name);
  return { type: elements, count, at };
}

function skip(bytes: GgufBytes, type: number, count: number, name: string): void {
  const { bytes: width } = VALUE_TYPES[type]!;
  if (width !== undefined) return bytes.skip(count * width, `the metadata ${quoted(name)}`);
  for (let index = 0; index < count; index++) bytes.skip(bytes.length(), `a text of the metadata ${quoted(name)}`);
}

function valueType(bytes: GgufBytes, name: string): number {
  const type = bytes.number('UINT32', 4) as number;
  if (type < VALUE_TYPES.length) return type;
  throw invalidGguf(`its metadata ${quoted(name)} has the type ${type}, and there are 0 to 12`);
}

function alignmentOf(bytes: GgufBytes, value: GgufValue | undefined): number {
  if (value === undefined) return DEFAULT_ALIGNMENT;
  const after = bytes.position;
  const alignment = value.type < ARRAY && value.type !== STRING ? decodeValue(bytes, value) : undefined;
  bytes.position = after;
  const isPower = (number: number): boolean => Number.isInteger(number) && (number & (number - 1)) === 0;
  if (typeof alignment === 'number' && alignment >= 1 && alignment <= 1 << 30 && isPower(alignment)) return alignment;
  throw invalidGguf(`its ${ALIGNMENT_KEY} is no power of two`);
}

type TensorEntry = Omit<GgufTensor, 'start' | 'end'> & { offset: number; bytes: number };

function tensorEntry(bytes: GgufBytes, alignment: number): TensorEntry {
  const name = bytes.text('the name of a tensor');
  const tensor = `tensor ${quoted(name)}`;
  const dimensions = bytes.number('UINT32', 4) as number;
  if (dimensions > MOST_DIMENSIONS)
    throw invalidGguf(`${tensor} has ${dimensions} dimensions, and there are at most ${MOST_DIMENSIONS}`);
  const lengths = Array.from({ length: dimensions }, () => bytes.length());
  const type = bytes.number('UINT32', 4) as number;
  const offset = bytes.length();
  const block = blockOf(type);
  if (block === undefined)
    throw new HeaderMistake(
      `The ${tensor} is ${typeName(type)}, and swp reads ${READABLE_TYPES.slice(0, -1).join(', ')} and ${READABLE_TYPES.at(-1)}`,
      'Fetch the model in one of these types, or convert it with llama-quantize --allow-requantize.',
    );
  const shape = lengths.toReversed();
  const elements = lengths.includes(0) ? 0 : lengths.reduce((product, length) => product * length, 1);
  if (elements > Number.MAX_SAFE_INTEGER / 64)
    throw invalidGguf(`${tensor} has a shape [${shape.join(', ')}] that no file can hold`);
  const row = lengths[0] ?? 1;
  if (row % block.elements !== 0)
    throw invalidGguf(`${tensor} has rows of ${row} numbers, and ${block.type} comes in blocks of ${block.elements}`);
  if (offset % alignment !== 0)
    throw invalidGguf(`${tensor} begins at byte ${offset} of the tensors, which is no multiple of ${alignment}`);
  return { name, block, shape, elements, offset, bytes: (elements / block.elements) * block.bytes };
}

/** Tensors follow each other, each from the next multiple of the alignment, and the file ends with the last one. */
function checkRanges(entries: readonly TensorEntry[], alignment: number, bodyStart: number, fileSize: number): void {
  const ordered = entries.toSorted((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  let before: TensorEntry | undefined;
  let end = 0;
  for (const entry of ordered) {
    const { name, offset } = entry;
    const expected = padded(end, alignment);
    if (offset < end)
      throw invalidGguf(
        `tensor ${quoted(name)} begins at byte ${offset} of the tensors, inside of ${quoted(before!.name)}, which ends at ${end}`,
      );
    if (offset > expected) throw invalidGguf(`the bytes ${expected} to ${offset} of the tensors belong to no tensor`);
    before = entry;
    end = offset + entry.bytes;
  }
  const missing = bodyStart + end - fileSize;
  if (entries.length > 0 && missing > 0) throw truncatedGguf(missing);
  const surplus = fileSize - padded(bodyStart + end, alignment);
  if (surplus > 0)
    throw invalidGguf(`the last ${surplus} byte${surplus === 1 ? '' : 's'} of the file belong to no tensor`);
}

function padded(position: number, alignment: number): number {
  return Math.ceil(position / alignment) * alignment;
}
