/**
 * Which weights a prune takes: the smallest, random ones, or as many per tensor as the smallest would be. Each
 * criterion marks exactly as many as it is told to, among those that are neither pruned nor spared.
 */
import type { PruneParams } from '../generated/prune.ts';
import type { FloatTensor, Masks } from '../model/language-model.ts';
import { stream, type RandomStream } from '../base/random.ts';
import { bitsOf, MAGNITUDE_BITS, magnitudeThreshold, numberOf } from './magnitude-threshold.ts';
import { randomSample } from './random-sample.ts';
import { zeros } from './sparsity.ts';

/** Those that schemas/stages/prune.schema.json lists. */
export type PruningCriterion = NonNullable<PruneParams['criterion']>;

/** The tensors that one count of weights is taken from, in tie order: all prunable ones, or one of them. */
export type PruningScope = readonly (readonly [string, FloatTensor])[];

/** Flat indices by tensor that no criterion takes. */
export type SparedWeights = ReadonlyMap<string, ReadonlySet<number>>;

/** By tensor, the largest magnitude that was pruned for its magnitude; tensors from which none was are left out. */
export type Thresholds = Map<string, number>;

/**
 * Marks `count` weights of a scope as pruned.
 * @param masks changed in place
 * @param count no more than there are weights to take
 * @returns thresholds, of a criterion that takes the smallest magnitudes; else an empty map
 */
type MarkPruned = (scope: PruningScope, masks: Masks, spared: SparedWeights, count: number, seed: number) => Thresholds;

const CRITERIA: Record<PruningCriterion, MarkPruned> = {
  magnitude: markSmallest,
  random: markRandom,
  shuffled: markShuffled,
};

export const PRUNING_CRITERIA = Object.keys(CRITERIA) as PruningCriterion[];

export function markPruned(criterion: PruningCriterion, ...rest: Parameters<MarkPruned>): Thresholds {
  return CRITERIA[criterion](...rest);
}

/** How many weights of a scope are pruned. */
export function prunedIn(scope: PruningScope, masks: Masks): number {
  return scope.reduce((sum, [name]) => sum + zeros(masks.get(name)!.data), 0);
}

/** The smallest magnitudes; among equal ones the earlier tensor and the smaller index go first. */
function markSmallest(scope: PruningScope, masks: Masks, spared: SparedWeights, count: number): Thresholds {
  const thresholds: Thresholds = new Map();
  if (count === 0) return thresholds;
  const ranked = scope.map(([name, { data }]) => ({
    name,
    data,
    mask: masks.get(name)!.data,
    except: spared.get(name) ?? new Set<number>(),
  }));
  const threshold = magnitudeThreshold(ranked, count);
  let { ties } = threshold;
  for (const { name, data, mask, except } of ranked) {
    const bits = bitsOf(data);
    let largest = -1;
    for (let index = 0; index < bits.length; index++) {
      const magnitude = bits[index]! & MAGNITUDE_BITS;
      if (magnitude > threshold.bits || mask[index] === 0 || except.has(index)) continue;
      if (magnitude === threshold.bits && ties-- <= 0) continue;
      mask[index] = 0;
      if (magnitude > largest) largest = magnitude;
    }
    if (largest >= 0) thresholds.set(name, numberOf(largest));
  }
  return thresholds;
}

/** Any of the scope with equal probability, whatever their values. */
function markRandom(scope: PruningScope, masks: Masks, spared: SparedWeights, count: number, seed: number): Thresholds {
  const name = `prune/random/${scope.length === 1 ? scope[0]![0] : ''}`;
  markWithStream(scope, masks, spared, count, stream(seed, name, prunedIn(scope, masks)));
  return new Map();
}

function markWithStream(
  scope: PruningScope,
  masks: Masks,
  spared: SparedWeights,
  count: number,
  random: RandomStream,
): void {
  const kept = new Uint8Array(scope.reduce((sum, [, { data }]) => sum + data.length, 0));
  const except = new Set<number>();
  let offset = 0;
  for (const [name] of scope) {
    const mask = masks.get(name)!.data;
    kept.set(mask, offset);
    for (const index of spared.get(name) ?? []) except.add(offset + index);
    offset += mask.length;
  }
  const isFree = (index: number) => kept[index] !== 0 && !except.has(index);
  for (const index of randomSample(kept.length, isFree, count, random)) kept[index] = 0;
  offset = 0;
  for (const [name] of scope) {
    const mask = masks.get(name)!.data;
    mask.set(kept.subarray(offset, offset + mask.length));
    offset += mask.length;
  }
}

/** As many of each tensor as magnitude would take, at random places of it. */
function markShuffled(
  scope: PruningScope,
  masks: Masks,
  spared: SparedWeights,
  count: number,
  seed: number,
): Thresholds {
  const byMagnitude: Masks = new Map(
    scope.map(([name]) => [name, { ...masks.get(name)!, data: masks.get(name)!.data.slice() }]),
  );
  markSmallest(scope, byMagnitude, spared, count);
  for (const tensor of scope) {
    const before = prunedIn([tensor], masks);
    const count = prunedIn([tensor], byMagnitude) - before;
    markWithStream([tensor], masks, spared, count, stream(seed, `prune/shuffled/${tensor[0]}`, before));
  }
  return new Map();
}
