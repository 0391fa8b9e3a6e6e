/** The checkpoint format: what is written is read back, and nothing broken is read at all. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SwpError } from '../../src/base/failure.ts';
import type { Tensor } from '../../src/model/language-model.ts';
import { readSafetensors, writeSafetensors } from '../../src/model/safetensors.ts';

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swp-safetensors-'));
  path = join(folder, 'file.safetensors');
});
afterAll(() => rm(folder, { recursive: true }));

const tensor: fc.Arbitrary<Tensor> = fc
  .tuple(fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }), fc.boolean(), fc.nat(255))
  .map(([shape, float, start]) => {
    const size = shape.reduce((product, length) => product * length, 1);
    const numbers = Array.from({ length: size }, (_, index) => (start + index) % 256);
    return { shape, data: float ? Float32Array.from(numbers, (value) => value / 7 - 9) : Uint8Array.from(numbers) };
  });
const tensors = fc
  .dictionary(
    fc.string({ minLength: 1 }).filter((name) => name !== '__metadata__' && !/^\d+$/.test(name)),
    tensor,
    { maxKeys: 5 },
  )
  .map((entries) => new Map(Object.entries(entries)));

/** A file with any header and body. */
function file(header: unknown, body: number[] = []): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.from(body)]);
}

async function messageFor(bytes: Buffer): Promise<string> {
  await writeFile(path, bytes);
  const error = await readSafetensors(path).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SwpError) || error.failure.kind !== 'content')
    throw new Error(`Expected a content failure, got ${String(error)}`);
  expect(error.failure.path).toBe(path);
  return error.failure.message;
}

describe('safetensors', () => {
  it('are not written with numbers that are not finite: how many, and where the first one is', async () => {
    const broken = new Map([
      ['mask', { shape: [2], data: Uint8Array.of(1, 0) }],
      ['sound', { shape: [], data: Float32Array.of(3e38) }],
      ['broken', { shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, -Infinity, NaN) }],
    ]);
    await rm(path, { force: true });
    await expect(writeSafetensors(path, broken, {}, 'Do it otherwise.')).rejects.toMatchObject({
      failure: {
        kind: 'not-finite',
        message: '2 of 7 numbers are not finite: the first is -Infinity, at [1, 1] of broken',
        remedy: 'Do it otherwise.',
      },
    });
    await expect(readFile(path)).rejects.toThrow('ENOENT');
  });

  it('reads back what was written, names, order, shapes, numbers and metadata', async () => {
    await fc.assert(
      fc.asyncProperty(tensors, async (written) => {
        await writeSafetensors(path, written, { made: 'by a test' });
        const read = await readSafetensors(path);
        expect([...read.tensors]).toEqual([...written]);
        expect(read.metadata).toEqual({ made: 'by a test' });
      }),
      { numRuns: 100 },
    );
  });

  it('is a failure, never a crash or a half-read file, for any truncation or flipped byte of the header', async () => {
    await writeSafetensors(path, new Map([['a', { shape: [2, 3], data: new Float32Array(6).fill(1) }]]));
    const whole = await readFile(path);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), async (length) => {
        await messageFor(whole.subarray(0, length));
      }),
      { numRuns: 60 },
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 25), fc.integer({ min: 1, max: 255 }), async (at, by) => {
        const bytes = Buffer.from(whole);
        bytes[at] = bytes[at]! ^ by;
        await writeFile(path, bytes);
        await readSafetensors(path).catch((error: unknown) => expect(error).toBeInstanceOf(SwpError));
      }),
      { numRuns: 200 },
    );
  });

  it('names a file that is not there', async () => {
    await expect(readSafetensors(join(folder, 'absent'))).rejects.toMatchObject({
      failure: { kind: 'file', code: 'ENOENT' },
    });
  });
});

describe('F16 and BF16', () => {
  /** Every pattern of 16 bits. */
  const patterns = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);
  const body = [...new Uint8Array(patterns.buffer)];

  /** The number that the bits stand for, by the definition of the formats. */
  function numberOf(bits: number, exponentBits: number): number {
    const fractionBits = 15 - exponentBits;
    const [sign, exponent, fraction] = [
      bits >> 15,
      (bits >> fractionBits) % 2 ** exponentBits,
      bits % 2 ** fractionBits,
    ];
    const bias = 2 ** (exponentBits - 1) - 1;
    const size =
      exponent === 2 ** exponentBits - 1
        ? fraction === 0
          ? Infinity
          : NaN
        : exponent === 0
          ? fraction * 2 ** (1 - bias - fractionBits)
          : (1 + fraction / 2 ** fractionBits) * 2 ** (exponent - bias);
    return sign === 1 ? -size : size;
  }

  it.each([
    ['F16', 5],
    ['BF16', 8],
  ])('%s is read exactly, every one of its 65,536 numbers', async (dtype, exponentBits) => {
    await writeFile(path, file({ a: { dtype, shape: [256, 256], data_offsets: [0, 131_072] } }, body));
    const { data, shape } = (await readSafetensors(path)).tensors.get('a')!;
    expect([shape, data.length]).toEqual([[256, 256], 65_536]);
    const different = [...patterns].filter((bits) => !Object.is(data[bits], numberOf(bits, exponentBits)));
    expect(different).toEqual([]);
  });

  it('are read with other types in one file, an odd number of them and none', async () => {
    const header = {
      one: { dtype: 'BF16', shape: [], data_offsets: [0, 2] },
      mask: { dtype: 'BOOL', shape: [3], data_offsets: [2, 5] },
      none: { dtype: 'F16', shape: [0, 5], data_offsets: [5, 5] },
      three: { dtype: 'F16', shape: [3], data_offsets: [5, 11] },
      float: { dtype: 'F32', shape: [1], data_offsets: [11, 15] },
    };
    await writeFile(path, file(header, [0x80, 0x3f, 1, 0, 1, 0, 0x3c, 0, 0xbc, 1, 0, 0, 0, 0, 0x40]));
    const { tensors } = await readSafetensors(path);
    expect([...tensors].map(([name, { data }]) => [name, ...data])).toEqual([
      ['one', 1],
      ['mask', 1, 0, 1],
      ['none'],
      ['three', 1, -1, 2 ** -24],
      ['float', 2],
    ]);
  });
});
