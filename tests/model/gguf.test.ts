/** GGUF files are read to the bits of the Python package gguf. A broken one is told by what is wrong with it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { SwpError, type Failure } from '../../src/base/failure.ts';
import { GgufFile } from '../../src/model/gguf.ts';
import { readSafetensors } from '../../src/model/safetensors.ts';
import { ggufFile, metadataEntry, text, u32, u64, type GgufTensorSpec } from './gguf-writer.ts';

const fixture = (name: string) => fileURLToPath(new URL(`gguf/${name}`, import.meta.url));

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swp-gguf-'));
  path = join(folder, 'model.gguf');
});
afterAll(() => rm(folder, { recursive: true }));

/** All tensors of a file, by name. */
async function readAll(file: string): Promise<Map<string, Float32Array>> {
  const gguf = await GgufFile.open(file);
  try {
    const read = new Map<string, Float32Array>();
    for (const [name, tensor] of gguf.tensors) {
      const numbers = new Float32Array(tensor.elements);
      await gguf.read(tensor, numbers);
      read.set(name, numbers);
    }
    return read;
  } finally {
    await gguf.close();
  }
}

async function failureOf(bytes: Buffer): Promise<Extract<Failure, { kind: 'content' }> | undefined> {
  await writeFile(path, bytes);
  try {
    await readAll(path);
    return undefined;
  } catch (error) {
    if (!(error instanceof SwpError) || error.failure.kind !== 'content') throw error;
    return error.failure;
  }
}

const tensor = (name: string, offset: number | bigint, lengths: readonly (number | bigint)[] = [1], type = 0) =>
  ({ name, offset, lengths, type }) satisfies GgufTensorSpec;

describe('a file of every type, written by the Python package gguf', () => {
  it('has the numbers that the package reads, bit for bit, rows first', async () => {
    const { tensors: expected } = await readSafetensors(fixture('types.safetensors'));
    const read = await readAll(fixture('types.gguf'));
    const gguf = await GgufFile.open(fixture('types.gguf'));
    await gguf.close();
    expect([...read.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [name, { shape, data }] of expected) {
      expect(gguf.tensors.get(name)!.shape).toEqual(shape);
      expect(Buffer.from(read.get(name)!.buffer).equals(Buffer.from(data.buffer)), name).toBe(true);
    }
  });

  it('has its metadata', async () => {
    const gguf = await GgufFile.open(fixture('types.gguf'));
    expect(gguf.text('general.architecture')).toBe('llama');
    expect(gguf.number('llama.block_count')).toBe(30);
    expect(gguf.number('llama.attention.layer_norm_rms_epsilon')).toBe(Math.fround(1e-5));
    expect(gguf.flag('tokenizer.ggml.add_bos_token')).toBe(false);
    expect(gguf.texts('tokenizer.ggml.merges')).toEqual(['Ġ t', 'Ġ a']);
    expect(gguf.numbers('tokenizer.ggml.token_type')).toEqual([3, 1, 1]);
    expect(gguf.number('llama.attention.key_length')).toBeUndefined();
    expect(() => gguf.number('general.architecture')).toThrow(
      'Its metadata "general.architecture" is STRING, and should be a number',
    );
    await gguf.close();
  });
});

describe('a file is told by what is wrong with it', () => {
  const valid = 'No valid GGUF file: ';
  const floats = (count: number) => Buffer.alloc(4 * count);
  test.each<[string, Buffer, string]>([
    ['nothing in it', Buffer.of(), 'The file is empty'],
    ['half a magic number', Buffer.from('GG'), 'The file is truncated: it lacks the last 2 bytes of its header'],
    ['another file', Buffer.from('nothing of the kind'), 'It is no GGUF file: it does not begin with "GGUF"'],
    [
      'a pointer of Git LFS',
      Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n'),
      'It is no GGUF file, but a pointer of Git LFS: the file itself has not been fetched',
    ],
    ['version 1', ggufFile({ version: 1 }), 'It has the version 1 of GGUF, and swp reads 2 and 3'],
    [
      'another order of bytes',
      ggufFile({ version: 0x03_00_00_00 }),
      'It is big-endian, and swp reads little-endian files',
    ],
    [
      'half a header',
      ggufFile({ tensors: [tensor('a', 0)], body: floats(1) }).subarray(0, 56),
      'The file is truncated: it lacks the last 1 byte of its header',
    ],
    [
      'many tensors',
      ggufFile({ tensorCount: 1e15 }),
      `${valid}its header tells of 1000000000000000 tensors, and the file has 24 bytes`,
    ],
    [
      'a count beyond all numbers',
      ggufFile({ metadataCount: 2n ** 64n - 1n }),
      `${valid}its header has a length of 18446744073709551615`,
    ],
    [
      'a long text',
      ggufFile({ metadata: [Buffer.concat([text('a'), u32(8), u64(1e12)])] }),
      `${valid}a text of the metadata "a" would have 1000000000000 bytes, and no header has more than 100000000`,
    ],
    [
      'a long list',
      ggufFile({ metadata: [Buffer.concat([text('a'), u32(9), u32(4), u64(1e6)])] }),
      'The file is truncated: it lacks the last 4000000 bytes of its header',
    ],
    [
      'a list of lists',
      ggufFile({ metadata: [Buffer.concat([text('a'), u32(9), u32(9), u64(0)])] }),
      `${valid}its metadata "a" is a list of lists`,
    ],
    [
      'an odd type of metadata',
      ggufFile({ metadata: [Buffer.concat([text('a'), u32(13)])] }),
      `${valid}its metadata "a" has the type 13, and there are 0 to 12`,
    ],
    [
      'metadata twice',
      ggufFile({ metadata: [metadataEntry(['a', 'UINT32', 1]), metadataEntry(['a', 'BOOL', true])] }),
      `${valid}its metadata has the name "a" twice`,
    ],
    [
      'a name that is no text',
      ggufFile({ metadata: [Buffer.concat([text(Buffer.of(255)), u32(4), u32(0)])] }),
      `${valid}the name of a metadata value is no text in UTF-8`,
    ],
    [
      'a tensor twice',
      ggufFile({ tensors: [tensor('a', 0), tensor('a', 32)], body: floats(9) }),
      `${valid}it has two tensors called "a"`,
    ],
    [
      'an odd alignment',
      ggufFile({ metadata: [metadataEntry(['general.alignment', 'UINT32', 24])] }),
      `${valid}its general.alignment is no power of two`,
    ],
    [
      'a tensor off its place',
      ggufFile({ tensors: [tensor('a', 4)], body: floats(2) }),
      `${valid}tensor "a" begins at byte 4 of the tensors, which is no multiple of 32`,
    ],
    [
      'an overlap',
      ggufFile({ tensors: [tensor('a', 0, [16]), tensor('b', 32, [8])], body: floats(16) }),
      `${valid}tensor "b" begins at byte 32 of the tensors, inside of "a", which ends at 64`,
    ],
    [
      'a gap',
      ggufFile({ tensors: [tensor('a', 0), tensor('b', 64)], body: floats(17) }),
      `${valid}the bytes 32 to 64 of the tensors belong to no tensor`,
    ],
    [
      'a byte too few',
      ggufFile({ tensors: [tensor('a', 0)], body: Buffer.alloc(3) }),
      'The file is truncated: it lacks the last 1 byte',
    ],
    [
      'bytes too many',
      ggufFile({ tensors: [tensor('a', 0)], body: floats(9) }),
      `${valid}the last 4 bytes of the file belong to no tensor`,
    ],
    [
      'a shape beyond all files',
      ggufFile({ tensors: [tensor('a', 0, [2 ** 40, 2 ** 40])] }),
      `${valid}tensor "a" has a shape [1099511627776, 1099511627776] that no file can hold`,
    ],
    [
      'many dimensions',
      ggufFile({ tensors: [tensor('a', 0, [1, 1, 1, 1, 1])] }),
      `${valid}tensor "a" has 5 dimensions, and there are at most 4`,
    ],
    [
      'half a block',
      ggufFile({ tensors: [tensor('a', 0, [48, 2], 8)] }),
      `${valid}tensor "a" has rows of 48 numbers, and Q8_0 comes in blocks of 32`,
    ],
    [
      'a type that is not read',
      ggufFile({ tensors: [tensor('a', 0, [256], 12)] }),
      'The tensor "a" is Q4_K, and swp reads F32, F16, BF16, Q8_0, Q4_0 and Q4_1',
    ],
    [
      'a type that is not known',
      ggufFile({ tensors: [tensor('a', 0, [256], 4000)] }),
      'The tensor "a" is of the type 4000, which swp does not know, and swp reads F32, F16, BF16, Q8_0, Q4_0 and Q4_1',
    ],
  ])('%s', async (_, bytes, message) => {
    expect((await failureOf(bytes))?.message).toBe(message);
  });

  it('a folder', async () => {
    await expect(GgufFile.open(folder)).rejects.toMatchObject({
      failure: { kind: 'content', message: 'It is a folder, and no file' },
    });
  });
});

it('aligns tensors as the file says, and reads version 2 alike', async () => {
  const body = Buffer.alloc(132);
  body.writeFloatLE(1.5, 0);
  body.writeFloatLE(-2, 128);
  const alignment = metadataEntry(['general.alignment', 'UINT32', 128]);
  const tensors = [tensor('b', 128), tensor('a', 0, [])];
  await writeFile(path, ggufFile({ version: 2, metadata: [alignment], alignment: 128, tensors, body }));
  expect([...(await readAll(path))]).toEqual([
    ['b', new Float32Array([-2])],
    ['a', new Float32Array([1.5])],
  ]);
});

test('whatever a file says, it is read or refused, and what is read has no more numbers than the file has bytes', async () => {
  const count = fc.oneof(fc.bigInt({ min: 0n, max: 80n }), fc.constantFrom(2n ** 31n, 2n ** 53n, 2n ** 64n - 1n));
  const name = fc.string({ maxLength: 5, unit: 'grapheme' });
  const entry = fc.oneof(
    fc
      .tuple(name, fc.nat(14), fc.uint8Array({ maxLength: 12 }))
      .map(([key, type, rest]) => Buffer.concat([text(key), u32(type), rest])),
    fc
      .tuple(name, fc.nat(14), count)
      .map(([key, type, length]) => Buffer.concat([text(key), u32(9), u32(type), u64(length)])),
    fc.nat(300).map((alignment) => metadataEntry(['general.alignment', 'UINT32', alignment])),
  );
  const spec = fc.record({
    name,
    lengths: fc.array(fc.oneof(fc.constantFrom(1n, 2n, 32n, 64n), count), { maxLength: 5 }),
    type: fc.oneof(fc.constantFrom(0, 1, 2, 3, 8, 30), fc.nat(50)),
    offset: fc.oneof(fc.constantFrom(0n, 32n, 64n), count),
  });
  const change = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), byte: fc.nat(255), cut: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        version: fc.constantFrom(2, 3),
        metadata: fc.array(entry, { maxLength: 2 }),
        tensors: fc.array(spec, { maxLength: 3 }),
        body: fc.nat(150).map((bytes) => Buffer.alloc(bytes, 0x11)),
      }),
      fc.option(change),
      async (described, changed) => {
        let content = ggufFile(described);
        if (changed !== null) {
          const at = Math.floor(changed.at * (content.length - 1));
          content[at] = changed.byte;
          if (changed.cut) content = content.subarray(0, at);
        }
        const failure = await failureOf(content);
        if (failure !== undefined) {
          expect(failure.message).not.toBe('');
          expect(failure.remedy).not.toBe('');
          return;
        }
        const numbers = [...(await readAll(path)).values()].reduce((sum, { length }) => sum + length, 0);
        expect(numbers).toBeLessThanOrEqual(2 * content.length);
      },
    ),
    { numRuns: 500 },
  );
});
