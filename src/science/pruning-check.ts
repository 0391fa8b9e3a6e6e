/**
 * Whether what a stage wrote in the place of prune is what prune would write: the rules of docs/stages.md, each with
 * the tensor that breaks it. A later stage would compute on without a word.
 */
import { Ajv, type ValidateFunction } from 'ajv';
import schema from '../../schemas/artifacts/pruning.schema.json' with { type: 'json' };
import type { Pruning } from '../generated/pruning.ts';
import type { Masks, Tensor, Weights } from '../model/language-model.ts';
import { nonFiniteNumbers, placeIn } from '../model/finite-tensors.ts';
import { composition, totals } from './pruning-composition.ts';
import { zeros } from './sparsity.ts';

export interface WrittenPruning {
  /** What the stage was given. */
  before: { weights: Weights; masks: Masks };
  weights: ReadonlyMap<string, Tensor>;
  masks: Masks;
  /** Whatever is in the artifact `pruning`. */
  pruning: unknown;
}

export interface PruningMistake {
  artifact: 'weights' | 'mask' | 'pruning';
  /** With the tensor and the place in it. */
  message: string;
  remedy: string;
}

/** Shares are recomputed in float64, by whatever order of summation. */
const TOLERANCE = 1e-9;

let validator: ValidateFunction<Pruning> | undefined;

/** The first rule that is broken; undefined if none is. */
export function pruningMistake(written: WrittenPruning): PruningMistake | undefined {
  return weightsMistake(written) ?? maskMistake(written) ?? hiddenMistake(written) ?? statisticsMistake(written);
}

function weightsMistake({ before, weights }: WrittenPruning): PruningMistake | undefined {
  const mistake = (message: string, remedy: string): PruningMistake => ({ artifact: 'weights', message, remedy });
  const same = 'Write every tensor of the input weights, under its name, in its shape, as float32.';
  for (const [name, given] of before.weights) {
    const found = weights.get(name);
    if (found === undefined) return mistake(`The tensor ${name} is missing`, same);
    if (!(found.data instanceof Float32Array)) return mistake(`The tensor ${name} is not float32`, same);
    if (!isSameShape(found, given))
      return mistake(
        `The tensor ${name} has the shape ${shapeText(found)}, the input weights ${shapeText(given)}`,
        same,
      );
    const broken = nonFiniteNumbers([[name, found]]);
    if (broken !== undefined) return mistake(broken, 'Write finite numbers; a pruned weight is exactly 0.');
  }
  const surplus = [...weights.keys()].find((name) => !before.weights.has(name));
  return surplus === undefined ? undefined : mistake(`The input weights have no tensor ${surplus}`, same);
}

function maskMistake({ before, masks }: WrittenPruning): PruningMistake | undefined {
  const mistake = (message: string, remedy: string): PruningMistake => ({ artifact: 'mask', message, remedy });
  if (masks.size === 0)
    return mistake('There is no tensor in it', 'Write a mask for every prunable tensor, also where it keeps all.');
  for (const [name, { shape }] of masks) {
    const weight = before.weights.get(name);
    if (weight === undefined)
      return mistake(`The model has no tensor ${name}`, 'A mask has the name of the tensor that it masks.');
    if (!isSameShape({ shape }, weight))
      return mistake(
        `The mask of ${name} has the shape ${shapeText({ shape })}, the weights ${shapeText(weight)}`,
        'A mask has the shape of the tensor that it masks.',
      );
  }
  const shrinks = 'Masks only shrink: begin with the input mask, and only ever write 0 into it.';
  for (const [name, { shape, data }] of before.masks) {
    const now = masks.get(name)?.data;
    if (now === undefined) return mistake(`The input mask has ${name}, and this one does not`, shrinks);
    const regrown = data.findIndex((bit, index) => bit === 0 && now[index] !== 0);
    if (regrown !== -1)
      return mistake(`The weight ${placeText(shape, regrown)} of ${name} was pruned before and is kept now`, shrinks);
  }
  return undefined;
}

function hiddenMistake({ weights, masks }: WrittenPruning): PruningMistake | undefined {
  for (const [name, { shape, data }] of masks) {
    const weight = weights.get(name)!.data;
    const shown = data.findIndex((bit, index) => bit === 0 && weight[index] !== 0);
    if (shown !== -1)
      return {
        artifact: 'weights',
        message: `The weight ${placeText(shape, shown)} of ${name} is ${weight[shown]}, and its mask says that it is pruned`,
        remedy: 'Write exactly 0 where the mask is 0.',
      };
  }
  return undefined;
}

function statisticsMistake({ before, masks, pruning }: WrittenPruning): PruningMistake | undefined {
  const mistake = (message: string, remedy: string): PruningMistake => ({ artifact: 'pruning', message, remedy });
  validator ??= new Ajv({ allErrors: false, validateSchema: false, allowUnionTypes: true }).compile<Pruning>(schema);
  if (!validator(pruning)) {
    const { instancePath, message, params } = validator.errors![0]!;
    const name = (params as { additionalProperty?: string }).additionalProperty;
    return mistake(
      `${instancePath === '' ? 'It' : instancePath.slice(1)} ${message}${name === undefined ? '' : `: "${name}"`}`,
      'schemas/artifacts/pruning.schema.json says what it holds, and docs/stages.md has an example.',
    );
  }
  const counts = 'Count the zeros of the masks: pruned and prunedNow, what the input mask had already pruned left out.';
  const listed = new Map(pruning.tensors.map((each) => [each.tensor, each]));
  for (const [name, { data }] of masks) {
    const said = listed.get(name);
    if (said === undefined) return mistake(`tensors lacks ${name}, which has a mask`, counts);
    const pruned = zeros(data);
    const prunedNow = pruned - zeros(before.masks.get(name)?.data ?? new Uint8Array());
    const wrong = differenceIn(
      { weights: said.weights, pruned: said.pruned, prunedNow: said.prunedNow },
      { weights: data.length, pruned, prunedNow },
    );
    if (wrong !== undefined) return mistake(`${wrong} in ${name}, by its mask`, counts);
  }
  const unmasked = pruning.tensors.find(
    ({ tensor }, index) =>
      !masks.has(tensor) || pruning.tensors.findIndex((other) => other.tensor === tensor) !== index,
  );
  if (unmasked !== undefined)
    return mistake(
      `tensors names ${unmasked.tensor}${masks.has(unmasked.tensor) ? ' twice' : ', which has no mask'}`,
      counts,
    );
  const sums = totals(pruning.tensors);
  const all = { ...sums, prunedBefore: sums.pruned - sums.prunedNow, sparsity: sums.pruned / sums.prunable };
  const wrong = differenceIn(pruning, all);
  if (wrong !== undefined) return mistake(`${wrong} in all tensors`, counts);
  const kinds = composition(pruning.tensors);
  for (const kind of kinds) {
    const said = pruning.kinds.find((each) => each.kind === kind.kind);
    const odd = said === undefined ? `kinds lacks ${kind.kind}` : differenceIn(said, kind);
    if (odd !== undefined)
      return mistake(`${odd} in the tensors of kind ${kind.kind}`, 'kinds sums up tensors by their kind.');
  }
  if (pruning.kinds.length !== kinds.length)
    return mistake('kinds has one that no tensor has', 'kinds sums up tensors by their kind.');
  return undefined;
}

/** E.g. `pruned is 3, and it is 4`. */
function differenceIn(said: object, counted: object): string | undefined {
  const values = said as Record<string, unknown>;
  for (const [name, value] of Object.entries(counted) as [string, unknown][]) {
    const found = values[name];
    const equal =
      typeof value === 'number' && typeof found === 'number' ? Math.abs(found - value) <= TOLERANCE : found === value;
    if (!equal) return `${name} is said to be ${JSON.stringify(found)} and is ${JSON.stringify(value)}`;
  }
  return undefined;
}

function isSameShape(a: { shape: readonly number[] }, b: { shape: readonly number[] }): boolean {
  return a.shape.length === b.shape.length && a.shape.every((length, axis) => length === b.shape[axis]);
}

function shapeText({ shape }: { shape: readonly number[] }): string {
  return `[${shape.join(', ')}]`;
}

/** `[row, column]` of a matrix. */
function placeText(shape: readonly number[], index: number): string {
  return `[${placeIn(shape, index).join(', ')}]`;
}
