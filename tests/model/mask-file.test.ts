/** Masks in files: a bit per weight, which comes back as it was; whatever is no mask is refused, and said exactly. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Masks, Tensor } from '../../src/model/language-model.ts';
import { readMasks, writeMasks } from '../../src/model/mask-file.ts';
import { checkpointPath } from '../../src/model/model-config.ts';
import { readSafetensors, writeSafetensors } from '../../src/model/safetensors.ts';

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swp-masks-'));
  path = join(folder, 'mask.safetensors');
});
afterAll(() => rm(folder, { recursive: true }));

it('come back as they were written, in their order, and equal masks are equal bytes', async () => {
  const side = fc.integer({ min: 0, max: 9 });
  const mask = fc
    .tuple(side, side)
    .chain(([rows, cols]) =>
      fc
        .array(fc.integer({ min: 0, max: 1 }), { minLength: rows * cols, maxLength: rows * cols })
        .map((bits) => ({ shape: [rows, cols], data: Uint8Array.from(bits) })),
    );
  const names = fc
    .oneof(fc.string(), fc.constantFrom('__proto__', 'a', 'b'))
    .filter((name) => name !== '__metadata__' && !/^\d+$/.test(name)); // JavaScript puts numbers first
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.tuple(names, mask), { selector: ([name]) => name }), async (entries) => {
      const masks: Masks = new Map(entries);
      await writeMasks(path, masks);
      const read = await readMasks(path);
      expect(read).toEqual(masks);
      expect((await readSafetensors(path)).tensors.size).toBe(masks.size);
      const bytes = await readFile(path);
      await writeMasks(path, read);
      expect(await readFile(path)).toEqual(bytes);
    }),
    { numRuns: 200 },
  );
});

it('take a bit per weight, the first one the lowest', async () => {
  const data = new Uint8Array(80_000).fill(1);
  data[0] = 0;
  await writeMasks(path, new Map([['a', { shape: [200, 400], data }]]));
  const { tensors, metadata } = await readSafetensors(path);
  expect(metadata).toEqual({ shapes: '{"a":[200,400]}' });
  expect(tensors.get('a')!.data.slice(0, 2)).toEqual(Uint8Array.of(0b1111_1110, 0b1111_1111));
  expect((await stat(path)).size).toBeLessThan(10_300);
});

const bits = (...bytes: number[]): Tensor => ({ shape: [bytes.length], data: Uint8Array.from(bytes) });
const NO_SHAPES = 'It holds no masks: its metadata has no "shapes", a JSON object with the shape of every mask.';

it.each<[string, tensors: Record<string, Tensor>, shapes: unknown, message: string]>([
  ['shapes that are no JSON', { a: bits(1) }, '[2, 3', NO_SHAPES],
  ['a list of shapes', { a: bits(1) }, '[[2, 3]]', NO_SHAPES],
  ['a shape of texts', { a: bits(1) }, { a: ['2', '3'] }, NO_SHAPES],
  [
    'a mask too few',
    { a: bits(1) },
    { a: [2, 3], b: [1] },
    'The mask of b, which has a shape in the metadata, is missing.',
  ],
  ['a shape too few', { a: bits(1), b: bits(1) }, { a: [2, 3] }, 'The mask of b has no shape in the metadata.'],
  ['floats', { a: { shape: [1], data: Float32Array.of(1) } }, { a: [1] }, 'The mask of a is not U8.'],
  [
    'a byte per weight',
    { a: bits(1, 0, 1, 1, 1, 1) },
    { a: [2, 3] },
    'The mask of a has 6 bytes, and the bits of 6 weights take 1.',
  ],
  [
    'bits of weights that are not there',
    { a: bits(0x7f) },
    { a: [2, 3] },
    'The mask of a has a bit after that of its last weight.',
  ],
  ['another shape', { a: bits(0x3f) }, { a: [3, 2] }, 'The mask of a has the shape [3, 2], the model [2, 3].'],
  ['another model', { c: bits(1) }, { c: [2] }, 'The model has no tensor c, which has a mask.'],
])('are refused with %s', async (_, tensors, shapes, message) => {
  const metadata = { shapes: typeof shapes === 'string' ? shapes : JSON.stringify(shapes) };
  await writeSafetensors(path, new Map(Object.entries(tensors)), metadata);
  const model = new Map([
    ['a', [2, 3]],
    ['b', [1]],
  ]);
  const known = message.includes('the model') || message.includes('The model') ? model : undefined;
  await expect(readMasks(path, known, 'Do it otherwise.')).rejects.toMatchObject({
    failure: { kind: 'content', path, message, remedy: 'Do it otherwise.' },
  });
});

it('are never weights', async () => {
  await expect(readMasks(checkpointPath('marker-retrieval', 0))).rejects.toMatchObject({
    failure: { kind: 'content', message: NO_SHAPES },
  });
});
