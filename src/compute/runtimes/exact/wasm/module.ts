/** Writes WebAssembly modules: the binary format, as far as generated kernels need it. */

/** Of parameters and locals. */
export type ValueType = 'i32' | 'v128';

const VALUE_TYPES: Readonly<Record<ValueType, number>> = { i32: 0x7f, v128: 0x7b };

export interface WasmFunction {
  /** All of type i32. */
  parameters: number;
  locals: readonly ValueType[];
  /** Instructions, without the last `end`. */
  code: readonly number[];
  /** Under which the host finds it. */
  export?: string;
}

/** A module that imports its memory as `host.memory`. Functions are numbered from 0 and return nothing. */
export function encodeModule(functions: readonly WasmFunction[], pages: number): Uint8Array<ArrayBuffer> {
  const most = functions.reduce((sum, { parameters }) => Math.max(sum, parameters), 0);
  // The type with number n has n parameters.
  const types = Array.from({ length: most + 1 }, (_, count) => [
    0x60,
    ...vector(Array.from({ length: count }, () => [VALUE_TYPES.i32])),
    0,
  ]);
  const exported = functions.flatMap(({ export: name }, index) =>
    name === undefined ? [] : [[...text(name), 0x00, ...unsigned(index)]],
  );
  const memory = [...text('host'), ...text('memory'), 0x02, 0x01, ...unsigned(pages), ...unsigned(pages)];
  const head = [
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(2, vector([memory])),
    ...section(3, vector(functions.map(({ parameters }) => unsigned(parameters)))),
    ...section(7, vector(exported)),
  ];
  const bodies = functions.map(functionBody);
  const length = bodies.reduce((sum, body) => sum + body.length, 0);
  const count = unsigned(bodies.length);
  const code = [Uint8Array.of(10, ...unsigned(count.length + length), ...count), ...bodies];
  return joined([Uint8Array.from(head), ...code]);
}

function functionBody({ locals, code }: WasmFunction): Uint8Array {
  const groups: { type: ValueType; count: number }[] = [];
  for (const type of locals) {
    const last = groups.at(-1);
    if (last?.type === type) last.count++;
    else groups.push({ type, count: 1 });
  }
  const declared = vector(groups.map(({ type, count }) => [...unsigned(count), VALUE_TYPES[type]]));
  const size = unsigned(declared.length + code.length + 1);
  return joined([Uint8Array.from([...size, ...declared]), Uint8Array.from(code), Uint8Array.of(0x0b)]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function text(name: string): number[] {
  return vector([...Buffer.from(name)].map((byte) => [byte]));
}

/** LEB128 of 0 to 2^32 - 1. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return bytes;
}

/** LEB128 of a 32-bit integer; those from 2^31 are its bits. */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const byte = rest & 0x7f;
    rest >>= 7;
    const last = (rest === 0 && (byte & 0x40) === 0) || (rest === -1 && (byte & 0x40) !== 0);
    bytes.push(last ? byte : byte | 0x80);
    if (last) return bytes;
  }
}
