/** What the stages that hold a model's weights, and train and test none, take of memory and of the disk. */
import { elementCount } from '../base/element-count.ts';
import type { InitParams } from '../generated/init.ts';
import type { LoadPretrainedParams } from '../generated/load-pretrained.ts';
import type { PruneParams } from '../generated/prune.ts';
import type { RewindParams } from '../generated/rewind.ts';
import { blockMatrices } from '../model/block-matrices.ts';
import { tensorsOf } from '../model/decoder/family-of.ts';
import { learnedSample } from '../model/learned-sample.ts';
import { isPublished } from '../model/open-published.ts';
import { BLOCKS } from '../model/tensor-selection.ts';
import { configOf, forwardMemory, weightBytes, WORKER_BYTES } from './stage-work.ts';

/** How many numbers a model has: in all, in its largest tensor, and in the tensors that have masks. */
interface Sizes {
  all: number;
  largest: number;
  masked: number;
}

/** @param prunable as of prune; all tensors where it is more than the blocks */
async function sizesOf(model: string, prunable: readonly string[] = [BLOCKS]): Promise<Sizes> {
  const tensors = tensorsOf(await configOf(model));
  const lengths = [...tensors.values()].map(({ shape }) => elementCount(shape));
  const all = lengths.reduce((sum, length) => sum + length, 0);
  const blocks = blockMatrices(tensors).reduce((sum, name) => sum + elementCount(tensors.get(name)!.shape), 0);
  return { all, largest: Math.max(...lengths), masked: prunable.every((pattern) => pattern === BLOCKS) ? blocks : all };
}

/** Bytes of float32 and of a mask that is read, a byte for each weight; of a stored one, a bit for each. */
const FLOAT = 4;
const MASK = 1;
const STORED_MASK = 1 / 8;
/** A place among all weights, and one of those that are drawn: random-sample.ts. */
const PLACE = 4;
const DRAWN = 12;

/** Bytes of memory: the weights, and a forward pass that shows whether they have learned. */
export async function loadingMemory({ model }: LoadPretrainedParams & { model: string }): Promise<number> {
  const sample = learnedSample(await configOf(model));
  return forwardMemory({ computes: ['losses'], model, ...sample, microBatches: 1, overrides: false }, 'cpu');
}

/** Bytes of memory: the weights, read or drawn. */
export async function initialMemory({ model }: InitParams & { model: string }): Promise<number> {
  const { all, largest } = await sizesOf(model);
  return WORKER_BYTES + FLOAT * (all + largest);
}

/**
 * Bytes of memory: the weights, the masks of before and of now, and while protected weights are replaced the masks
 * without them. Weights that are drawn at random are drawn from the places of all.
 */
export async function pruningMemory({ model, prunable, criterion, fraction, protect }: Required<PruneParams>) {
  const { all, largest, masked } = await sizesOf(model, prunable);
  const masks = (protect === 'none' ? 2 : 3) * masked;
  const drawn = { magnitude: 0, shuffled: largest, random: masked }[criterion];
  return (
    WORKER_BYTES +
    FLOAT * (all + largest) +
    MASK * (masks + (criterion === 'shuffled' ? masked : 0) + drawn) +
    (PLACE + DRAWN * fraction) * drawn
  );
}

/** Bytes of memory: the weights to go back to, drawn ones twice, and the masks, twice where they are shuffled. */
export async function rewindingMemory({ model, to, mask }: Required<RewindParams>): Promise<number> {
  const { all, largest, masked } = await sizesOf(model);
  const shuffles = mask === 'shuffle';
  return (
    WORKER_BYTES +
    FLOAT * ((to === 'fresh' ? 2 : 1) * all + largest) +
    MASK * 2 * masked +
    (shuffles ? (PLACE + DRAWN) * largest : 0)
  );
}

/** Bytes that loading a model writes: of a published one nothing is copied. */
export async function loadingDisk(model: string): Promise<number> {
  return isPublished(model) ? 0 : weightBytes(model);
}

/** Bytes that a prune writes: its masks. The weights under them are stored as what they are made of. */
export async function pruningDisk({ model, prunable }: Required<PruneParams>): Promise<number> {
  return STORED_MASK * (await sizesOf(model, prunable)).masked;
}

/** Bytes that a rewind writes: its masks, and weights that are drawn. */
export async function rewindingDisk({ model, to }: Required<RewindParams>): Promise<number> {
  const { all, masked } = await sizesOf(model);
  return STORED_MASK * masked + (to === 'fresh' ? FLOAT * all : 0);
}
