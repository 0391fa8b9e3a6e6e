/**
 * Reads GGUF files, as llama.cpp has them: metadata, and tensors as float32. The header is read at once, a tensor when
 * somebody asks for it, block by block into the memory that it is given.
 */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { SwpError } from '../base/failure.ts';
import { fileFailure } from '../base/file-failure.ts';
import { quoted } from '../base/nearest-name.ts';
import { GgufBytes, truncatedGguf } from './gguf-bytes.ts';
import { decodeValue, parseGgufHeader, valueTypeName, type GgufHeader, type GgufTensor } from './gguf-header.ts';
import { HeaderMistake } from './safetensors-header.ts';

/** So many bytes of a tensor are read and decoded at once. */
const CHUNK_BYTES = 1 << 20;

export class GgufFile {
  readonly path: string;
  /** By name, in the order of the header. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  readonly #file: FileHandle;
  readonly #bytes: GgufBytes;
  readonly #header: GgufHeader;

  private constructor(path: string, file: FileHandle, bytes: GgufBytes) {
    this.path = path;
    this.#file = file;
    this.#bytes = bytes;
    this.#header = parseGgufHeader(bytes);
    this.tensors = new Map(this.#header.tensors.map((tensor) => [tensor.name, tensor]));
  }

  /**
   * Whoever opens it closes it.
   * @throws SwpError if the file cannot be read, is no whole, consistent GGUF file of version 2 or 3, or has a tensor
   *   of a type that is not read
   */
  static async open(path: string): Promise<GgufFile> {
    let file: FileHandle | undefined;
    try {
      file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)); // a pipe would never open
      const found = await file.stat();
      if (!found.isFile())
        throw new HeaderMistake(
          `It is a ${found.isDirectory() ? 'folder' : 'pipe or a device'}, and no file`,
          'Put the file there.',
        );
      return new GgufFile(path, file, new GgufBytes(file.fd, found.size));
    } catch (error) {
      await file?.close();
      throw failure(error, path);
    }
  }

  /** Names of all metadata values. */
  get names(): string[] {
    return [...this.#header.metadata.keys()];
  }

  /**
   * A metadata value; undefined where there is none of the name.
   * @throws SwpError for one of another type
   */
  text(name: string): string | undefined {
    return this.#value(name, 'a text', isText);
  }

  number(name: string): number | undefined {
    return this.#value(name, 'a number', isNumber);
  }

  flag(name: string): boolean | undefined {
    return this.#value(name, 'true or false', (value): value is boolean => typeof value === 'boolean');
  }

  texts(name: string): string[] | undefined {
    return this.#value(name, 'a list of texts', (value) => Array.isArray(value) && value.every(isText)) as
      string[] | undefined;
  }

  numbers(name: string): number[] | undefined {
    return this.#value(name, 'a list of numbers', (value) => Array.isArray(value) && value.every(isNumber)) as
      number[] | undefined;
  }

  /** Whether a value is a list. */
  isList(name: string): boolean {
    return this.#header.metadata.get(name)?.count !== undefined;
  }

  /**
   * Writes a tensor's numbers, row by row.
   * @param target as long as the tensor has numbers
   * @throws SwpError if the file cannot be read, or was cut off
   */
  async read({ name, block, start, end, elements }: GgufTensor, target: Float32Array): Promise<void> {
    if (target.length !== elements)
      throw new Error(`${name} has ${elements} numbers, and there is room for ${target.length}.`);
    const chunkBytes = Math.floor(CHUNK_BYTES / block.bytes) * block.bytes;
    const chunk = new Uint8Array(Math.min(chunkBytes, end - start));
    try {
      for (let at = start, to = 0; at < end; at += chunkBytes) {
        const bytes = chunk.subarray(0, Math.min(chunkBytes, end - at));
        await this.#fill(bytes, at);
        block.decode(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), target, to);
        to += (bytes.length / block.bytes) * block.elements;
      }
    } catch (error) {
      throw failure(error, this.path);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #fill(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const { bytesRead } = await this.#file.read(bytes, done, bytes.length - done, position + done);
      if (bytesRead === 0) throw truncatedGguf(bytes.length - done); // it was cut off meanwhile
      done += bytesRead;
    }
  }

  #value<Value>(name: string, what: string, is: (value: unknown) => value is Value): Value | undefined;
  #value(name: string, what: string, is: (value: unknown) => boolean): unknown;
  #value(name: string, what: string, is: (value: unknown) => boolean): unknown {
    const value = this.#header.metadata.get(name);
    if (value === undefined) return undefined;
    try {
      const decoded = decodeValue(this.#bytes, value);
      if (is(decoded)) return decoded;
      throw new HeaderMistake(`Its metadata ${quoted(name)} is ${valueTypeName(value)}, and should be ${what}`);
    } catch (error) {
      throw failure(error, this.path);
    }
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

function failure(error: unknown, path: string): Error {
  if (error instanceof HeaderMistake)
    return new SwpError({ kind: 'content', path, message: error.message, remedy: error.remedy });
  return fileFailure(error, path, 'read', 'Check that the file exists and may be read.');
}
