/**
 * Magnitude pruning with every convention explicit: exactly k weights, ties broken by position, masks that only shrink.
 * Pure functions over weights and masks; globs, files and reports are the prune stage's business.
 */
import type { FloatTensor, Masks, Weights } from '../model/language-model.ts';

/** A scalar of a matrix [out, in]. */
export interface MatrixPosition {
  tensor: string;
  row: number;
  col: number;
}

export interface PruningRule {
  /** One magnitude threshold over all prunable weights, or one per tensor. */
  scope: 'global' | 'layerwise';
  /** Share to prune now, 0 to 1. */
  fraction: number;
  /** What `fraction` is a share of: the weights not yet pruned, or all prunable weights. */
  of: 'remaining' | 'total';
  /** Weights to prune in any case. They count among the k. */
  forced: readonly MatrixPosition[];
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
  /** Largest magnitude that magnitude alone pruned now; null for layerwise scope or if none was. */
  threshold: number | null;
}

/**
 * Prunes the weights of smallest magnitude.
 *
 * k = round(fraction * n) weights are pruned now, n being the remaining or the total number in the scope (all prunable
 * tensors, or each one), halves rounded up; never more than remain. Forced weights count among the k; if they are more
 * than k, all of them are pruned and nothing else. Among equal magnitudes the earlier goes first: by the order of
 * `prunable`, then by the flat index. A pruned weight stays pruned whatever value it holds.
 * @param prunable the tensors of the scope, in tie order
 * @param masks the masks in force: 1 = kept; a missing tensor is not pruned at all
 * @throws Error for a fraction outside [0, 1], a weight that is not finite, a mask of the wrong size, or a forced
 *   position outside the prunable tensors
 */
export function prune(prunable: Weights, masks: Masks, rule: PruningRule): PruningOutcome {
  if (!(rule.fraction >= 0 && rule.fraction <= 1)) throw new Error(`The fraction ${rule.fraction} is not between 0 and 1.`);
  const result: Masks = new Map([...masks].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
  for (const [name, { shape, data }] of prunable) {
    if (!result.has(name)) result.set(name, { shape, data: new Uint8Array(data.length).fill(1) });
    if (result.get(name)!.data.length !== data.length) throw new Error(`The mask of ${name} has ${result.get(name)!.data.length} elements, the weight ${data.length}.`);
    const broken = data.findIndex((value) => !Number.isFinite(value));
    if (broken >= 0) throw new Error(`Weight ${broken} of ${name} is ${data[broken]}: magnitudes cannot be ranked.`);
  }
  const before = new Map([...prunable.keys()].map((name) => [name, zeros(result.get(name)!.data)]));

  const forced = force(prunable, result, rule.forced);
  const scopes = rule.scope === 'global' ? [[...prunable]] : [...prunable].map((entry) => [entry]);
  const thresholds = new Map<string, number | null>();
  const scopeThresholds = scopes.map((scope) => pruneScope(scope, result, forced, rule, thresholds));

  return {
    masks: result,
    tensors: [...prunable].map(([tensor, { data }]) => {
      const pruned = zeros(result.get(tensor)!.data);
      return { tensor, weights: data.length, pruned, prunedNow: pruned - before.get(tensor)!, threshold: thresholds.get(tensor)! };
    }),
    forced,
    threshold: rule.scope === 'global' ? scopeThresholds[0] ?? null : null,
  };
}

/** The weights with every pruned one exactly 0 (never -0); tensors without a mask are passed on as they are. */
export function applyMasks(weights: Weights, masks: Masks): Weights {
  return new Map(
    [...weights].map(([name, { shape, data }]) => {
      const mask = masks.get(name)?.data;
      return [name, { shape, data: mask ? data.map((value, index) => (mask[index] === 0 ? 0 : value)) : data }];
    }),
  );
}

/** Fraction of the weights that ARE zero. */
export function sparsityOf(tensors: Iterable<{ data: Float32Array }>): number {
  let zero = 0;
  let total = 0;
  for (const { data } of tensors) {
    zero += zeros(data);
    total += data.length;
  }
  return total === 0 ? 0 : zero / total;
}

/** Marks the forced positions in the masks and returns those that were not pruned before. */
function force(prunable: Weights, masks: Masks, positions: readonly MatrixPosition[]): PruningOutcome['forced'] {
  return positions.flatMap(({ tensor, row, col }) => {
    const weight = prunable.get(tensor);
    if (weight === undefined) throw new Error(`${tensor} [${row}, ${col}] is to be pruned in any case, but ${tensor} is not prunable.`);
    const [rows, cols] = weight.shape;
    if (weight.shape.length !== 2 || row >= rows! || col >= cols!)
      throw new Error(`${tensor} [${row}, ${col}] is to be pruned in any case, but the tensor's shape is [${weight.shape.join(', ')}].`);
    const index = row * cols! + col;
    const mask = masks.get(tensor)!.data;
    if (mask[index] === 0) return [];
    mask[index] = 0;
    return [{ tensor, row, col, value: weight.data[index]! }];
  });
}

/**
 * Prunes one scope (forced weights are pruned already) and notes each tensor's threshold.
 * @returns the largest magnitude pruned, or null if magnitude pruned nothing
 */
function pruneScope(
  scope: [string, FloatTensor][],
  masks: Masks,
  forced: PruningOutcome['forced'],
  rule: PruningRule,
  thresholds: Map<string, number | null>,
): number | null {
  const names = new Set(scope.map(([name]) => name));
  const forcedHere = forced.filter(({ tensor }) => names.has(tensor)).length;
  const magnitudes = remainingMagnitudes(scope, masks);
  const total = scope.reduce((sum, [, { data }]) => sum + data.length, 0);
  const goal = Math.round(rule.fraction * (rule.of === 'total' ? total : magnitudes.length + forcedHere));
  const count = Math.min(Math.max(goal - forcedHere, 0), magnitudes.length);
  for (const [name] of scope) thresholds.set(name, null);
  if (count === 0) return null;

  magnitudes.sort();
  const threshold = magnitudes[count - 1]!;
  let ties = count - magnitudes.findIndex((magnitude) => magnitude === threshold);
  for (const [name, { data }] of scope) {
    const mask = masks.get(name)!.data;
    for (let index = 0; index < data.length; index++) {
      const magnitude = Math.abs(data[index]!);
      if (mask[index] === 0 || magnitude > threshold) continue;
      if (magnitude === threshold && ties-- <= 0) continue;
      mask[index] = 0;
      thresholds.set(name, Math.max(thresholds.get(name) ?? 0, magnitude));
    }
  }
  return threshold;
}

function remainingMagnitudes(scope: [string, FloatTensor][], masks: Masks): Float32Array {
  const kept = scope.reduce((sum, [name, { data }]) => sum + data.length - zeros(masks.get(name)!.data), 0);
  const magnitudes = new Float32Array(kept);
  let next = 0;
  for (const [name, { data }] of scope) {
    const mask = masks.get(name)!.data;
    for (let index = 0; index < data.length; index++) if (mask[index] !== 0) magnitudes[next++] = Math.abs(data[index]!);
  }
  return magnitudes;
}

function zeros(values: Float32Array | Uint8Array): number {
  let count = 0;
  for (let index = 0; index < values.length; index++) if (values[index] === 0) count += 1;
  return count;
}
