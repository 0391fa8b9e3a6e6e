/**
 * A safetensors file that is open: its header, and tensors by ranges, straight into the memory that is used. Overlaps,
 * gaps, ranges outside the file and files of other kinds are refused before any tensor is read.
 */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { SwpError } from '../base/failure.ts';
import { fileFailure } from '../base/file-failure.ts';
import { quoted } from '../base/nearest-name.ts';
import { foreignFile } from './foreign-file.ts';
import { bfloat16Bits, float16Bits, widenHalves } from './half-floats.ts';
import type { MemoryFor, Tensor } from './language-model.ts';
import {
  HEADER_LIMIT,
  HeaderMistake,
  LENGTH_BYTES,
  parseHeader,
  type Header,
  type TensorEntry,
} from './safetensors-header.ts';

/** So much of a file tells what it is, if it is no safetensors file. */
const SNIFFED_BYTES = 256;

export class SafetensorsReader {
  readonly path: string;
  readonly metadata: Record<string, string>;
  /** By name, in the order of the header. */
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly #file: FileHandle;
  readonly #bodyStart: number;

  private constructor(path: string, file: FileHandle, { header, bodyStart }: { header: Header; bodyStart: number }) {
    this.path = path;
    this.metadata = header.metadata;
    this.entries = new Map(header.entries.map((entry) => [entry.name, entry]));
    this.#file = file;
    this.#bodyStart = bodyStart;
  }

  /**
   * @throws SwpError if the file cannot be read, or is no whole, consistent safetensors file, or has tensors of other
   *   types than F32, F16, BF16, U8 and BOOL
   */
  static async open(path: string): Promise<SafetensorsReader> {
    let file: FileHandle | undefined;
    try {
      file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)); // a pipe would never open
      return new SafetensorsReader(path, file, await readWholeHeader(file));
    } catch (error) {
      await file?.close();
      throw failureAt(path, error);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /**
   * A tensor in memory of its own, or in that which is given. F16 and BF16 are read as float32, which has all of their
   * numbers.
   */
  async tensor(entry: TensorEntry, memoryFor?: MemoryFor): Promise<Tensor> {
    const { name, dtype, shape, elements } = entry;
    try {
      if (dtype === 'U8' || dtype === 'BOOL') {
        const data = new Uint8Array(elements);
        await this.#fill(data, entry.start);
        return { shape, data };
      }
      const given = memoryFor?.(name, shape);
      const data = given ?? new Float32Array(elements);
      await this.read(entry, data);
      return { shape, data };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw failureAt(
        this.path,
        new HeaderMistake(
          `The tensor ${quoted(name)} of ${elements} numbers does not fit into the memory`,
          'Run it on a machine with more memory.',
        ),
      );
    }
  }

  /**
   * Reads numbers of a tensor of F32, F16 or BF16.
   * @param into as many as are read
   * @param from index of the first one, row by row
   */
  async read({ dtype, start }: TensorEntry, into: Float32Array, from = 0): Promise<void> {
    const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
    if (dtype === 'F32') {
      await this.#fill(bytes, start + 4 * from);
      return;
    }
    await this.#fill(bytes.subarray(2 * into.length), start + 2 * from);
    widenHalves(into, dtype === 'F16' ? float16Bits : bfloat16Bits);
  }

  async #fill(bytes: Uint8Array, start: number): Promise<void> {
    try {
      await fill(this.#file, bytes, this.#bodyStart + start);
    } catch (error) {
      throw failureAt(this.path, error);
    }
  }
}

function failureAt(path: string, error: unknown): Error {
  if (error instanceof HeaderMistake)
    return new SwpError({ kind: 'content', path, message: error.message, remedy: error.remedy });
  return fileFailure(error, path, 'read', 'Check that the file exists and may be read.');
}

async function readWholeHeader(file: FileHandle): Promise<{ header: Header; bodyStart: number }> {
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
  return { header, bodyStart };
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
