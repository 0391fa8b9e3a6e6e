/**
 * A writer for the protobuf wire format: as much as ONNX files need.
 * Source: https://protobuf.dev/programming-guides/encoding/
 */
const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

export class ProtobufMessage {
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  /** An int64 or enum field; negative numbers take ten bytes, as the format wants. */
  integer(field: number, value: number | bigint): this {
    this.#varint((field << 3) | VARINT);
    this.#varint(value < 0 ? BigInt.asUintN(64, BigInt(value)) : value);
    return this;
  }

  float(field: number, value: number): this {
    this.#varint((field << 3) | FIXED32);
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#append(bytes);
  }

  string(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  bytes(field: number, value: Uint8Array): this {
    this.#varint((field << 3) | LENGTH_DELIMITED);
    this.#varint(value.length);
    return this.#append(value);
  }

  message(field: number, value: ProtobufMessage): this {
    return this.bytes(field, value.finish());
  }

  finish(): Uint8Array {
    const all = new Uint8Array(this.#length);
    let offset = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, offset);
      offset += chunk.length;
    }
    return all;
  }

  #append(bytes: Uint8Array): this {
    this.#chunks.push(bytes);
    this.#length += bytes.length;
    return this;
  }

  #varint(value: number | bigint): void {
    const bytes: number[] = [];
    if (typeof value === 'number' && value < 0x8000_0000) {
      let rest = value; // nearly all are small: bit operations on numbers are many times faster than on bigints
      for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
      bytes.push(rest);
    } else {
      let rest = BigInt(value);
      for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
      bytes.push(Number(rest));
    }
    this.#append(Uint8Array.from(bytes));
  }
}
