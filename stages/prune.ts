/**
 * prune: makes weights exactly zero, those of smallest magnitude and those that are forced. The mask it writes only ever
 * shrinks; what the pruning did to each tensor, and where its threshold fell, is an artifact of its own, because a global
 * threshold's composition decides much of what an initialisation does.
 */
import schema from '../schemas/stages/prune.schema.json' with { type: 'json' };
import { defineStage } from '../src/engine/stage.ts';
import type { PruneParams } from '../src/generated/prune.ts';
import type { Pruning } from '../src/generated/pruning.ts';
import type { SuperWeightReport } from '../src/generated/super-weights.ts';

export default defineStage<Required<PruneParams>>({
  name: 'prune',
  summary: 'Prunes the weights of smallest magnitude, exactly as many as asked for.',
  params: schema,
  inputs: {
    weights: { summary: 'Weights to prune.' },
    mask: { summary: 'Mask of the last prune: 1 = kept.', optional: true },
    reference: { summary: "The reference super weights' detection, for force: reference.", optional: true },
  },
  outputs: {
    weights: { summary: 'The weights with every pruned one exactly 0.', file: 'weights.safetensors', evictable: true },
    mask: { summary: '1 = kept, 0 = pruned, U8, for every prunable tensor.', file: 'mask.safetensors' },
    pruning: { summary: 'Counts, sparsity and thresholds, per tensor.', file: 'pruning.json' },
  },

  async run({ params, input, optionalInput, output }) {
    const { readJsonArtifact, writeJsonArtifact } = await import('../src/json-artifact.ts');
    const { writeSafetensors } = await import('../src/model/safetensors.ts');
    const { readMasks, readWeights } = await import('../src/model/weights-file.ts');
    const { tensorKind } = await import('../src/model/tensor-name.ts');
    const { selectTensors } = await import('../src/model/tensor-selection.ts');
    const { applyMasks, prune } = await import('../src/science/pruning.ts');

    const weights = await readWeights(input('weights'));
    const earlier = optionalInput('mask');
    const masks = earlier === undefined ? new Map() : await readMasks(earlier);
    const forced = params.coordinates.map(({ tensor, row, col }) => ({ tensor, row, col }));
    if (params.force === 'reference') {
      const reference = optionalInput('reference');
      if (reference === undefined) throw new Error('force: reference needs the input `reference`: connect it to a detect-sw step in the study.');
      const { confirmed } = await readJsonArtifact<SuperWeightReport>(reference);
      forced.push(...confirmed.map(({ tensor, row, col }) => ({ tensor, row, col })));
    }

    const prunable = selectTensors(weights, params.prunable);
    const outcome = prune(prunable, masks, { scope: params.scope, fraction: params.fraction, of: params.of, forced });
    const sum = (count: (tensor: (typeof outcome.tensors)[number]) => number) => outcome.tensors.reduce((total, tensor) => total + count(tensor), 0);
    const counts = { prunable: sum(({ weights }) => weights), pruned: sum(({ pruned }) => pruned), prunedNow: sum(({ prunedNow }) => prunedNow) };
    const pruning: Pruning = {
      ...counts,
      prunedBefore: counts.pruned - counts.prunedNow,
      sparsity: counts.pruned / counts.prunable,
      threshold: outcome.threshold,
      forced: outcome.forced,
      tensors: outcome.tensors.map((tensor) => ({ ...tensor, kind: tensorKind(tensor.tensor) })),
    };
    await writeSafetensors(output('weights'), applyMasks(weights, outcome.masks));
    await writeSafetensors(output('mask'), outcome.masks);
    await writeJsonArtifact(output('pruning'), pruning);
    return { sparsity: pruning.sparsity, pruned: pruning.pruned, prunedNow: pruning.prunedNow, threshold: pruning.threshold, forced: pruning.forced.length };
  },
});
