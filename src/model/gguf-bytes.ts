/** The bytes of a GGUF file's header, read one after the other; more of the file is fetched when they run out. */
import { readSync } from 'node:fs';
import { HEADER_LIMIT, HeaderMistake } from './safetensors-header.ts';

const FIRST_BYTES = 1 << 16;

export class GgufBytes {
  /** Where the next value is read. */
  position = 0;
  #bytes = Buffer.alloc(0);

  /**
   * @param file descriptor, open for reading
   * @param fileSize in bytes
   */
  constructor(
    readonly file: number,
    readonly fileSize: number,
  ) {}

  /** At most so many bytes from the beginning of the file; fewer of a shorter one. */
  peek(count: number): Buffer {
    this.#fetch(Math.min(count, this.fileSize));
    return this.#bytes.subarray(0, Math.min(count, this.fileSize));
  }

  /** A number of the type; whole ones of 64 bits are rounded where they are not exact. */
  number(type: string, bytes: number): number | boolean {
    const at = this.#take(bytes);
    switch (type) {
      case 'UINT8':
        return this.#bytes.readUInt8(at);
      case 'INT8':
        return this.#bytes.readInt8(at);
      case 'UINT16':
        return this.#bytes.readUInt16LE(at);
      case 'INT16':
        return this.#bytes.readInt16LE(at);
      case 'UINT32':
        return this.#bytes.readUInt32LE(at);
      case 'INT32':
        return this.#bytes.readInt32LE(at);
      case 'FLOAT32':
        return this.#bytes.readFloatLE(at);
      case 'FLOAT64':
        return this.#bytes.readDoubleLE(at);
      case 'UINT64':
        return Number(this.#bytes.readBigUInt64LE(at));
      case 'INT64':
        return Number(this.#bytes.readBigInt64LE(at));
      case 'BOOL':
        return this.#bytes.readUInt8(at) !== 0;
      default:
        throw new Error(`GGUF has no numbers of the type ${type}.`);
    }
  }

  /** A count or a length. @throws HeaderMistake for one that is larger than any file */
  length(): number {
    const at = this.#take(8);
    const value = this.#bytes.readBigUInt64LE(at);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalidGguf(`its header has a length of ${value}`);
    return Number(value);
  }

  /** A text with its length before it. @param what it is, for messages */
  text(what: string): string {
    const length = this.length();
    this.#bound(length, what);
    const at = this.#take(length);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.#bytes.subarray(at, at + length));
    } catch {
      throw invalidGguf(`${what} is no text in UTF-8`);
    }
  }

  /** Goes past so many bytes. */
  skip(count: number, what: string): void {
    this.#bound(count, what);
    this.#take(count);
  }

  #bound(count: number, what: string): void {
    if (count > HEADER_LIMIT)
      throw invalidGguf(`${what} would have ${count} bytes, and no header has more than ${HEADER_LIMIT}`);
  }

  /** @returns where the bytes begin */
  #take(count: number): number {
    const at = this.position;
    const end = at + count;
    if (end > this.fileSize) throw truncatedGguf(end - this.fileSize, ' of its header');
    if (end > HEADER_LIMIT) throw invalidGguf(`its header has more than ${HEADER_LIMIT} bytes`);
    this.#fetch(end);
    this.position = end;
    return at;
  }

  #fetch(end: number): void {
    const known = this.#bytes.length;
    if (end <= known) return;
    const wanted = Math.min(Math.max(end, 2 * known, FIRST_BYTES), this.fileSize);
    const grown = Buffer.alloc(wanted);
    this.#bytes.copy(grown);
    for (let done = known; done < wanted;) {
      const read = readSync(this.file, grown, done, wanted - done, done);
      if (read === 0) throw truncatedGguf(wanted - done, ' of its header'); // it was cut off meanwhile
      done += read;
    }
    this.#bytes = grown;
  }
}

/** @param message follows "No valid GGUF file:" */
export function invalidGguf(message: string, remedy?: string): HeaderMistake {
  return new HeaderMistake(`No valid GGUF file: ${message}`, remedy);
}

/** @param part which part of the file ends too early; by default its tensors */
export function truncatedGguf(missing: number, part = ''): HeaderMistake {
  return new HeaderMistake(
    `The file is truncated: it lacks the last ${missing} byte${missing === 1 ? '' : 's'}${part}`,
    'Fetch it again.',
  );
}
