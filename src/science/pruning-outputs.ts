/** The three artifacts of a pruning: the weights with every pruned one exactly 0, the mask, and statistics of both. */
import { writeJsonArtifact } from '../base/json-artifact.ts';
import type { Metrics, StageJob } from '../engine/stage.ts';
import type { Pruning, TensorPruning } from '../generated/pruning.ts';
import type { TensorTable } from '../model/decoder/model-facts.ts';
import type { Masks, Weights } from '../model/language-model.ts';
import { writeSafetensors } from '../model/safetensors.ts';
import { readMasks, writeMasks } from '../model/mask-file.ts';
import { composition, totals } from './pruning-composition.ts';
import { applyMasks } from './pruning.ts';
import { zeros } from './sparsity.ts';

/** What a prune knows besides its counts; another stage leaves it out. */
export type PruningDetails = Pick<Pruning, 'threshold' | 'forced' | 'protected'>;

/** The artifact `pruning`, from what happened to each tensor. */
export function pruningOf(
  tensors: TensorPruning[],
  { threshold, forced, protected: safe }: PruningDetails = { threshold: null, forced: [], protected: [] },
): Pruning {
  const counts = totals(tensors);
  return {
    ...counts,
    prunedBefore: counts.pruned - counts.prunedNow,
    sparsity: counts.prunable === 0 ? 0 : counts.pruned / counts.prunable,
    threshold,
    forced,
    protected: safe,
    tensors,
    kinds: composition(tensors),
  };
}

/**
 * Writes the outputs `weights`, `mask` and `pruning` of a stage that replaces prune.
 * @param job has the input `weights`, and if there was a prune before, the input `mask`
 * @param pruned.weights float32 tensors of the model; those that the masks hide are written as 0
 * @param pruned.masks 1 = kept, 0 = pruned, of every prunable tensor, in its shape
 * @param pruned.tensors the model's tensors, for their kinds
 * @returns metrics: sparsity, pruned, prunedNow
 * @throws Error for a mask of a tensor that the model does not have
 */
export async function writePruning(
  job: Pick<StageJob<unknown>, 'optionalInput' | 'output'>,
  { weights, masks, tensors }: { weights: Weights; masks: Masks; tensors: TensorTable },
): Promise<Metrics> {
  const path = job.optionalInput('mask');
  const before: Masks = path === undefined ? new Map() : await readMasks(path);
  const counted = [...masks].map(([tensor, { data }]): TensorPruning => {
    const facts = tensors.get(tensor);
    if (facts === undefined) throw new Error(`The model has no tensor ${tensor}.`);
    const pruned = zeros(data);
    const prunedNow = pruned - zeros(before.get(tensor)?.data ?? new Uint8Array());
    return { tensor, kind: facts.kind, weights: data.length, pruned, prunedNow, threshold: null };
  });
  const pruning = pruningOf(counted);
  await writeSafetensors(job.output('weights'), applyMasks(weights, masks));
  await writeMasks(job.output('mask'), masks);
  await writeJsonArtifact(job.output('pruning'), pruning);
  return { sparsity: pruning.sparsity, pruned: pruning.pruned, prunedNow: pruning.prunedNow };
}
