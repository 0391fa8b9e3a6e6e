/**
 * Reads and writes safetensors: a little-endian u64 header length, a JSON header, the tensors' bytes.
 * Source: https://huggingface.co/docs/safetensors. Overlaps, gaps and ranges outside the file are refused, and writing
 * is canonical (tensors in the given order, no padding but the header's), so equal tensors are equal bytes.
 */
import { constants } from 'node:fs';
import { open, writeFile, type FileHandle } from 'node:fs/promises';
import { SwpError } from '../base/failure.ts';
import { fileFailure } from '../base/file-failure.ts';
import { quoted } from '../base/nearest-name.ts';
import { nonFiniteNumbers } from './finite-tensors.ts';
import { foreignFile } from './foreign-file.ts';
import { bfloat16Bits, float16Bits, widenHalves } from './half-floats.ts';
import type { Tensor } from './language-model.ts';
import {
  HEADER_LIMIT,
  HeaderMistake,
  LENGTH_BYTES,
  parseHeader,
  type Header,
  type TensorEntry,
} from './safetensors-header.ts';

export interface SafetensorsFile {
  /** In the order of the header. F16 and BF16 are read as float32, which has all of their numbers. */
  tensors: Map<string, Tensor>;
  metadata: Record<string, string>;
}

/** So much of a file tells what it is, if it is no safetensors file. */
const SNIFFED_BYTES = 256;

/**
 * Reads each tensor's bytes straight into the memory that it keeps.
 * @throws SwpError if the file cannot be read, or is no whole, consistent safetensors file, or has tensors of other
 *   types than F32, F16, BF16, U8 and BOOL
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)); // a pipe would never open
    return await readTensors(file);
  } catch (error) {
    if (error instanceof HeaderMistake)
      throw new SwpError({ kind: 'content', path, message: error.message, remedy: error.remedy });
    throw fileFailure(error, path, 'read', 'Check that the file exists and may be read.');
  } finally {
    await file?.close();
  }
}

/**
 * @param remedy what to do about numbers that are not finite
 * @throws SwpError of kind `not-finite` if a number is, and nothing is written
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Record<string, string> = {},
  remedy = 'Nothing is kept of them. Look at what they are made of.',
): Promise<void> {
  const broken = nonFiniteNumbers(tensors);
  if (broken !== undefined) throw new SwpError({ kind: 'not-finite', message: broken, remedy });
  let offset = 0;
  const header = Object.create(null) as Record<string, unknown>; // so that any text can be a name
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata;
  for (const [name, { shape, data }] of tensors) {
    header[name] = {
      dtype: data instanceof Float32Array ? 'F32' : 'U8',
      shape,
      data_offsets: [offset, offset + data.byteLength],
    };
    offset += data.byteLength;
  }
  const text = JSON.stringify(header);
  const padded = Buffer.from(text.padEnd(Math.ceil(Buffer.byteLength(text) / LENGTH_BYTES) * LENGTH_BYTES));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeBigUInt64LE(BigInt(padded.length));
  const bodies = [...tensors.values()].map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  await writeFile(path, Buffer.concat([length, padded, ...bodies]));
}

async function readTensors(file: FileHandle): Promise<SafetensorsFile> {
  const found = await file.stat();
  if (!found.isFile())
    throw new HeaderMistake(
      `It is a ${found.isDirectory() ? 'folder' : 'pipe or a device'}, and no file`,
      'Put the file there.',
    );
  const { header, bodyStart } = await readHeader(file, found.size);
  const surplus = found.size - bodyStart - header.bytes;
  if (surplus < 0) throw truncated(-surplus);
  if (surplus > 0) throw invalid(`the last ${bytesText(surplus)} of the file belong to no tensor`);
  const tensors = new Map<string, Tensor>();
  for (const entry of header.entries) tensors.set(entry.name, await readTensor(file, entry, bodyStart + entry.start));
  return { tensors, metadata: header.metadata };
}

async function readHeader(file: FileHandle, size: number): Promise<{ header: Header; bodyStart: number }> {
  const start = Buffer.alloc(Math.min(size, SNIFFED_BYTES));
  await fill(file, start, 0);
  if (size === 0) throw new HeaderMistake('The file is empty');
  const length = size < LENGTH_BYTES ? undefined : start.readBigUInt64LE();
  const brace = start[LENGTH_BYTES];
  if (length === undefined || length > HEADER_LIMIT || (brace !== undefined && brace !== OPENING_BRACE)) {
    const foreign = foreignFile(start);
    if (foreign !== undefined)
      throw new HeaderMistake(`It is no safetensors file, but ${foreign.what}`, foreign.remedy);
    if (length === undefined) throw truncated(LENGTH_BYTES - size);
    throw invalid(
      length > HEADER_LIMIT
        ? `its header would have ${length} bytes, and no header has more than ${HEADER_LIMIT}`
        : 'its header does not begin with "{"',
    );
  }
  const bodyStart = LENGTH_BYTES + Number(length);
  if (bodyStart > size) throw truncated(bodyStart - size, ' of its header');
  const bytes = Buffer.alloc(Number(length));
  await fill(file, bytes, LENGTH_BYTES);
  try {
    return { header: parseHeader(textOf(bytes)), bodyStart };
  } catch (error) {
    if (error instanceof HeaderMistake) throw invalid(error.message, error.remedy);
    throw error;
  }
}

const OPENING_BRACE = '{'.charCodeAt(0);

function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new HeaderMistake('its header is no text in UTF-8');
  }
}

async function readTensor(
  file: FileHandle,
  { name, dtype, shape, elements }: TensorEntry,
  at: number,
): Promise<Tensor> {
  try {
    if (dtype === 'U8' || dtype === 'BOOL') {
      const data = new Uint8Array(elements);
      await fill(file, data, at);
      return { shape, data };
    }
    const data = new Float32Array(elements);
    const bytes = new Uint8Array(data.buffer);
    await fill(file, dtype === 'F32' ? bytes : bytes.subarray(2 * elements), at);
    if (dtype !== 'F32') widenHalves(data, dtype === 'F16' ? float16Bits : bfloat16Bits);
    return { shape, data };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new HeaderMistake(
      `The tensor ${quoted(name)} of ${elements} numbers does not fit into the memory`,
      'Run it on a machine with more memory.',
    );
  }
}

/** Fills a piece of memory from a place in a file; large ones take several reads. */
async function fill(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesRead } = await file.read(bytes, done, Math.min(bytes.length - done, LARGEST_READ), position + done);
    if (bytesRead === 0) throw truncated(bytes.length - done); // it was cut off meanwhile
    done += bytesRead;
  }
}

/** Systems read less than 2 GiB at once. */
const LARGEST_READ = 1 << 30;

function truncated(missing: number, part = ''): HeaderMistake {
  return new HeaderMistake(`The file is truncated: it lacks the last ${bytesText(missing)}${part}`, 'Fetch it again.');
}

function invalid(message: string, remedy?: string): HeaderMistake {
  return new HeaderMistake(`No valid safetensors file: ${message}`, remedy);
}

function bytesText(count: number): string {
  return `${count} byte${count === 1 ? '' : 's'}`;
}
