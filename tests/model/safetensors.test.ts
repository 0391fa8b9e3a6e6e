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
    fc
      .string({ minLength: 1 })
      .filter((name) => name !== '__proto__' && name !== '__metadata__' && !/^\d+$/.test(name)),
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

  it('says what is wrong', async () => {
    const entry = (start: number, end: number, shape = [1], dtype = 'F32') => ({
      dtype,
      shape,
      data_offsets: [start, end],
    });
    expect(await messageFor(Buffer.from('abc'))).toContain('it has 3 bytes');
    expect(await messageFor(file('{'))).toContain('No valid safetensors file');
    expect(await messageFor(file({ a: entry(0, 4), b: entry(0, 4) }, [0, 0, 0, 0]))).toContain(
      'tensor b starts at 0, not at 4',
    );
    expect(await messageFor(file({ a: entry(4, 8) }, Array(8).fill(0)))).toContain('tensor a starts at 4, not at 0');
    expect(await messageFor(file({ a: entry(0, 8, [2]) }, [0, 0, 0, 0]))).toContain(
      'tensor a ends at 8, but there are 4 bytes',
    );
    expect(await messageFor(file({ a: entry(0, 4, [2]) }, [0, 0, 0, 0]))).toContain('its shape [2] takes 8');
    expect(await messageFor(file({ a: entry(0, 4) }, Array(6).fill(0)))).toContain('2 bytes belong to no tensor');
    expect(await messageFor(file({ a: entry(0, 2, [1], 'BF16') }, [0, 0]))).toContain(
      'has the type BF16; F32, U8 and BOOL can be read',
    );
    expect(
      await messageFor(file({ a: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] } }, Array(4).fill(0))),
    ).toContain('no valid shape');
  });

  it('names a file that is not there', async () => {
    await expect(readSafetensors(join(folder, 'absent'))).rejects.toMatchObject({
      failure: { kind: 'file', code: 'ENOENT' },
    });
  });
});
