/** Weights from files: whatever does not fit the configuration is refused, and said exactly. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Tensor } from '../../src/model/language-model.ts';
import { learnedLoss } from '../../src/model/learned-weights.ts';
import { checkpointPath, readModelConfig } from '../../src/model/model-config.ts';
import { readSafetensors, writeSafetensors } from '../../src/model/safetensors.ts';
import { readModelWeights } from '../../src/model/weights-file.ts';

const HEAD = 'lm_head.weight';
let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swp-weights-'));
  path = join(folder, 'weights.safetensors');
});
afterAll(() => rm(folder, { recursive: true }));

/** Reads a checkpoint of which one thing was changed. */
async function readChanged(change: (tensors: Map<string, Tensor>) => void) {
  const { tensors } = await readSafetensors(checkpointPath('marker-retrieval', 0));
  change(tensors);
  await writeSafetensors(path, tensors);
  return readModelWeights(path, await readModelConfig('marker-retrieval'), 'Fetch it again.');
}

describe('weights from a file', () => {
  it('come in the order of the configuration, whatever the order of the file', async () => {
    const expected = [...(await readChanged(() => {})).keys()];
    const read = await readChanged((tensors) => {
      const reversed = [...tensors].reverse();
      tensors.clear();
      for (const [name, tensor] of reversed) tensors.set(name, tensor);
    });
    expect([...read.keys()]).toEqual(expected);
  });

  const mistakes: [string, (tensors: Map<string, Tensor>) => void, string][] = [
    ['a missing tensor', (tensors) => tensors.delete(HEAD), 'The tensor lm_head.weight of shape [64, 48] is missing.'],
    [
      'a surplus tensor',
      (tensors) => tensors.set('extra', { shape: [1], data: Float32Array.of(1) }),
      'The model has no tensor "extra".',
    ],
    [
      'a mistyped name',
      (tensors) => {
        tensors.set('lm_head.wieght', tensors.get(HEAD)!);
        tensors.delete(HEAD);
      },
      'The model has no tensor "lm_head.wieght". Its tensor "lm_head.weight" is missing in the file.',
    ],
    [
      'names without their beginning',
      (tensors) => {
        for (const [name, tensor] of [...tensors].filter(([each]) => each.startsWith('model.layers.0'))) {
          tensors.set(name.replace('model.', ''), tensor);
          tensors.delete(name);
        }
      },
      'The model has no tensor "layers.0.input_layernorm.weight", and none of 8 others of the file. Its tensor "model.layers.0.input_layernorm.weight" is missing in the file.',
    ],
    [
      'another shape',
      (tensors) => tensors.set(HEAD, { shape: [48, 64], data: new Float32Array(48 * 64) }),
      'The tensor lm_head.weight has the shape [48, 64], the model [64, 48].',
    ],
    [
      'another type',
      (tensors) => tensors.set(HEAD, { shape: [64, 48], data: new Uint8Array(48 * 64) }),
      'The tensor lm_head.weight is U8 or BOOL; weights are F32, F16 or BF16.',
    ],
  ];
  it.each(mistakes)('are refused for %s', async (_, change, message) => {
    await expect(readChanged(change)).rejects.toMatchObject({
      failure: { kind: 'content', path, message, remedy: 'Fetch it again.' },
    });
  });

  it('are refused for a value that is not finite, which the writer of the file did not mind', async () => {
    const mark = new Uint8Array(Float32Array.of(12_345.678).buffer);
    await readChanged((tensors) => (tensors.get(HEAD)!.data[53] = 12_345.678));
    const bytes = await readFile(path);
    bytes.set(new Uint8Array(Float32Array.of(Infinity).buffer), bytes.indexOf(mark));
    await writeFile(path, bytes);
    await expect(
      readModelWeights(path, await readModelConfig('marker-retrieval'), 'Fetch it again.'),
    ).rejects.toMatchObject({
      failure: {
        kind: 'content',
        path,
        message: 'One of 3072 numbers is not finite: it is Infinity, at [1, 5] of lm_head.weight',
        remedy: 'A training that diverged makes such weights. Fetch it again.',
      },
    });
  });

  it('are refused for a truncated file', async () => {
    await readChanged(() => {});
    await writeFile(path, (await readFile(path)).subarray(0, -4));
    await expect(readModelWeights(path, await readModelConfig('marker-retrieval'), '')).rejects.toMatchObject({
      failure: { kind: 'content', path },
    });
  });

  it.each([
    ['BF16', (word: number) => (word + 0x8000) >>> 16],
    // Without subnormals: these weights have none that matter.
    [
      'F16',
      (word: number) => ((word >>> 16) & 0x8000) | Math.max(0, (((word & 0x7fffffff) + 0x1000) >>> 13) - (112 << 10)),
    ],
  ])('in %s are those of the float32 file as far as the format goes, and have learned as much', async (dtype, half) => {
    const config = await readModelConfig('marker-retrieval');
    const { tensors } = await readSafetensors(checkpointPath('marker-retrieval', 0));
    const header: Record<string, object> = {};
    const bodies: Uint8Array[] = [];
    let offset = 0;
    for (const [name, { shape, data }] of tensors) {
      const words = new Uint32Array(data.buffer, data.byteOffset, data.length);
      const halves = Uint16Array.from(words, half);
      header[name] = { dtype, shape, data_offsets: [offset, (offset += halves.byteLength)] };
      bodies.push(new Uint8Array(halves.buffer));
    }
    const text = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    await writeFile(path, Buffer.concat([length, text, ...bodies]));

    const read = await readModelWeights(path, config, '');
    for (const [name, { data }] of read)
      data.forEach((value, index) => {
        const exact = tensors.get(name)!.data[index]!;
        if (!(Math.abs(value - exact) <= Math.abs(exact) / 256 + 2 ** -14))
          expect.fail(`${name}[${index}]: ${value}, ${exact}`);
      });
    const loss = await learnedLoss(read, config, path, '');
    const before = await readModelWeights(checkpointPath('marker-retrieval', 0), config, '');
    expect(Math.abs(loss - (await learnedLoss(before, config, path, '')))).toBeLessThan(0.01);
  });
});
