/**
 * The token ids of a text on disk: a safetensors file with one tensor per part, U16 where the vocabulary allows it and
 * else U32, so that other programs read it too; the header says what starts a sequence. It is read by ranges.
 */
import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { SwpError } from '../base/failure.ts';
import { openRegularFile } from '../base/regular-file.ts';
import { fileFailure } from '../base/file-failure.ts';
import { PARTS, type Part } from './text-parts.ts';

/** Tokens of one part, little endian. */
export type TokenIds = Uint16Array | Uint32Array;

export interface TokenFileHeader {
  /** Token ids are below it. */
  vocabulary: number;
  /** The token in front of every sequence. */
  start: number;
}

/** Where a part's ids lie in the file. */
interface StoredPart {
  /** Bytes from the beginning of the file. */
  offset: number;
  tokens: number;
}

export interface OpenTokenFile extends TokenFileHeader {
  /** The caller closes it. */
  descriptor: number;
  bytesPerToken: 2 | 4;
  parts: Record<Part, StoredPart>;
}

const FORMAT = 'swp-tokens-1';
/** Of the number before the header. */
const LENGTH_BYTES = 8;
const LONGEST_HEADER = 1 << 16;

/** An array for `count` ids below `vocabulary`. */
export function tokenIds(vocabulary: number, count: number): TokenIds {
  return vocabulary <= 2 ** 16 ? new Uint16Array(count) : new Uint32Array(count);
}

/** @returns SHA-256 of each part's bytes, hexadecimal */
export async function writeTokenFile(
  path: string,
  { vocabulary, start }: TokenFileHeader,
  parts: Readonly<Record<Part, TokenIds>>,
): Promise<Record<Part, string>> {
  const header: Record<string, unknown> = {
    __metadata__: { format: FORMAT, vocabulary: String(vocabulary), start: String(start) },
  };
  let offset = 0;
  for (const part of PARTS) {
    const { length, byteLength, BYTES_PER_ELEMENT } = parts[part];
    const dtype = BYTES_PER_ELEMENT === 2 ? 'U16' : 'U32';
    header[part] = { dtype, shape: [length], data_offsets: [offset, (offset += byteLength)] };
  }
  const text = JSON.stringify(header);
  const padded = Buffer.from(text.padEnd(Math.ceil(text.length / LENGTH_BYTES) * LENGTH_BYTES));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeBigUInt64LE(BigInt(padded.length));
  const digests = {} as Record<Part, string>;
  const file = await open(path, 'w');
  try {
    await file.writeFile(Buffer.concat([length, padded]));
    for (const part of PARTS) {
      const { buffer, byteOffset, byteLength } = parts[part];
      const bytes = new Uint8Array(buffer, byteOffset, byteLength);
      digests[part] = createHash('sha256').update(bytes).digest('hex');
      await file.writeFile(bytes);
    }
  } finally {
    await file.close();
  }
  return digests;
}

/** @throws SwpError if it cannot be read, or is no file of token ids */
export function openTokenFile(path: string): OpenTokenFile {
  let descriptor: number;
  try {
    descriptor = openRegularFile(path, { follow: true }).file;
  } catch (error) {
    throw fileFailure(error, path, 'read');
  }
  const length = Buffer.alloc(LENGTH_BYTES);
  readSync(descriptor, length, 0, LENGTH_BYTES, 0);
  const headerBytes = Number(length.readBigUInt64LE());
  const bytes = Buffer.alloc(Math.min(headerBytes, LONGEST_HEADER));
  readSync(descriptor, bytes, 0, bytes.length, LENGTH_BYTES);
  const header = headerOf(bytes.toString('utf8'));
  if (header === undefined)
    throw new SwpError({
      kind: 'content',
      path,
      message: 'It holds no token ids of a text',
      remedy: 'Connect the artifact `tokens` of the stage tokenize.',
    });
  const { metadata, tensors } = header;
  const parts = PARTS.map((part) => {
    const { shape, data_offsets: offsets } = tensors[part]!;
    return [part, { offset: LENGTH_BYTES + headerBytes + offsets[0], tokens: shape[0] }] as const;
  });
  return {
    descriptor,
    vocabulary: Number(metadata.vocabulary),
    start: Number(metadata.start),
    bytesPerToken: tensors.train.dtype === 'U16' ? 2 : 4,
    parts: Object.fromEntries(parts) as Record<Part, StoredPart>,
  };
}

interface StoredHeader {
  metadata: Record<string, string>;
  tensors: Record<Part, { dtype: string; shape: [number]; data_offsets: [number, number] }>;
}

/** What was written above; anything else is undefined. */
function headerOf(text: string): StoredHeader | undefined {
  try {
    const { __metadata__: metadata, ...tensors } = JSON.parse(text) as Record<string, never>;
    const isOurs = (metadata as Record<string, string> | undefined)?.format === FORMAT;
    return isOurs ? ({ metadata, tensors } as unknown as StoredHeader) : undefined;
  } catch {
    return undefined;
  }
}
