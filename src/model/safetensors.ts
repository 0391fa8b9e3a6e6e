/**
 * Reads and writes safetensors: a little-endian u64 header length, a JSON header, the tensors' bytes.
 * Source: https://huggingface.co/docs/safetensors. Overlaps, gaps and ranges outside the file are refused, and writing
 * is canonical (tensors in the given order, no padding but the header's), so equal tensors are equal bytes.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { SwpError } from '../base/failure.ts';
import { elementCount } from '../base/element-count.ts';
import { fileFailure } from '../base/file-failure.ts';
import { nonFiniteNumbers } from './finite-tensors.ts';
import type { Tensor } from './language-model.ts';

export interface SafetensorsFile {
  tensors: Map<string, Tensor>;
  metadata: Record<string, string>;
}

interface TensorHeader {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

const ELEMENT_BYTES: Record<string, number> = { F32: 4, U8: 1, BOOL: 1 };
const HEADER_LIMIT = 100_000_000;
const LENGTH_BYTES = 8;

/** @throws SwpError if the file cannot be read, or is no whole, consistent safetensors file of F32, U8 or BOOL */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw fileFailure(error, path, 'read', 'Check that the file exists and may be read.');
  });
  try {
    return parse(bytes);
  } catch (error) {
    throw new SwpError({
      kind: 'content',
      path,
      message: `No valid safetensors file: ${(error as Error).message}`,
      remedy: 'Fetch or rebuild the file; it may be truncated.',
    });
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
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
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

function parse(bytes: Buffer): SafetensorsFile {
  if (bytes.length < LENGTH_BYTES) throw new Error(`it has ${bytes.length} bytes, less than its header's length takes`);
  const headerLength = bytes.readBigUInt64LE();
  if (headerLength > HEADER_LIMIT) throw new Error(`its header claims ${headerLength} bytes`);
  const bodyStart = LENGTH_BYTES + Number(headerLength);
  if (bodyStart > bytes.length) throw new Error(`its header ends at byte ${bodyStart} of ${bytes.length}`);
  const header: unknown = JSON.parse(bytes.toString('utf8', LENGTH_BYTES, bodyStart));
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw new Error('its header is no object');

  const { __metadata__: metadata = {}, ...entries } = header as Record<string, unknown>;
  const body = bytes.subarray(bodyStart);
  const tensors = new Map<string, Tensor>();
  let expected = 0;
  const sorted = Object.entries(entries).map(([name, entry]) => [name, tensorHeader(name, entry)] as const);
  sorted.sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1]);
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [start, end],
    },
  ] of sorted) {
    if (start !== expected) throw new Error(`tensor ${name} starts at ${start}, not at ${expected}`);
    if (end > body.length) throw new Error(`tensor ${name} ends at ${end}, but there are ${body.length} bytes`);
    const size = elementCount(shape) * ELEMENT_BYTES[dtype]!;
    if (end - start !== size)
      throw new Error(`tensor ${name} has ${end - start} bytes, its shape [${shape}] takes ${size}`);
    const copy = Uint8Array.from(body.subarray(start, end));
    tensors.set(name, { shape, data: dtype === 'F32' ? new Float32Array(copy.buffer) : copy });
    expected = end;
  }
  if (expected !== body.length) throw new Error(`${body.length - expected} bytes belong to no tensor`);
  const order = Object.keys(entries);
  return {
    tensors: new Map(order.map((name) => [name, tensors.get(name)!])),
    metadata: metadata as Record<string, string>,
  };
}

function tensorHeader(name: string, entry: unknown): TensorHeader {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Partial<TensorHeader>;
  const natural = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
  if (typeof dtype !== 'string' || !Object.hasOwn(ELEMENT_BYTES, dtype))
    throw new Error(`tensor ${name} has the type ${String(dtype)}; F32, U8 and BOOL can be read`);
  if (!Array.isArray(shape) || !shape.every(natural)) throw new Error(`tensor ${name} has no valid shape`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(natural))
    throw new Error(`tensor ${name} has no valid offsets`);
  return { dtype, shape, data_offsets: offsets };
}
