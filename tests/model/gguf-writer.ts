/** Writes GGUF files for tests, sound ones and broken ones: every number of the header can be set to another. */

export type GgufEntry = [name: string, type: GgufType, value: unknown];
export type GgufType = keyof typeof TYPES | `${keyof typeof TYPES}[]`;

/** By name: number of the type, and how a value is written. */
const TYPES = {
  UINT8: [0, (value: number) => Buffer.of(value)],
  UINT32: [4, (value: number) => u32(value)],
  INT32: [5, (value: number) => u32(value >>> 0)],
  FLOAT32: [6, (value: number) => Buffer.from(new Float32Array([value]).buffer)],
  BOOL: [7, (value: boolean) => Buffer.of(value ? 1 : 0)],
  STRING: [8, (value: string) => text(value)],
  UINT64: [10, (value: number) => u64(value)],
} as const satisfies Record<string, [number, (value: never) => Buffer]>;

export interface GgufTensorSpec {
  name: string;
  /** As in the file: the length of a row first. */
  lengths: readonly (number | bigint)[];
  /** ggml's number of the type; F32 by default. */
  type?: number;
  offset: number | bigint;
}

export function ggufFile({
  version = 3,
  metadata = [],
  tensors = [],
  tensorCount = tensors.length,
  metadataCount = metadata.length,
  alignment = 32,
  body = Buffer.alloc(0),
}: {
  version?: number;
  /** Entries, or bytes in their place. */
  metadata?: readonly (GgufEntry | Buffer)[];
  tensors?: readonly GgufTensorSpec[];
  tensorCount?: number | bigint;
  metadataCount?: number | bigint;
  alignment?: number;
  /** Bytes of the tensors. */
  body?: Buffer;
}): Buffer {
  const header = Buffer.concat([
    Buffer.from('GGUF'),
    u32(version),
    u64(tensorCount),
    u64(metadataCount),
    ...metadata.map((entry) => (Buffer.isBuffer(entry) ? entry : metadataEntry(entry))),
    ...tensors.map(({ name, lengths, type = 0, offset }) =>
      Buffer.concat([text(name), u32(lengths.length), ...lengths.map(u64), u32(type), u64(offset)]),
    ),
  ]);
  const gap = Buffer.alloc((alignment - (header.length % alignment)) % alignment);
  return tensors.length === 0 && body.length === 0 ? header : Buffer.concat([header, gap, body]);
}

export function metadataEntry([name, type, value]: GgufEntry): Buffer {
  const [number, write] = TYPES[type.replace('[]', '') as keyof typeof TYPES] as [number, (value: unknown) => Buffer];
  if (!type.endsWith('[]')) return Buffer.concat([text(name), u32(number), write(value)]);
  const values = value as unknown[];
  return Buffer.concat([text(name), u32(9), u32(number), u64(values.length), ...values.map(write)]);
}

export function text(value: string | Buffer, length?: number | bigint): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([u64(length ?? bytes.length), bytes]);
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
