/** A file that is no whole safetensors file is told by what it is; whatever its header says, nothing worse happens. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { SwpError, type Failure } from '../../src/base/failure.ts';
import { readSafetensors } from '../../src/model/safetensors.ts';

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swp-broken-'));
  path = join(folder, 'file.safetensors');
});
afterAll(() => rm(folder, { recursive: true }));

/** A file with any header and so many bytes after it. */
function file(header: unknown, bytes = 0): Buffer {
  const text = Buffer.isBuffer(header)
    ? header
    : Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(bytes)]);
}

const entry = (start: unknown, end: unknown, shape: unknown = [1], dtype: unknown = 'F32') => ({
  dtype,
  shape,
  data_offsets: [start, end],
});

async function failureOf(bytes: Buffer): Promise<Extract<Failure, { kind: 'content' }> | undefined> {
  await writeFile(path, bytes);
  try {
    await readSafetensors(path);
    return undefined;
  } catch (error) {
    if (!(error instanceof SwpError) || error.failure.kind !== 'content') throw error;
    return error.failure;
  }
}

describe('a file is told by what is wrong with it', () => {
  const valid = 'No valid safetensors file: ';
  test.each<[string, Buffer, string]>([
    ['nothing in it', Buffer.of(), 'The file is empty'],
    ['three bytes', Buffer.from('abc'), 'The file is truncated: it lacks the last 5 bytes'],
    [
      'half a header',
      file({ a: entry(0, 4) }).subarray(0, 20),
      'The file is truncated: it lacks the last 42 bytes of its header',
    ],
    ['a byte too few', file({ a: entry(0, 4) }, 3), 'The file is truncated: it lacks the last 1 byte'],
    ['bytes too many', file({ a: entry(0, 4) }, 6), `${valid}the last 2 bytes of the file belong to no tensor`],
    [
      'a header without an end',
      Buffer.alloc(64, 0xff),
      `${valid}its header would have 18446744073709551615 bytes, and no header has more than 100000000`,
    ],
    ['a header that is no JSON', file('{"a":'), `${valid}its header is no JSON`],
    ['a header that is no text', file(Buffer.from([123, 34, 255, 34])), `${valid}its header is no text in UTF-8`],
    ['a header that is a list', file('[]'), `${valid}its header does not begin with "{"`],
    ['a name twice', file('{"a":{},"\\u0061":{}}'), `${valid}its header has the name "a" twice`],
    ['a field twice', file('{"a":{"dtype":"F32","dtype":"F16"}}'), `${valid}its header has the name "dtype" twice`],
    [
      'an overlap',
      file({ a: entry(0, 4), b: entry(2, 6) }, 6),
      `${valid}tensor "b" begins at byte 2, inside of "a", which ends at 4`,
    ],
    ['a gap', file({ a: entry(0, 4), b: entry(8, 12) }, 12), `${valid}the bytes 4 to 8 belong to no tensor`],
    [
      'offsets in the wrong order',
      file({ a: entry(4, 0) }, 4),
      `${valid}tensor "a" ends at byte 0, before it begins at 4`,
    ],
    [
      'offsets that are none',
      file({ a: entry(-4, 0) }, 4),
      `${valid}tensor "a" has no "data_offsets" of two whole numbers, 0 or more`,
    ],
    [
      'no offsets',
      file({ a: { dtype: 'F32', shape: [1] } }, 4),
      `${valid}tensor "a" has no "data_offsets" of two whole numbers, 0 or more`,
    ],
    [
      'another size',
      file({ a: entry(0, 4, [2]) }, 4),
      `${valid}tensor "a" has 4 bytes, and its shape [2] of F32 takes 8`,
    ],
    [
      'a negative length',
      file({ a: entry(0, 4, [-1]) }, 4),
      `${valid}tensor "a" has -1 in its shape, and lengths are whole numbers, 0 or more`,
    ],
    [
      'half a length',
      file({ a: entry(0, 4, [1.5]) }, 4),
      `${valid}tensor "a" has 1.5 in its shape, and lengths are whole numbers, 0 or more`,
    ],
    [
      'a length that is a text',
      file({ a: entry(0, 4, ['1']) }, 4),
      `${valid}tensor "a" has "1" in its shape, and lengths are whole numbers, 0 or more`,
    ],
    [
      'a shape that nothing holds',
      file({ a: entry(0, 4, [2 ** 52, 2 ** 52]) }, 4),
      `${valid}tensor "a" has a shape [4503599627370496, 4503599627370496] that no file can hold`,
    ],
    ['no shape', file({ a: entry(0, 4, 1) }, 4), `${valid}tensor "a" has no shape`],
    ['no type', file({ a: entry(0, 4, [1], null) }, 4), `${valid}tensor "a" has no type ("dtype")`],
    [
      'an unknown type',
      file({ a: entry(0, 4, [1], 'F33') }, 4),
      `${valid}tensor "a" has the type "F33", which swp does not know`,
    ],
    ['a tensor that is a number', file({ a: 3 }), `${valid}tensor "a" is described by no object`],
    [
      'a tensor with more to say',
      file({ a: { ...entry(0, 4), order: 'C' } }, 4),
      `${valid}tensor "a" has "order" besides "dtype", "shape" and "data_offsets"`,
    ],
    ['metadata that are none', file({ __metadata__: ['a'] }), `${valid}its "__metadata__" is no object of texts`],
    [
      'metadata of numbers',
      file({ __metadata__: { a: 1 } }),
      `${valid}its "__metadata__" has a value that is no text, of "a"`,
    ],
    [
      'a tensor called __proto__',
      file('{"__proto__":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}', 8),
      `${valid}tensor "__proto__" is F64, and swp reads F32, F16 and BF16, and of masks U8 and BOOL`,
    ],
  ])('%s', async (_, bytes, message) => {
    expect((await failureOf(bytes))?.message).toBe(message);
  });

  test.each([
    ['F64', 8, 'Convert its tensors to F32, F16 or BF16'],
    ['F8_E4M3', 1, 'Convert its tensors to F32, F16 or BF16'],
    ['F8_E5M2', 1, 'Convert its tensors to F32, F16 or BF16'],
    ['F4', 1, 'Convert its tensors to F32, F16 or BF16'],
    ['C64', 8, 'convert its tensors to F32'],
    ['I64', 8, 'leave the tensor out'],
    ['I8', 1, 'leave the tensor out'],
    ['U16', 2, 'leave the tensor out'],
  ])('a tensor of %s: by its name and type, with what to do', async (dtype, bytes, remedy) => {
    const failure = await failureOf(file({ sound: entry(0, 4), odd: entry(4, 4 + bytes, [1], dtype) }, 4 + bytes));
    expect(failure?.message).toContain(`tensor "odd" is ${dtype}, and swp reads F32, F16 and BF16`);
    expect(failure?.remedy).toContain(remedy);
  });

  test.each<[string, string | Buffer, string, string]>([
    [
      'a pointer of Git LFS',
      'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n',
      'a pointer of Git LFS',
      '`git lfs pull`',
    ],
    ['a web page', '\n<!DOCTYPE html>\n<html lang="en"><head>', 'a web page', '/resolve/'],
    [
      'a zip archive of PyTorch',
      Buffer.from('PK\x03\x04\0\0\x08\x08\0\0archive/data.pkl', 'latin1'),
      'a zip archive',
      'safetensors.torch.save_file',
    ],
    [
      'a pickle',
      Buffer.from('\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.', 'latin1'),
      'a pickle',
      'safetensors.torch.save_file',
    ],
    ['GGUF', Buffer.from('GGUF\x03\0\0\0\x01\0\0\0', 'latin1'), 'a GGUF file', 'as the "model"'],
    ['HDF5', Buffer.from('\x89HDF\r\n\x1a\n\0\0', 'latin1'), 'an HDF5 file', 'Save its tensors as safetensors'],
    ['a compressed file', Buffer.from('\x1f\x8b\x08\0\0\0\0\0\0\x03', 'latin1'), 'a compressed file', 'Unpack it'],
    ['an index of parts', '{"metadata": {"total_size": 1}, "weight_map": {}}', 'a text of JSON', 'as one file'],
    ['{}', '{}', 'a text of JSON', 'as one file'],
  ])('%s', async (_, content, what, remedy) => {
    const failure = await failureOf(Buffer.from(content as string));
    expect(failure?.message).toContain(`It is no safetensors file, but ${what}`);
    expect(failure?.remedy).toContain(remedy);
  });

  it('a folder', async () => {
    await expect(readSafetensors(folder)).rejects.toMatchObject({
      failure: { kind: 'content', message: 'It is a folder, and no file' },
    });
  });
});

test('whatever a header says, the file is read or refused, and what is read has no more bytes than the file says', async () => {
  const number = fc.oneof(
    fc.nat(20),
    fc.constantFrom(-1, 0.5, 2 ** 53, 1e300, -0, 4_294_967_296, null, '4', [], {}, true),
  );
  const tensor = fc.record(
    {
      dtype: fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom<unknown>('F32', 'F16', 'BF16', 'U8') },
        fc.constantFrom<unknown>('F64', 'F4', 'toString', '', 7, null),
      ),
      shape: fc.oneof(
        { weight: 4, arbitrary: fc.array(fc.nat(3), { maxLength: 3 }) as fc.Arbitrary<unknown> },
        fc.array(number),
        number,
      ),
      data_offsets: fc.oneof(
        { weight: 4, arbitrary: fc.tuple(fc.nat(12), fc.nat(24)) as fc.Arbitrary<unknown> },
        fc.array(number),
        number,
      ),
    },
    { requiredKeys: [] },
  );
  const name = fc.oneof(fc.constantFrom('a', '__proto__', '__metadata__', 'constructor', '0', ''), fc.string());
  const header = fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .dictionary(name, fc.oneof({ weight: 6, arbitrary: tensor as fc.Arbitrary<unknown> }, fc.jsonValue()), {
          maxKeys: 4,
        })
        .map((value) => JSON.stringify(value)),
    },
    fc.json(),
    fc.string(),
    fc.nat(200_000).map((depth) => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`),
    fc
      .nat(100_000)
      .map((depth) => `{"a":{"dtype":"F32","shape":[${'['.repeat(depth)}${']'.repeat(depth)}],"data_offsets":[0,4]}}`),
  );
  const change = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), byte: fc.nat(255), cut: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(header, fc.nat(24), fc.option(change), async (text, bytes, changed) => {
      let content = file(text, bytes);
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
      const { tensors } = await readSafetensors(path);
      const held = [...tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
      expect(held).toBeLessThanOrEqual(2 * content.length);
    }),
    { numRuns: 300 },
  );
});
