/** Hidden units that hold 0 whatever a model reads: told from the weights, and true of what the model computes. */
import { describe, expect, it } from 'vitest';
import { stream } from '../../src/base/random.ts';
import { createLanguageModel } from '../../src/model/create-language-model.ts';
import { FAMILIES, familyOf } from '../../src/model/decoder/family-of.ts';
import type { DownProjActivations } from '../../src/model/language-model.ts';
import { initialise } from '../../src/science/initialisation.ts';

const SHAPE = { batch: 2, sequence: 16 };
const SIZE = { corpus: 'marker-retrieval', layers: 2, width: 16, heads: 2, vocabulary: 64, sequence: 16 } as const;
const TOKENS = Int32Array.from({ length: 2 * 17 }, (_, index) => (index * 7) % 64);

/** A random model of a family, whose second layer is spoilt. */
function model(family: string) {
  const config = FAMILIES[family]!.ofSize(SIZE);
  const made = createLanguageModel(config, SHAPE, { engine: 'onnx', device: 'cpu', precision: 'float32' });
  made.load(initialise(made.tensors, 'original', 1));
  const draw = stream(1, 'gains');
  for (const [name, { shape }] of made.tensors)
    if (shape.length === 1) made.weight(name).forEach((_, index, data) => (data[index] = 0.5 + draw.uniform()));
  const { readers } = familyOf(config).mlpChannel(1, config);
  const row = (name: string, unit: number) => made.weight(name).subarray(unit * SIZE.width, (unit + 1) * SIZE.width);
  return { made, readers, row };
}

/** The units of the second layer that are exactly 0 at every token. */
async function silentUnits({ made }: ReturnType<typeof model>): Promise<number[]> {
  const activations: DownProjActivations[] = [];
  await made.downProjActivations(TOKENS, (layer) => activations.push(layer));
  const { input } = activations[1]!;
  const units = input.length / (SHAPE.batch * SHAPE.sequence);
  return Array.from({ length: units }, (_, unit) => unit).filter((unit) =>
    input.every((value, index) => index % units !== unit || value === 0),
  );
}

const cutOff = ({ made }: ReturnType<typeof model>) =>
  [...made.cutOffUnits(1)].flatMap((bit, unit) => (bit === 1 ? [unit] : []));

describe.each(Object.keys(FAMILIES))('in a %s', (family) => {
  it('no unit is cut off while it reads anything', async () => {
    const whole = model(family);
    for (const { weight } of whole.readers) whole.row(weight, 3).fill(0, 1);
    expect(cutOff(whole)).toEqual([]);
    expect(await silentUnits(whole)).toEqual([]);
  });

  it('a unit is cut off once a matrix that it reads by has lost all of its row and no bias is left', async () => {
    const spoilt = model(family);
    spoilt.readers.forEach((reader, index) => {
      spoilt.row(reader.weight, 3 + index).fill(0);
      if (reader.bias !== undefined) spoilt.made.weight(reader.bias)[3 + index] = 0;
    });
    const expected = spoilt.readers.map((_, index) => 3 + index);
    expect(cutOff(spoilt)).toEqual(expected);
    expect(await silentUnits(spoilt)).toEqual(expected);
    expect([...spoilt.made.cutOffUnits(0)].every((bit) => bit === 0)).toBe(true);
  });

  it('a unit is cut off where the norm gives it nothing of all that it reads', async () => {
    const spoilt = model(family);
    for (const { weight, gain, shift, bias } of spoilt.readers) {
      spoilt.row(weight, 5).fill(0, 1); // reads the first feature alone
      for (const vector of [gain, shift]) if (vector !== undefined) spoilt.made.weight(vector)[0] = 0;
      if (bias !== undefined) spoilt.made.weight(bias)[5] = 0;
    }
    expect(cutOff(spoilt)).toEqual([5]);
    expect(await silentUnits(spoilt)).toEqual([5]);
  });

  it('a unit with a bias, or that reads the bias of a norm, carries a constant and is not cut off', async () => {
    const biased = model(family);
    for (const { weight, gain, shift, bias } of biased.readers) {
      if (bias === undefined) continue;
      biased.row(weight, 3).fill(0); // its own bias is left
      biased.row(weight, 4).fill(0, 1);
      biased.made.weight(bias)[4] = 0;
      biased.made.weight(gain!)[0] = 0;
      biased.made.weight(shift!)[0] = 0.7;
    }
    expect(cutOff(biased)).toEqual([]);
    expect(await silentUnits(biased)).toEqual([]);
  });
});
