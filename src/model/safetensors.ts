/**
 * Reads and writes safetensors: a little-endian u64 header length, a JSON header, the tensors' bytes.
 * Source: https://huggingface.co/docs/safetensors. Writing is canonical (tensors in the given order, no padding but the
 * header's), so equal tensors are equal bytes.
 */
import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { SwpError } from '../base/failure.ts';
import { nonFiniteNumbers } from './finite-tensors.ts';
import type { MemoryFor, Tensor } from './language-model.ts';
import { LENGTH_BYTES } from './safetensors-header.ts';
import { SafetensorsReader } from './safetensors-reader.ts';

export interface SafetensorsFile {
  /** In the order of the header. F16 and BF16 are read as float32, which has all of their numbers. */
  tensors: Map<string, Tensor>;
  metadata: Record<string, string>;
}

/** What to do about an artifact that holds something else than its name says. */
export const WRONG_ARTIFACT = 'The artifact is damaged or was given under the wrong name.';

/**
 * Reads each tensor's bytes straight into the memory that it keeps.
 * @param memoryFor of its tensors of numbers; fresh memory by default
 * @throws SwpError if the file cannot be read, or is no whole, consistent safetensors file, or has tensors of other
 *   types than F32, F16, BF16, U8 and BOOL
 */
export async function readSafetensors(path: string, memoryFor?: MemoryFor): Promise<SafetensorsFile> {
  const reader = await SafetensorsReader.open(path);
  try {
    const tensors = new Map<string, Tensor>();
    for (const [name, entry] of reader.entries) tensors.set(name, await reader.tensor(entry, memoryFor));
    return { tensors, metadata: reader.metadata };
  } finally {
    await reader.close();
  }
}

/** The names of the tensors in a file, in its order. Fails as readSafetensors does. */
export async function readTensorNames(path: string): Promise<string[]> {
  const reader = await SafetensorsReader.open(path);
  try {
    return [...reader.entries.keys()];
  } finally {
    await reader.close();
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
  remedy?: string,
): Promise<void> {
  refuseNonFinite(tensors, remedy);
  const file = await open(path, 'w');
  try {
    for (const bytes of partsOf(tensors, metadata)) await writeWhole(file, bytes);
  } finally {
    await file.close();
  }
}

/** @throws SwpError of kind `not-finite` if a number is */
export function refuseNonFinite(
  tensors: ReadonlyMap<string, Tensor>,
  remedy = 'Nothing is kept of them. Look at what they are made of.',
): void {
  const broken = nonFiniteNumbers(tensors);
  if (broken !== undefined) throw new SwpError({ kind: 'not-finite', message: broken, remedy });
}

/**
 * Digest and size of the file that writeSafetensors would make, without making it.
 * @param change what is written of a tensor in its place, of the same length; it is asked tensor by tensor
 */
export function digestSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Record<string, string> = {},
  change: (name: string, data: Tensor['data']) => Tensor['data'] = (_, data) => data,
): { sha256: string; bytes: number } {
  const hash = createHash('sha256');
  let bytes = 0;
  for (const part of partsOf(tensors, metadata, change)) {
    for (let done = 0; done < part.length; done += LARGEST_PIECE)
      hash.update(part.subarray(done, done + LARGEST_PIECE));
    bytes += part.length;
  }
  return { sha256: hash.digest('hex'), bytes };
}

/** The bytes of a file, piece by piece. */
function* partsOf(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Record<string, string>,
  change: (name: string, data: Tensor['data']) => Tensor['data'] = (_, data) => data,
): Generator<Uint8Array> {
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
  yield Buffer.concat([length, padded]);
  for (const [name, tensor] of tensors) {
    const { buffer, byteOffset, byteLength } = change(name, tensor.data);
    yield new Uint8Array(buffer, byteOffset, byteLength);
  }
}

/** Systems write, and hashes take, less than 2 GiB at once, and possibly less than they are asked to. */
const LARGEST_PIECE = 1 << 30;

async function writeWhole(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, Math.min(bytes.length - done, LARGEST_PIECE));
    done += bytesWritten;
  }
}
