/**
 * Pruning with every convention explicit: exactly k weights, ties broken by position, masks that only shrink.
 * Pure functions over weights and masks; globs, files and reports are the prune stage's business.
 */
import { decimalProduct } from '../base/decimal-product.ts';
import type { Masks, Weights } from '../model/language-model.ts';
import {
  markPruned,
  prunedIn,
  type PruningCriterion,
  type PruningScope,
  type SparedWeights,
  type Thresholds,
} from './pruning-criteria.ts';
import { zeros } from './sparsity.ts';

/** A scalar of a matrix [out, in]. */
export interface MatrixPosition {
  tensor: string;
  row: number;
  col: number;
}

export interface PruningRule {
  criterion: PruningCriterion;
  /** One count (and one magnitude threshold) over all prunable weights, or one per tensor. */
  scope: 'global' | 'layerwise';
  /** Share to prune now, 0 to 1; for `cumulative` the share that is pruned afterwards. */
  fraction: number;
  /** What `fraction` is a share of: the weights not yet pruned, or (total, cumulative) all prunable weights. */
  of: 'remaining' | 'total' | 'cumulative';
  /** Weights to prune in any case. They count among the k. */
  forced: readonly MatrixPosition[];
  /**
   * Weights that are not to be pruned. As many others go instead; those outside the prunable tensors are safe anyway.
   */
  protected: readonly MatrixPosition[];
  /** Seed of the criteria that draw. */
  seed: number;
}

export interface TensorOutcome {
  tensor: string;
  weights: number;
  pruned: number;
  prunedNow: number;
  /** Largest magnitude that magnitude alone pruned now in this tensor; null if none was. */
  threshold: number | null;
}

export interface PruningOutcome {
  /** The masks given, with the newly pruned weights added; tensors outside `prunable` keep theirs. */
  masks: Masks;
  /** By tensor, in the order of `prunable`. */
  tensors: TensorOutcome[];
  /** Forced weights that were not pruned before, with the value they had. */
  forced: (MatrixPosition & { value: number })[];
  /** Protected weights that were not pruned before, and whether they would have been pruned now without protection. */
  protected: (MatrixPosition & { value: number; spared: boolean })[];
  /** Largest magnitude that magnitude alone pruned now; null for layerwise scope or if none was. */
  threshold: number | null;
}

/**
 * Prunes weights: the smallest, or others that the criterion names.
 *
 * k weights are pruned now: round(fraction * n), n being the remaining or the total number in the scope (all prunable
 * tensors, or each one), or for `cumulative` what is missing to round(fraction * total); never more than remain. The
 * product is that of the fraction as it is written in decimals, and halves are rounded up: 0.145 of 100 are 15. Forced
 * weights count among the k; if they are more than k, all of them are pruned and nothing else. Protected ones never
 * count: the next in the criterion's order go instead. Among equal magnitudes the earlier goes first: by the order of
 * `prunable`, then by the flat index. A pruned weight stays pruned whatever value it holds.
 * @param prunable the tensors of the scope, in tie order
 * @param masks the masks in force: 1 = kept; a missing tensor is not pruned at all
 * @throws Error for a fraction outside [0, 1], a weight that is not finite, a mask of the wrong size, a forced position
 *   outside the prunable tensors, a weight both forced and protected, or fewer unprotected weights than are to be
 * pruned
 */
export function prune(prunable: Weights, masks: Masks, rule: PruningRule): PruningOutcome {
  if (!(rule.fraction >= 0 && rule.fraction <= 1))
    throw new Error(`The fraction ${rule.fraction} is not between 0 and 1.`);
  const result = copyOf(masks);
  for (const [name, { shape, data }] of prunable) {
    if (!result.has(name)) result.set(name, { shape, data: new Uint8Array(data.length).fill(1) });
    if (result.get(name)!.data.length !== data.length)
      throw new Error(`The mask of ${name} has ${result.get(name)!.data.length} elements, the weight ${data.length}.`);
    const broken = firstNonFinite(data);
    if (broken !== undefined)
      throw new Error(`Weight ${broken} of ${name} is ${data[broken]}: magnitudes cannot be ranked.`);
  }
  const before = new Map([...prunable].map((tensor) => [tensor[0], prunedIn([tensor], result)]));

  refuseContradiction(rule);
  const forced = force(prunable, result, rule.forced);
  const safe = keptAmong(prunable, result, rule.protected);
  const spared = byTensor(prunable, safe);
  const scopes: PruningScope[] = rule.scope === 'global' ? [[...prunable]] : [...prunable].map((tensor) => [tensor]);
  const thresholds: Thresholds = new Map();
  const withoutProtection = spared.size === 0 ? result : copyOf(result);
  for (const scope of scopes) {
    const count = countFor(scope, result, before, spared, rule);
    if (spared.size > 0) markPruned(rule.criterion, scope, withoutProtection, new Map(), count, rule.seed);
    for (const [tensor, threshold] of markPruned(rule.criterion, scope, result, spared, count, rule.seed))
      thresholds.set(tensor, threshold);
  }

  return {
    masks: result,
    tensors: [...prunable].map(([tensor, { data }]) => {
      const pruned = zeros(result.get(tensor)!.data);
      return {
        tensor,
        weights: data.length,
        pruned,
        prunedNow: pruned - before.get(tensor)!,
        threshold: thresholds.get(tensor) ?? null,
      };
    }),
    forced,
    protected: safe.map((position) => ({
      ...position,
      value: prunable.get(position.tensor)!.data[indexIn(prunable, position)]!,
      spared: withoutProtection.get(position.tensor)!.data[indexIn(prunable, position)] === 0,
    })),
    threshold: rule.scope === 'global' && thresholds.size > 0 ? Math.max(...thresholds.values()) : null,
  };
}

/** The weights with every pruned one exactly 0 (never -0); tensors without a mask are passed on as they are. */
export function applyMasks(weights: Weights, masks: Masks): Weights {
  return new Map(
    [...weights].map(([name, { shape, data }]) => {
      const mask = masks.get(name)?.data;
      return [name, { shape, data: mask ? masked(data, mask) : data }];
    }),
  );
}

function masked(data: Float32Array, mask: Uint8Array): Float32Array {
  const result = new Float32Array(data.length);
  for (let index = 0; index < data.length; index++) if (mask[index] !== 0) result[index] = data[index]!;
  return result;
}

/** Index of the first NaN or infinity; undefined if there is none. */
function firstNonFinite(data: Float32Array): number | undefined {
  for (let index = 0; index < data.length; index++) if (!Number.isFinite(data[index]!)) return index;
  return undefined;
}

/**
 * How many weights the criterion takes from a scope, beyond the forced ones, which the masks hold already.
 * @param before how many weights of each tensor were pruned before those were forced
 */
function countFor(
  scope: PruningScope,
  masks: Masks,
  before: ReadonlyMap<string, number>,
  spared: SparedWeights,
  rule: PruningRule,
): number {
  const total = scope.reduce((sum, [, { data }]) => sum + data.length, 0);
  const prunedBefore = scope.reduce((sum, [name]) => sum + before.get(name)!, 0);
  const pruned = prunedIn(scope, masks);
  const goal =
    decimalProduct(rule.fraction, rule.of === 'remaining' ? total - prunedBefore : total) -
    (rule.of === 'cumulative' ? prunedBefore : 0);
  const count = Math.min(Math.max(goal - (pruned - prunedBefore), 0), total - pruned);
  const protectedHere = scope.reduce((sum, [name]) => sum + (spared.get(name)?.size ?? 0), 0);
  if (count <= total - pruned - protectedHere) return count;
  const place = scope.length === 1 ? scope[0]![0] : 'all prunable tensors';
  throw new Error(
    `${count} weights are to be pruned of ${place}, where ${total - pruned} are left, but ${protectedHere} of those are protected. Prune a smaller fraction, or protect none.`,
  );
}

/** Marks the forced positions in the masks and returns those that were not pruned before. */
function force(prunable: Weights, masks: Masks, positions: readonly MatrixPosition[]): PruningOutcome['forced'] {
  return positions.flatMap(({ tensor, row, col }) => {
    const weight = prunable.get(tensor);
    if (weight === undefined)
      throw new Error(`${tensor} [${row}, ${col}] is to be pruned in any case, but ${tensor} is not prunable.`);
    const index = indexIn(prunable, { tensor, row, col });
    const mask = masks.get(tensor)!.data;
    if (mask[index] === 0) return [];
    mask[index] = 0;
    return [{ tensor, row, col, value: weight.data[index]! }];
  });
}

/** The positions, each once, that are prunable and not pruned. */
function keptAmong(prunable: Weights, masks: Masks, positions: readonly MatrixPosition[]): MatrixPosition[] {
  const distinct = new Map(positions.map(({ tensor, row, col }) => [`${tensor} ${row} ${col}`, { tensor, row, col }]));
  return [...distinct.values()].filter(
    (position) => prunable.has(position.tensor) && masks.get(position.tensor)!.data[indexIn(prunable, position)] !== 0,
  );
}

function refuseContradiction(rule: PruningRule): void {
  const both = rule.forced.find((forced) =>
    rule.protected.some(({ tensor, row, col }) => tensor === forced.tensor && row === forced.row && col === forced.col),
  );
  if (both)
    throw new Error(
      `${both.tensor} [${both.row}, ${both.col}] is to be pruned in any case and protected from pruning: drop one of the two.`,
    );
}

function byTensor(prunable: Weights, positions: readonly MatrixPosition[]): SparedWeights {
  const indices = new Map<string, Set<number>>();
  for (const position of positions)
    indices.set(position.tensor, (indices.get(position.tensor) ?? new Set()).add(indexIn(prunable, position)));
  return indices;
}

/** Flat index of a position. @throws Error if its tensor has no such place */
function indexIn(weights: Weights, { tensor, row, col }: MatrixPosition): number {
  const { shape } = weights.get(tensor)!;
  const [rows, cols] = shape;
  if (shape.length !== 2 || row >= rows! || col >= cols!)
    throw new Error(
      `${tensor} [${row}, ${col}] is named for pruning, but the tensor's shape is [${shape.join(', ')}].`,
    );
  return row * cols! + col;
}

function copyOf(masks: Masks): Masks {
  return new Map([...masks].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
}
